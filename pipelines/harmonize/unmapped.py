"""What a layout leaves open in the files that were read by it: columns it does not name, texts that nothing says.

The answers themselves wait in quarantine, or stand noted in their cell; here each column and each text is named once,
with the line that would map it. Sentences for a log hold columns and numbers, never a text.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipelines.archive.leaves import leaves
from pipelines.archive.reading import Attached, attached
from pipelines.harmonize.careful import Knowledge
from pipelines.harmonize.compile import plan_of
from pipelines.harmonize.convert import NOT_IN_LIST, NOT_IN_REFERENCE, Refused
from pipelines.harmonize.knowledge import knowledge_of
from pipelines.harmonize.plan import Landing, Plan, Shape
from pipelines.harmonize.remedies import UNKNOWN_KEY, remedy
from pipelines.harmonize.split import names_of, pieces
from pipelines.project.folders import Project
from pipelines.store.duck import Connection, in_memory, insert_texts
from pipelines.store.reference import load_reference

TABLE = """
CREATE SCHEMA IF NOT EXISTS ledger;
CREATE TABLE IF NOT EXISTS ledger.unmapped (
    tool VARCHAR, layout VARCHAR, path VARCHAR, text VARCHAR, reason VARCHAR, answers BIGINT, line VARCHAR
);
"""


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A column (`text` empty), or a text in one, that a layout leaves open; `answers` of the file say it."""

    layout: str
    path: str
    text: str
    reason: str
    answers: int
    line: str


def write_unmapped(con: Connection, plan: Plan, archive: Attached) -> None:
    """Write anew what the tool's layouts leave open into ledger.unmapped."""
    con.execute(TABLE)
    con.execute("DELETE FROM ledger.unmapped WHERE tool = ?", [plan.tool])
    layouts = [shape for shape in plan.shapes.values() if shape.layout]
    knowledge = knowledge_of(con, plan)
    found = [one for shape in layouts for one in _unmapped(con, plan, shape, knowledge, archive, [])]
    rows = [[plan.tool, one.layout, one.path, one.text, one.reason, str(one.answers), one.line] for one in found]
    insert_texts(con, "ledger.unmapped", rows)


def left_open(project: Project, tool: str, source: str, asset: str, layout: str) -> str:
    """A sentence on what `layout` leaves open of the archived rows of one asset; empty where it says all."""
    with in_memory() as con:
        load_reference(con, project.reference)
        with attached(con, project.archive_file(tool)) as archive:
            plan = plan_of(project.tool(tool), archive.form_versions())
            found = list(_unmapped(con, plan, plan.shapes[layout], knowledge_of(con, plan), archive, [source, asset]))
    texts = Counter(one.path for one in found if one.reason != UNKNOWN_KEY)
    if not texts:
        return ""
    where = ", ".join(f"'{path}': {number}" for path, number in sorted(texts.items()))
    return (
        f"{texts.total()} texts are none that layout '{layout}' or the form knows ({where}); "
        f"`cccm unmapped {tool} --show-values` names them after the next build, each with the line that maps it"
    )


def _unmapped(
    con: Connection, plan: Plan, shape: Shape, knowledge: Knowledge, archive: Attached, asset: Sequence[str]
) -> Iterator[Unmapped]:
    """What `shape` leaves open of its archived rows, or of those of one asset (source, asset)."""
    rows_of = "form_version = ? AND n_answers IS NOT NULL" + (" AND source = ? AND asset = ?" if asset else "")
    found = con.execute(f"SELECT raw, raw_kind FROM {archive.current} WHERE {rows_of}", [shape.name, *asset])
    said: dict[str, Counter[str]] = {}
    while rows := found.fetchmany(1000):
        for leaf in (leaf for row in rows for leaf in leaves(*row)):
            said.setdefault(leaf.path, Counter())[leaf.text] += 1
    for path in sorted(said):
        yield from _of_column(plan, shape, knowledge, path, said[path])


def _of_column(plan: Plan, shape: Shape, knowledge: Knowledge, path: str, texts: Counter[str]) -> Iterator[Unmapped]:
    if path in shape.splits or path in shape.unmapped:
        return
    landing = shape.landings.get(path)
    if landing is None:
        line = remedy(UNKNOWN_KEY, plan.tool, shape, path)
        yield Unmapped(shape.name, path, "", UNKNOWN_KEY, texts.total(), line)
        return
    how = knowledge.writing(shape, landing)
    if landing.kind == "text" and not (how.labels or how.closed):
        return  # whatever is written there is an answer
    open_texts: Counter[tuple[str, str]] = Counter()
    for text, answers in texts.items():
        converted = knowledge.converted(shape, landing, text)
        reason = converted.reason if isinstance(converted, Refused) else converted.why
        if isinstance(converted, Refused) or reason == NOT_IN_LIST:
            for piece in _pieces(shape, landing, knowledge, text, reason):
                open_texts[reason, piece] += answers
    for (reason, text), answers in sorted(open_texts.items()):
        yield Unmapped(shape.name, path, text, reason, answers, remedy(reason, plan.tool, shape, path, text))


def _pieces(shape: Shape, landing: Landing, knowledge: Knowledge, text: str, reason: str) -> list[str]:
    """The parts of `text` that are open: of several labels in one cell, those that nobody knows."""
    if landing.kind != "multiple" or reason not in {NOT_IN_LIST, NOT_IN_REFERENCE}:
        return [text]
    known = [*knowledge.writing(shape, landing).labels, *landing.recode]
    names = names_of({label: [label] for label in known})
    return [piece.written for piece in pieces(text, names) if not piece.codes] or [text]
