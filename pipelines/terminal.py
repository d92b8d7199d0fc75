"""What a person sees in the terminal: progress bars, tables, one sentence for an error. What is done is cli.py."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from pipelines.errors import CccmError

out = Console()
err = Console(stderr=True)

LONGEST_WORD = 16
"""A word of a table that is no longer than this is not broken."""

COLUMNS = (
    SpinnerColumn(),
    TextColumn("{task.description:<34}"),
    BarColumn(),
    MofNCompleteColumn(),
    TimeElapsedColumn(),
)
"""What a progress bar shows."""


def show_table(title: str, rows: Sequence[Mapping[str, object]], *, as_json: bool = False) -> None:
    """Print `rows` as a table, or as JSON."""
    if as_json:
        out.print_json(json.dumps([dict(row) for row in rows], default=str, ensure_ascii=False))
        return
    table = Table(title=title or None, title_justify="left", header_style="bold", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    if not rows:
        say(f"{title}: nothing" if title else "nothing")
        return
    names = list(dict.fromkeys(name for row in rows for name in row))
    least = {name: _least_width(rows, name, whole=name == names[0] or _is_numeric(rows, name)) for name in names}
    if sum(least.values()) + 2 * len(names) > out.width:
        _show_records(rows)
        return
    for name in names:
        numeric = _is_numeric(rows, name)
        first = name == names[0]
        table.add_column(
            escape(name),
            justify="right" if numeric else "left",
            overflow="fold",
            no_wrap=numeric or first,
            min_width=least[name],
        )
    for row in rows:
        table.add_row(*(_cell(row.get(name)) for name in names))
    out.print(table)


def _least_width(rows: Sequence[Mapping[str, object]], name: str, *, whole: bool) -> int:
    """How wide a column must be so that no cell (`whole`), or no word that could be spared it, is broken."""
    cells = [name, *(_cell(row.get(name)) for row in rows)]
    if whole:
        return max(map(len, cells))
    return min(LONGEST_WORD, max((len(word) for cell in cells for word in cell.split()), default=1))


def _is_numeric(rows: Sequence[Mapping[str, object]], name: str) -> bool:
    return all(isinstance(row.get(name), int | float) for row in rows)


def _show_records(rows: Sequence[Mapping[str, object]]) -> None:
    """Print rows that are too wide for a table, one column a line."""
    for number, row in enumerate(rows, start=1):
        out.rule(f"row {number}", align="left")
        for name, value in row.items():
            say(f"{name}: {'' if value is None else value}")


def say(sentence: str) -> None:
    """Print a sentence, in one line: a path or a command in it can be copied as it stands."""
    out.print(escape(sentence), highlight=False, soft_wrap=True)


def complain(error: CccmError | str) -> None:
    """Print what went wrong, where errors go."""
    err.print(f"[bold red]error[/]: {escape(str(error))}", highlight=False, soft_wrap=True)


def warn(sentence: str) -> None:
    """Print what should be looked at."""
    err.print(f"[bold yellow]note[/]: {escape(sentence)}", highlight=False, soft_wrap=True)


@contextmanager
def step_bar(total: int, *, quiet: bool = False) -> Iterator[Callable[[str, int | None], None]]:
    """Yield a callback for a run's progress: the step, and how many submissions it has seen (None where it counts
    none). A step that counts has a bar of its own.
    """
    with Progress(*COLUMNS, console=err, transient=not sys.stderr.isatty(), disable=quiet) as progress:
        whole = progress.add_task("starting", total=total)
        seen: set[str] = set()
        counting: dict[str, TaskID] = {}

        def tell(step: str, done: int | None) -> None:
            for other in counting.keys() - {step}:
                progress.update(counting[other], total=progress.tasks[counting[other]].completed)
            seen.add(step)
            progress.update(whole, description=step, completed=len(seen))
            if done:
                if step not in counting:
                    counting[step] = progress.add_task(f"  {step.removeprefix('archive/')}", total=None)
                progress.update(counting[step], completed=done)

        yield tell
        progress.update(whole, description="done", completed=total)


@contextmanager
def count_bar(what: str, *, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Yield a callback for (done, total)."""
    with Progress(*COLUMNS, console=err, transient=not sys.stderr.isatty(), disable=quiet) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return escape(", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value))
