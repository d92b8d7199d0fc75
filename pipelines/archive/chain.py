"""The hash ledger of an archive: a chain of entries, one for each transaction that wrote, a seal where a run ended.

Each entry's hash covers the one before it, so an archive that lost an entry, or took another way, cannot pass for the
one that was left. A seal says what the tables hold: for each the count of rows and an order-free sum over them. `raw`
is not read for it: `raw_sha256` stands in, and `cccm verify` holds one against the other. What is known of the chain
outside of the file is head.py; what follows from a difference is opening.py.

Rows of `submission` are never changed but for `gone_run` and `gone_why`, so what any earlier seal saw can be told from
the rows of today.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

from pipelines.archive.head import Entry, note_entry
from pipelines.store.duck import Connection, columns_of, literal, quote, read_value, transaction

TABLES = """
CREATE TABLE chain (
    n INTEGER NOT NULL, run INTEGER NOT NULL, what VARCHAR NOT NULL, content VARCHAR NOT NULL, salt VARCHAR NOT NULL,
    link VARCHAR NOT NULL
);
"""

SEAL = "seal"
GONE = ("gone_run", "gone_why")
WHOLE = ("attachment", "sync_run", "decision")
"""Tables whose rows may change: only the last seal can be held against them."""

SUM = 2**64


@contextmanager
def linked(con: Connection, what: str = "sync") -> Iterator[Connection]:
    """Commit what the block wrote to an archive, all of it or nothing, together with an entry that stands for it."""
    with transaction(con):
        yield con
        entry = _add(con, what)
    note_entry(_file_of(con), entry)


def seal(con: Connection) -> Entry:
    """The seal over what the archive holds now, made where something was written after the last one."""
    last = last_entry(con)
    if last is not None and last.what == SEAL:
        return last
    with transaction(con):
        entry = _add(con, SEAL, seen(con))
    note_entry(_file_of(con), entry)
    return entry


def last_entry(con: Connection) -> Entry | None:
    """The last entry of the chain; None in an archive that was only just made."""
    row = con.execute("SELECT n, what, link FROM chain ORDER BY n DESC LIMIT 1").fetchone()
    return Entry(*row) if row else None


def link_at(con: Connection, n: int) -> str:
    """The hash of entry `n`; empty where there is none. Entry 0 is what the chain hangs on."""
    if n == 0:
        return _root(con)
    return read_value(con, "SELECT link FROM chain WHERE n = ?", [n]) or ""


def seen(con: Connection) -> str:
    """What the tables hold, as a seal writes it down: count and sum of each."""
    parts = [_rows_until(con)[-1], *(_whole(con, table) for table in WHOLE)]
    return "; ".join(parts)


def broken_links(con: Connection) -> str:
    """What is wrong with the chain itself, in a few words; empty where each entry follows from the one before."""
    rows = con.execute("SELECT n, run, what, content, salt, link FROM chain ORDER BY n").fetchall()
    links = [_root(con), *(row[5] for row in rows)]
    for number, ((before, link), row) in enumerate(zip(pairwise(links), rows, strict=True), start=1):
        if row[0] != number or link != _hash(before, *row[:5]):
            return f"entry {number} of its chain does not follow from the one before"
    return ""


def broken_seals(con: Connection, *, last_whole: bool) -> str:
    """Which seal is not what the tables hold, in a few words; empty where all are. `last_whole`: nothing was written
    after the last seal, so that it is held against every table.
    """
    seals = con.execute("SELECT run, content FROM chain WHERE what = ? ORDER BY n", [SEAL]).fetchall()
    until = _rows_until(con, [run for run, _ in seals])
    for (run, content), held in zip(seals, until, strict=True):
        if not content.startswith(f"{held}; "):
            return f"its rows are not those that run {run} left there"
    if seals and last_whole:
        wrong = [table for table in WHOLE if f"; {_whole(con, table)}" not in seals[-1][1]]
        return f"its table {wrong[0]} is not as run {seals[-1][0]} left it" if wrong else ""
    return ""


def _add(con: Connection, what: str, content: str = "") -> Entry:
    last = last_entry(con)
    n, before = (last.n + 1, last.link) if last else (1, _root(con))
    run = read_value(con, "SELECT max(run) FROM sync_run") or 0
    salt = secrets.token_hex(8)
    link = _hash(before, n, run, what, content, salt)
    con.execute("INSERT INTO chain VALUES (?, ?, ?, ?, ?, ?)", [n, run, what, content, salt, link])
    return Entry(n, what, link)


def _hash(before: str, *entry: object) -> str:
    return sha256("\n".join([before, *map(str, entry)]).encode()).hexdigest()


def _root(con: Connection) -> str:
    return str(read_value(con, "SELECT archive FROM archive_format"))


def _rows_until(con: Connection, runs: list[int] | None = None) -> list[str]:
    """What `submission` and `form_version` held at the end of each of `runs`; of the last one where none are named."""
    tables = [
        ("submission", "seen_run", [name for name in columns_of(con, "main", "submission") if name not in GONE]),
        ("gone", "gone_run", ["source", "asset", "root_id", "revision", *GONE]),
        ("form_version", "first_seen", list(columns_of(con, "main", "form_version"))),
    ]
    sums = {name: _by_run(con, name, run, columns) for name, run, columns in tables}
    if runs is None:
        runs = [max((run for by_run in sums.values() for run in by_run), default=0)]
    return ["; ".join(_until(name, by_run, run) for name, by_run in sums.items()) for run in runs]


def _until(name: str, by_run: dict[int, tuple[int, int]], last: int) -> str:
    parts = [part for run, part in by_run.items() if run <= last]
    return f"{name} {sum(count for count, _ in parts)} {sum(value for _, value in parts) % SUM:016x}"


def _by_run(con: Connection, name: str, run: str, columns: list[str]) -> dict[int, tuple[int, int]]:
    """Run -> (rows, sum over them) of what a table got in that run."""
    table = "submission WHERE gone_run IS NOT NULL" if name == "gone" else name
    sql = f"SELECT {run}, count(*), {_sum(columns)} FROM {table} GROUP BY ALL"
    return {row[0]: (row[1], row[2]) for row in con.execute(sql).fetchall()}


def _whole(con: Connection, table: str) -> str:
    columns = list(columns_of(con, "main", table))
    count, value = con.execute(f"SELECT count(*), {_sum(columns)} FROM {table}").fetchall()[0]
    return f"{table} {count} {value or 0:016x}"


def _sum(columns: list[str]) -> str:
    """SQL for the sum over rows, modulo 2^64, of the lower half of MD5 over `columns`."""
    names = [quote(name) for name in columns if name != "raw"]
    texts = ", ".join(f"coalesce(CAST({name} AS VARCHAR), {literal(NOTHING)})" for name in names)
    return f"CAST(sum(md5_number_lower(concat_ws({literal(UNIT)}, {texts}))) % {SUM} AS UBIGINT)"


UNIT, NOTHING = "\x1f", "\x1e"


def _file_of(con: Connection) -> Path:
    return Path(read_value(con, "SELECT path FROM duckdb_databases() WHERE database_name = current_database()"))
