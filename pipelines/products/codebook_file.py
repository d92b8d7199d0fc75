"""Write a codebook to a file, as what its name ends in: .xlsx, .md or .xml (DDI Codebook 2.5)."""

from collections.abc import Callable, Mapping
from pathlib import Path

from pipelines.errors import ConfigError
from pipelines.products.codebook import Codebook, read_codebook
from pipelines.products.codebook_ddi import write_ddi
from pipelines.products.codebook_markdown import write_markdown
from pipelines.products.codebook_workbook import write_workbook
from pipelines.store.duck import Connection
from pipelines.whole_file import unwritable

WRITERS: Mapping[str, Callable[[Codebook, Path], None]] = {
    ".xlsx": write_workbook,
    ".md": write_markdown,
    ".xml": write_ddi,
}


def write_codebook_file(con: Connection, tool: str, path: Path | None = None) -> Path:
    """Write the codebook of `tool` from the tables of `con`; the path of it, TOOL-codebook.xlsx where none is given."""
    path = path or Path(f"{tool}-codebook.xlsx")
    write = WRITERS.get(path.suffix.lower())
    if write is None:
        raise ConfigError(f"{path} ends in no kind of codebook; let it end in {', '.join(WRITERS)}.")
    try:
        write(read_codebook(con, tool), path)
    except OSError as error:
        raise unwritable(path, error) from error
    return path
