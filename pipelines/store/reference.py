"""Bring warehouse/reference/*.csv into the schema reference: places, sites, organisations, standards.

The files are reviewed like code; nothing is derived here. Every column is text, but those of coordinates.
"""

from hashlib import sha256
from pathlib import Path

from pipelines.errors import ConfigError
from pipelines.store.duck import Connection, columns_of, literal, plain_errors, quote, read_value


def load_reference(con: Connection, folder: Path) -> list[str]:
    """Make every table of the schema reference anew from the files of `folder`; their names."""
    con.execute("DROP SCHEMA IF EXISTS reference CASCADE; CREATE SCHEMA reference")
    names = [path.stem for path in sorted(folder.glob("*.csv"))]
    for name in names:
        _load(con, folder / f"{name}.csv", name)
    return names


def fingerprint(folder: Path) -> str:
    """A text that changes with any byte of the reference files."""
    hashed = sha256()
    for path in sorted(folder.glob("*.csv")):
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


def _as_coordinate(con: Connection, path: Path, table: str, column: str) -> None:
    name = quote(column)
    wrong = f"{name} IS NOT NULL AND TRY_CAST({name} AS DOUBLE) IS NULL"
    bad = read_value(con, f"SELECT count(*) FROM {table} WHERE {wrong}")
    if bad:
        raise ConfigError(f"{path}, column '{column}': {bad} values are no number; write degrees such as 36.78.")
    con.execute(f"ALTER TABLE {table} ALTER {name} TYPE DOUBLE")
