"""What the archive holds of the current submissions of an asset, to be compared with a server's light index.

Only what an index can show is read. What the comparison leads to is a source's business (sources/).
"""

from collections.abc import Iterator

from pipelines.archive.attachments import FILES_TEXT
from pipelines.archive.record import STATUS
from pipelines.archive.submission import Standing
from pipelines.store.duck import Connection, literal

MODIFIED = r'"_date_modified":\s*"([^"]*)"'
"""Where servers that know it say when a row was last modified."""

AT_ONCE = 5000


def standing_rows(con: Connection, source: str, asset: str) -> Iterator[Standing]:
    """Every current submission of the asset, in the order of the server's numbers."""
    rows = con.execute(STANDING, [source, asset, source, asset])
    while some := rows.fetchmany(AT_ONCE):
        yield from (Standing(*row) for row in some)


STANDING = f"""
SELECT root_id, server_id, instance_id, form_version,
       CASE WHEN validation_status <> '' THEN regexp_extract(raw, {literal(STATUS)}, 1) ELSE '' END,
       regexp_extract(raw, {literal(MODIFIED)}, 1), coalesce(files, '')
FROM submission LEFT JOIN ({FILES_TEXT} GROUP BY s.root_id) AS listed(root_id, files) USING (root_id)
WHERE source = ? AND asset = ? AND gone_run IS NULL
ORDER BY try_cast(server_id AS BIGINT), root_id
"""
