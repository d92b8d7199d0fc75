"""What a server showed when all of it was archived, so that the next sync can ask whether anything moved since.

It is no part of what was sent: where it is lost, the next sync reads the whole index once more. It is written after the
run is complete, so it can never be ahead of the records.
"""

from dataclasses import dataclass
from datetime import datetime

from pipelines.store.duck import Connection, table_exists, transaction

TABLE = """
CREATE TABLE IF NOT EXISTS probe (
    source VARCHAR NOT NULL, asset VARCHAR NOT NULL, etag VARCHAR NOT NULL, form VARCHAR NOT NULL,
    server_time TIMESTAMP NOT NULL
)
"""


@dataclass(frozen=True, slots=True)
class Probe:
    """The index's ETag, the form's hash, and the server's clock (UTC) when a complete sync began."""

    etag: str
    form: str
    server_time: datetime


def last_probe(con: Connection, source: str, asset: str) -> Probe | None:
    """What the last complete sync of the asset left; None where there was none."""
    if not table_exists(con, "main", "probe"):
        return None
    sql = "SELECT etag, form, server_time FROM probe WHERE source = ? AND asset = ?"
    row = con.execute(sql, [source, asset]).fetchone()
    return Probe(*row) if row else None


def keep_probe(con: Connection, source: str, asset: str, probe: Probe) -> None:
    """Leave `probe` for the next sync of the asset."""
    with transaction(con):
        con.execute(TABLE)
        con.execute("DELETE FROM probe WHERE source = ? AND asset = ?", [source, asset])
        row = [source, asset, probe.etag, probe.form, probe.server_time]
        con.execute("INSERT INTO probe VALUES (?, ?, ?, ?, ?)", row)
