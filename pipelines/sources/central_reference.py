"""Keep the lists that an ODK Central server holds as entities, for the reference tables: every state of each, as sent.

What a table is made of is store/reference.py. A list whose name is a file of warehouse/reference is not taken: what is
reviewed like code is not replaced by what somebody changes on a server.
"""

import csv
import io
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from pipelines.errors import ConfigError, DiskError
from pipelines.sources.central import TRIES, Central
from pipelines.sources.retry import Unreached
from pipelines.store.duck import sync_file
from pipelines.store.reference import last_states


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
            _keep(store / table / f"{moment:%Y%m%dT%H%M%S}Z.csv", said)
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


def _keep(place: Path, said: str) -> None:
    """Let `said` lie at `place`, whole and on the disk before its name is."""
    draft = place.with_suffix(".part")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(said, encoding="utf-8", newline="")
        sync_file(draft)
        draft.replace(place)
        sync_file(place.parent)
    except OSError as error:
        message = f"{place} cannot be written ({error.strerror}): make room, or correct its permissions."
        raise DiskError(message) from error
