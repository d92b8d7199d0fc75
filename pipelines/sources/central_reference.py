"""Keep the lists that an ODK Central server holds as entities, for the reference tables: every state of each, as sent.

What a table is made of is store/reference.py. A list whose name is a file of warehouse/reference is not taken: what is
reviewed like code is not replaced by what somebody changes on a server.
"""

import csv
import io
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from pipelines.errors import ConfigError
from pipelines.sources.central import TRIES, Central
from pipelines.sources.retry import Unreached
from pipelines.store.reference import last_states
from pipelines.whole_file import write_whole


def keep_lists(central: Central, lists: Mapping[str, str], store: Path, reviewed: Path, moment: datetime) -> list[str]:
    """Keep the present state of each list (table -> dataset) in `store`, if it is another than the last one; the tables
    of which it is. `reviewed` is the folder of the files that nobody replaces.
    """
    anew = []
    for table, dataset in lists.items():
        if (reviewed / f"{table}.csv").exists():
            raise ConfigError(
                f"xlsforms/sources.yml names the list '{table}', which is a file of warehouse/reference already; "
                "take out one of the two."
            )
        said = _whole(central, dataset)
        last = last_states(store).get(table)
        if last is None or last.read_text(encoding="utf-8") != said:
            write_whole(store / table / f"{moment:%Y%m%dT%H%M%S}Z.csv", said.encode())
            anew.append(table)
    return anew


def _whole(central: Central, dataset: str) -> str:
    """The list as CSV, with as many rows as the server counts: a cut one looks whole otherwise."""
    for _ in range(TRIES):
        said = central.entities(dataset)
        rows = sum(1 for _ in csv.reader(io.StringIO(said, newline=""))) - 1
        if said.endswith("\n") and rows == central.entity_count(dataset):
            return said
    raise Unreached(f"The server counts other entities in {dataset} than it sends; run the sync again.")
