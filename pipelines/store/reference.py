"""Bring warehouse/reference/*.csv into the schema reference: places, sites, organisations, standards.

The files are reviewed like code; nothing is derived here. Every column is text, but those of coordinates. A list that
is kept on a server comes from where its states are kept as sent (lists/<table>/<moment>.csv), the last of them.
"""

from hashlib import sha256
from pathlib import Path

from pipelines.errors import ConfigError
from pipelines.store.duck import Connection, columns_of, literal, plain_errors, quote, read_value

THEIRS = ("__creatorId", "__creatorName")
"""Columns of a server's list that speak of people."""


def load_reference(con: Connection, folder: Path, lists: Path | None = None) -> list[str]:
    """Make every table of the schema reference anew from the files of `folder`, and from the last state of each of the
    `lists` that no such file names; their names.
    """
    con.execute("DROP SCHEMA IF EXISTS reference CASCADE; CREATE SCHEMA reference")
    names = [path.stem for path in sorted(folder.glob("*.csv"))]
    for name in names:
        _load(con, folder / f"{name}.csv", name)
    kept = {name: path for name, path in last_states(lists).items() if name not in names}
    for name, path in kept.items():
        _load(con, path, name)
        _as_reference(con, name)
    return [*names, *kept]


def last_states(lists: Path | None) -> dict[str, Path]:
    """By table, the file of the last state of each list that a server keeps."""
    folders = sorted(path for path in lists.iterdir() if path.is_dir()) if lists and lists.is_dir() else []
    states = {path.name: sorted(path.glob("*.csv")) for path in folders}
    return {name: files[-1] for name, files in states.items() if files}


def fingerprint(folder: Path, lists: Path | None = None) -> str:
    """A text that changes with any byte of the reference files, and of the last states of `lists`."""
    hashed = sha256()
    for path in [*sorted(folder.glob("*.csv")), *last_states(lists).values()]:
        hashed.update(path.name.encode() + b"\0" + path.read_bytes())
    return hashed.hexdigest()


def _load(con: Connection, path: Path, name: str) -> None:
    table = f"reference.{quote(name)}"
    options = "header = true, all_varchar = true, delim = ',', quote = '\"', encoding = 'utf-8', nullstr = ''"
    with plain_errors(str(path), "write it as comma-separated UTF-8 with one header row"):
        con.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT * FROM read_csv({literal(str(path))}, {options})")
    for column in columns_of(con, "reference", name):
        if column in {"lat", "lon"} or column.endswith(("_lat", "_lon")):
            _as_coordinate(con, path, table, column)


def _as_reference(con: Connection, name: str) -> None:
    """Take out of a server's list who made it, and add the coordinates that stand in its geometry."""
    table, columns = f"reference.{quote(name)}", columns_of(con, "reference", name)
    for column in THEIRS:
        con.execute(f"ALTER TABLE {table} DROP COLUMN IF EXISTS {quote(column)}")
    if "geometry" in columns and not {"lat", "lon"} & set(columns):
        for part, column in enumerate(("lat", "lon"), start=1):
            con.execute(f"ALTER TABLE {table} ADD COLUMN {column} DOUBLE")
            con.execute(f"UPDATE {table} SET {column} = TRY_CAST(split_part(geometry, ' ', {part}) AS DOUBLE)")


def _as_coordinate(con: Connection, path: Path, table: str, column: str) -> None:
    name = quote(column)
    wrong = f"{name} IS NOT NULL AND TRY_CAST({name} AS DOUBLE) IS NULL"
    bad = read_value(con, f"SELECT count(*) FROM {table} WHERE {wrong}")
    if bad:
        raise ConfigError(f"{path}, column '{column}': {bad} values are no number; write degrees such as 36.78.")
    con.execute(f"ALTER TABLE {table} ALTER {name} TYPE DOUBLE")
