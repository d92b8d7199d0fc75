"""The files of submissions on an ODK Central server: which there are, and which of those that were awaited have come.

Nothing in Central's indexes moves when a file arrives late: only the submission's own list of files shows it, and the
number of files present. How a file gets into the store is media.py.
"""

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from pipelines.archive.archive import Run, Submission
from pipelines.archive.attachments import Wanted
from pipelines.archive.leaves import leaves
from pipelines.archive.submission import AttachedFile
from pipelines.sources.central import Central
from pipelines.sources.central_answers import Standing
from pipelines.sources.central_content import Content
from pipelines.sources.media import Fetched, fetch_files

LISTED_SINGLY = 50
"""Of more submissions that lack a file, one request first asks how many files each has now."""


class CentralMedia:
    """The files of one form; `store` is where they rest (None: they stay on the server), `parallel` the requests at a
    time.
    """

    def __init__(self, central: Central, run: Run, store: Path | None, parallel: int) -> None:
        self._central, self._run, self._store, self._parallel = central, run, store, parallel

    def named(self, some: Collection[Content], shown: Mapping[str, Standing]) -> list[Submission]:
        """The submissions of `some`, each with the files that it names; `shown` is what an index says of them."""
        without = [content for content in some if self._expected(content, shown) == 0]
        others = [content for content in some if self._expected(content, shown) != 0]
        with ThreadPoolExecutor(self._parallel) as pool:
            return [*(content.submission for content in without), *pool.map(self._with_files, others)]

    def fetch(self) -> Fetched:
        """Fetch every file that was awaited and is there now."""
        if self._store is None:
            return Fetched()
        arrived = self._arrived(self._run.wanted_files(all_of_them=True))
        place = self._central.place_of_file
        return fetch_files(self._run, self._central.client, arrived, self._store, parallel=self._parallel, place=place)

    def _expected(self, content: Content, shown: Mapping[str, Standing]) -> int | None:
        """How many files a submission names, as far as anybody said."""
        standing = shown.get(content.submission.server_id)
        return standing.files_expected if standing and content.files_expected is None else content.files_expected

    def _with_files(self, content: Content) -> Submission:
        sent = content.submission
        names = sorted(self._central.files(self._run.asset, sent.server_id) or ())
        questions = self._questions(sent) if names else {}
        files = (AttachedFile(file_name=name, uid=name, question=questions.get(name, "")) for name in names)
        return replace(sent, files=tuple(files))

    def _questions(self, sent: Submission) -> dict[str, str]:
        """The path of the question that names a file, by the file's name."""
        outline = self._run.outlines.of(self._run.source, self._run.asset, sent.form_version, sent.raw_kind)
        try:
            return {leaf.text: leaf.path for leaf in leaves(sent.raw, sent.raw_kind, outline)}
        except ValueError:
            return {}

    def _arrived(self, awaited: list[Wanted]) -> list[Wanted]:
        """Which of the `awaited` files the server has now."""
        of: dict[str, list[Wanted]] = {}
        for file in awaited:
            of.setdefault(file.server_id, []).append(file)
        if len(of) > LISTED_SINGLY:
            shown = self._central.shown(self._run.asset)
            of = {server_id: files for server_id, files in of.items() if _may_have_come(shown.get(server_id), files)}
        with ThreadPoolExecutor(self._parallel) as pool:
            listed = pool.map(lambda server_id: self._central.files(self._run.asset, server_id) or {}, of)
            return [
                file
                for files, there in zip(of.values(), listed, strict=True)
                for file in files
                if there.get(file.file_name)
            ]


def _may_have_come(shown: Standing | None, awaited: Collection[Wanted]) -> bool:
    return shown is not None and shown.files_present > shown.files_expected - len(awaited)
