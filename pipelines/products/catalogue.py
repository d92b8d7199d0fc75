"""Every product by name, and the writing of one to its place.

A product that comes out as it already lies there is left alone. What it holds is in its own module.
"""

import filecmp
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType

from pipelines.errors import ConfigError
from pipelines.products.population_sheet import POPULATION_SHEET
from pipelines.products.product import Context, Product
from pipelines.products.service_3w import SERVICE_3W
from pipelines.project import Project
from pipelines.store.duck import Connection, plain_errors
from pipelines.whole_file import draft_of, forget, put_in_place, unwritable

PRODUCTS: Mapping[str, Product] = MappingProxyType({one.name: one for one in (POPULATION_SHEET, SERVICE_3W)})

PERIOD = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]*")


def write_product(
    con: Connection, project: Project, name: str, period: str, as_of: date, receipt: Mapping[str, object]
) -> Path:
    """Where the product `name` of `period` lies, now that it shows what `con`, the published file, holds."""
    product = _product(name)
    if not PERIOD.fullmatch(period):
        raise ConfigError(f"{period!r} is no period; write it as year and month, such as 2026-11.")
    path = project.products / period / f"{name}.xlsx"
    try:
        draft = draft_of(path)
        try:
            with plain_errors(f"The product {name}", "run `cccm build` to publish the tables that it reads"):
                product.write(con, draft, Context(period, as_of, receipt))
            if not path.exists() or not filecmp.cmp(draft, path, shallow=False):
                put_in_place(draft, path)
        finally:
            forget(draft)
    except OSError as error:
        raise unwritable(path, error) from error
    return path


def _product(name: str) -> Product:
    if name not in PRODUCTS:
        raise ConfigError(f"There is no product {name!r}; name one of {', '.join(PRODUCTS)}.")
    return PRODUCTS[name]
