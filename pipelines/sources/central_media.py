"""The files of submissions on an ODK Central server: which there are, and fetching those that came.

Nothing but a submission's own list tells of a file that arrives late, so the lists of those that lack one are asked for
at every sync. Where files rest is archive/attachments.py.
"""

from collections.abc import Collection, Mapping

from pipelines.archive.archive import Archive, Run, Submission
from pipelines.sources.central import Central, Change
from pipelines.sources.central_content import Content


class CentralMedia:
    """Files into the store."""

    def with_files(
        self, some: Collection[Content], changes: Mapping[str, Change], run: Run, central: Central
    ) -> list[Submission]:
        return [content.submission for content in some]

    def fetch(self, archive: Archive, run: Run, central: Central, *, all_of_them: bool) -> None:
        pass
