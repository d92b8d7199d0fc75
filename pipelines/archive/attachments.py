"""The files of the submissions in an archive: which there are, which are stored, which are still awaited.

A file rests by its hash in the store of attachments; what the server calls it is data, never a path. Fetching is
sources/media.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.archive.submission import Submission
from pipelines.store.duck import Connection, read_value

MOST_TRIES = 10
"""How often a file is asked for in all; `--full` asks once more."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that the server has and we do not."""

    root_id: str
    server_id: str
    uid: str
    file_name: str


def known_files(con: Connection, source: str, asset: str, root_ids: Sequence[str]) -> dict[str, str]:
    """`files_text` of the current revision of each of these submissions, where it has files."""
    sql = f"{FILES_TEXT} AND s.root_id IN (SELECT unnest(?::VARCHAR[])) GROUP BY s.root_id"
    return dict(con.execute(sql, [source, asset, list(root_ids)]).fetchall())


def list_files(con: Connection, source: str, asset: str, page: Sequence[tuple[Submission, int]]) -> None:
    """List the files of each submission under its revision, once; a file keeps what is known of it from before."""
    rows = [
        (submission.root_id, revision, file.question, file.file_name, file.uid or None, file.deleted)
        for submission, revision in page
        for file in submission.files
    ]
    if rows:
        con.execute(LIST, [*map(list, zip(*rows, strict=True)), source, asset, source, asset])


def note_taken_out(con: Connection, source: str, asset: str, root_ids: Sequence[str]) -> None:
    """Say that what an earlier revision of these submissions had and the present one has not is gone."""
    con.execute(TAKEN_OUT, {"source": source, "asset": asset, "root_ids": list(root_ids)})


def wanted_files(con: Connection, source: str, asset: str, *, all_of_them: bool) -> list[Wanted]:
    """What is to be fetched now: never tried first; one that failed waits 1, 2, 4, then 8 runs, and ten times in all.

    `all_of_them` lets none wait.
    """
    rows = con.execute(WANTED, {"source": source, "asset": asset, "all": all_of_them, "most": MOST_TRIES}).fetchall()
    return [Wanted(*row) for row in rows]


def note_stored(con: Connection, source: str, asset: str, stored: Sequence[tuple[Wanted, str]]) -> None:
    """Say that these files rest in the store under these hashes."""
    done = {
        "root_ids": [file.root_id for file, _ in stored],
        "uids": [file.uid for file, _ in stored],
        "hashes": [digest for _, digest in stored],
    }
    con.execute(STORED, {**done, "source": source, "asset": asset})


def note_tried(con: Connection, source: str, asset: str, run: int, failed: Sequence[Wanted]) -> None:
    """Say that `run` asked for these files in vain."""
    which = {"root_ids": [file.root_id for file in failed], "uids": [file.uid for file in failed]}
    con.execute(TRIED, {**which, "run": run, "source": source, "asset": asset})


def awaited(con: Connection, source: str, asset: str) -> int:
    """How many files current submissions still lack, those that the server does not have either among them."""
    return int(read_value(con, AWAITED, [source, asset]))


def awaited_in_all(con: Connection) -> int:
    """The same of every source and asset of an archive."""
    return int(read_value(con, f"SELECT count(*) {OF_ALL} AND a.state = 'awaited'"))


OF_ALL = """
FROM submission AS s JOIN attachment AS a USING (source, asset, root_id, revision) WHERE s.gone_run IS NULL
"""

CURRENT = """
FROM submission AS s JOIN attachment AS a USING (source, asset, root_id, revision)
WHERE s.source = ? AND s.asset = ? AND s.gone_run IS NULL
"""

FILES_TEXT = f"""
SELECT s.root_id, string_agg(concat(a.uid, CASE a.state WHEN 'gone' THEN '-' ELSE '+' END), ',' ORDER BY a.uid)
{CURRENT} AND a.uid IS NOT NULL
"""

AWAITED = f"SELECT count(*) {CURRENT} AND a.state = 'awaited'"

LIST = """
INSERT INTO attachment
    (source, asset, root_id, revision, question, file_name, sha256, state, uid, tries, tried_run)
WITH arrived AS (
    SELECT unnest(?::VARCHAR[]) AS root_id, unnest(?::INTEGER[]) AS revision, unnest(?::VARCHAR[]) AS question,
           unnest(?::VARCHAR[]) AS file_name, unnest(?::VARCHAR[]) AS uid, unnest(?::BOOLEAN[]) AS deleted
), before AS (
    SELECT root_id, uid, max(sha256) AS sha256, max(tries) AS tries, max(tried_run) AS tried_run,
           max(revision) AS revision
    FROM attachment WHERE source = ? AND asset = ? AND root_id IN (SELECT root_id FROM arrived) GROUP BY root_id, uid
), listed AS (
    SELECT root_id, max(revision) AS revision FROM before GROUP BY root_id
)
SELECT ?, ?, arrived.root_id, arrived.revision, arrived.question, arrived.file_name, before.sha256,
       CASE WHEN arrived.deleted THEN 'gone' WHEN before.sha256 IS NULL THEN 'awaited' ELSE 'stored' END,
       arrived.uid, coalesce(before.tries, 0), before.tried_run
FROM arrived LEFT JOIN before ON before.root_id = arrived.root_id AND before.uid = arrived.uid
WHERE NOT EXISTS (SELECT 1 FROM listed WHERE listed.root_id = arrived.root_id AND listed.revision = arrived.revision)
"""

TAKEN_OUT = """
UPDATE attachment SET state = 'gone'
WHERE source = $source AND asset = $asset AND root_id IN (SELECT unnest($root_ids::VARCHAR[])) AND state <> 'gone'
  AND revision < (SELECT max(s.revision) FROM submission AS s WHERE s.source = $source AND s.asset = $asset
                  AND s.root_id = attachment.root_id)
  AND (uid IS NULL OR NOT EXISTS (
      SELECT 1 FROM attachment AS now JOIN submission AS s USING (source, asset, root_id, revision)
      WHERE now.source = $source AND now.asset = $asset AND now.root_id = attachment.root_id
        AND now.uid = attachment.uid AND s.gone_run IS NULL))
"""

WANTED = """
SELECT s.root_id, s.server_id, a.uid, a.file_name
FROM submission AS s JOIN attachment AS a USING (source, asset, root_id, revision)
WHERE s.source = $source AND s.asset = $asset AND s.gone_run IS NULL AND a.state = 'awaited' AND a.uid IS NOT NULL
  AND ($all OR coalesce(a.tries, 0) = 0 OR a.tries < $most AND least(2 ** (a.tries - 1), 8) <= (
      SELECT count(*) FROM sync_run AS r WHERE r.source = $source AND r.asset = $asset AND r.run > a.tried_run))
ORDER BY coalesce(a.tries, 0), s.root_id, a.uid
"""

STORED = """
UPDATE attachment SET state = CASE state WHEN 'awaited' THEN 'stored' ELSE state END, sha256 = done.sha256
FROM (SELECT unnest($root_ids::VARCHAR[]) AS root_id, unnest($uids::VARCHAR[]) AS uid,
             unnest($hashes::VARCHAR[]) AS sha256) AS done
WHERE attachment.source = $source AND attachment.asset = $asset
  AND attachment.root_id = done.root_id AND attachment.uid = done.uid
"""

TRIED = """
UPDATE attachment SET tries = coalesce(tries, 0) + 1, tried_run = $run
FROM (SELECT unnest($root_ids::VARCHAR[]) AS root_id, unnest($uids::VARCHAR[]) AS uid) AS failed
WHERE attachment.source = $source AND attachment.asset = $asset
  AND attachment.root_id = failed.root_id AND attachment.uid = failed.uid
"""
