"""Lines for a layout of crosswalk.yml: where the columns of an export file would go by what the newest form asks.

For a file that Kobo, ODK Central or a program that follows them wrote: its headers are the names of questions, with or
without their groups, or their labels in one language. Proposed only, as YAML to look through and paste; a header that
is no question's stands there as a remark. How such a file is read is sources/.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pipelines.harmonize.plan import Landing, Plan, Shape

PARTS = {"latitude": "_lat", "longitude": "_lon", "altitude": "_alt", "precision": "_acc", "accuracy": "_acc"}
SYSTEM = re.compile(
    r"_(index|parent_index|parent_table_name|id|uuid|submission_.*|validation_status|notes|status|submitted_by|tags"
    r"|version_.*|_version_.*)|_submission__.*|meta/.*|__version__|formhub/uuid",
    re.IGNORECASE,
)
KEYS = ("_uuid", "_id", "meta/instanceID", "instanceID", "KEY", "uuid", "_index", "index")
"""Columns that tell rows apart in exports, the surest first."""

SENT = ("_submission_time", "SubmissionDate")
LINKS = (("_parent_index", ("_index", "index")), ("PARENT_KEY", ("KEY",)))
"""How exports join sheets: a column of the one, and what it may be called in the other."""

OWN = "the export's own, never asked"


@dataclass(frozen=True, slots=True)
class Found:
    """Where one header goes: `to` a column, or nowhere, with a reason; both empty where nobody knows."""

    header: str
    to: str = ""
    unmapped: str = ""

    def written(self) -> str:
        """The line of YAML."""
        if self.to:
            return f"{_quoted(self.header)}: {_quoted(self.to)}"
        if self.unmapped:
            return f"{_quoted(self.header)}: {{unmapped: {_quoted(self.unmapped)}}}"
        return f"# {_quoted(self.header)}: COLUMN, or {{unmapped: a reason}}"


def proposed_layout(plan: Plan, name: str, sheets: Mapping[str, Sequence[str]], delimiter: str = "") -> str:
    """A layout called `name` for a file with these headers by sheet, the sheet of the submissions first.

    A text has one sheet without a name, and a delimiter.
    """
    shape = plan.shapes[plan.otherwise]
    (first, headers), *others = sheets.items()
    repeats = dict(_repeats(shape, headers, others))
    lines = ["layouts:", f"  {_quoted(name)}:"]
    lines += [f"    sheet: {_quoted(first)}"] if first else ["    encoding: auto"]
    lines += [f"    delimiter: {_quoted(delimiter)}"] if delimiter not in {"", ","} else []
    known = next((key for key in KEYS if key in headers), "")
    lines += [
        f"    id: [{_quoted(known or headers[0])}]" + ("" if known else "  # name the columns that tell rows apart")
    ]
    lines += [f"    submitted_at: {{column: {_quoted(sent)}}}" for sent in SENT if sent in headers][:1]
    if repeats:
        lines += ["    repeats:", *(f"      {_quoted(sheet)}: {how}" for sheet, (_, how) in repeats.items())]
    lines += ["    columns:", *(f"      {found.written()}" for found in _found(shape, "", headers))]
    for sheet, (repeat, _) in repeats.items():
        found = (replace(one, header=f"{sheet}/{one.header}") for one in _found(shape, repeat, sheets[sheet]))
        lines += [f"      {one.written()}" for one in found]
    return "\n".join(lines) + "\n"


def _repeats(
    shape: Shape, headers: Sequence[str], others: Sequence[tuple[str, Sequence[str]]]
) -> Iterator[tuple[str, tuple[str, str]]]:
    """(sheet, (path of its repeat, how its rows are joined)) of each sheet that is called as a repeat."""
    there: dict[str, Sequence[str]] = {"": headers, **dict(others)}
    sheet_of: dict[str, str] = {}
    for path in shape.repeats:
        name = path.rpartition("/")[2]
        sheet = next((sheet for sheet, _ in others if sheet.casefold() in {name.casefold(), name[:31].casefold()}), "")
        outer = max((other for other in sheet_of if path.startswith(other + "/")), key=len, default="")
        within = sheet_of.get(outer, "")
        links = ((own, other) for own, names in LINKS for other in names)
        joined = next(
            ((own, other) for own, other in links if own in there.get(sheet, ()) and other in there[within]), None
        )
        if sheet and joined:
            sheet_of[path] = sheet
            parts = [f"into: {_quoted(shape.repeats[path])}"] if shape.repeats[path] != sheet else []
            parts += [f"within: {_quoted(within)}"] if within else []
            parts += [f"joined_by: {{{_quoted(joined[0])}: {_quoted(joined[1])}}}"]
            yield sheet, (path, "{" + ", ".join(parts) + "}")


def _found(shape: Shape, repeat: str, headers: Sequence[str]) -> Iterator[Found]:
    """Where each header of the sheet of `repeat` goes; a column is taken once, by the header most like its question."""
    known = {path: landing for path, landing in shape.landings.items() if landing.repeat == repeat}
    by_path, by_name, by_label = _ways(shape, known)
    taken: dict[str, str] = {}
    for ways, said in ((by_path, _plain), (by_name, _plain), (by_label, _plain), (by_name, _last)):
        choices = {_plain(header) for header, path in taken.items() if known[path].kind == "multiple"}
        for header in headers:
            path = ways.get(said(header), "")
            of_a_choice = said is _last and any(_plain(header).startswith(f"{whole}/") for whole in choices)
            if path and header not in taken and path not in taken.values() and not of_a_choice:
                taken[header] = path
    for header in headers:
        if header in taken:
            yield Found(header, to=known[taken[header]].column)
        else:
            yield _otherwise(header, {_plain(other): known[path] for other, path in taken.items()})


def _ways(shape: Shape, known: Mapping[str, Landing]) -> tuple[Mapping[str, str], ...]:
    """What a header may say -> the question's path: by its path, its name, its label; each if it is alone."""
    questions = [question for question in (shape.form.questions if shape.form else ()) if question.path in known]
    paths = {_plain(question.path): question.path for question in questions}
    names = _alone([(_plain(question.name), question.path) for question in questions])
    labels = _alone([(label, q.path) for q in questions for label in {_plain(text) for text in q.labels.values()}])
    return paths, names, labels


def _alone(said: Sequence[tuple[str, str]]) -> dict[str, str]:
    """`said` (text, path) as a mapping, without the texts of several."""
    times = Counter(text for text, _ in said)
    return {text: path for text, path in said if times[text] == 1}


def _otherwise(header: str, taken: Mapping[str, Landing]) -> Found:
    """What a header is that asks nothing by itself: one choice of a question, a part of a point, the export's own."""
    whole, _, end = _plain(header).rpartition("/")
    while whole:
        if whole in taken and taken[whole].kind == "multiple":
            return Found(header, unmapped="one choice of a question that stands whole beside it")
        whole = whole.rpartition("/")[0]
    words = header.removeprefix("_").rpartition("_")
    if words[2].casefold() in PARTS and _plain(words[0]) in taken:
        return Found(header, unmapped="a part of a point that stands whole beside it")
    if SYSTEM.fullmatch(header) or (end != _plain(header) and SYSTEM.fullmatch(end)):
        return Found(header, unmapped=OWN)
    return Found(header)


def _plain(header: str) -> str:
    """A header, path or label for comparing: exports part groups by / or by a point."""
    return " ".join(header.replace(".", "/").casefold().split())


def _last(header: str) -> str:
    return _plain(header).rpartition("/")[2]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
