"""The codebook of a tool as a value, read from the codebook tables: every column with all that was ever asked for it.

How it looks is codebook_workbook.py, codebook_markdown.py and codebook_ddi.py; what stands in the tables is harmonize/.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipelines.errors import DataError
from pipelines.store.duck import Connection, read_rows

Labels = Mapping[str, str]
Row = Mapping[str, Any]

RIGHT_TO_LEFT = frozenset({"ar", "ckb", "fa", "ur", "he", "ps", "sd", "ku-arab"})
"""Languages that are read from the right; ckb is Sorani Kurdish in Arabic letters."""


@dataclass(frozen=True, slots=True)
class Code:
    """One choice of a column, in the latest words; `missing` says of a code that is no answer which kind it is."""

    name: str
    labels: Labels
    versions: tuple[str, ...]
    missing: str


@dataclass(frozen=True, slots=True)
class Origin:
    """A question of a version, or a column of another system's file, whose answers go to a column; and why."""

    version: str
    path: str
    how: str
    recode: str
    why: str


@dataclass(frozen=True, slots=True)
class Variable:
    """A column of a tool's tables (`name` is that of the question; a point and a moment have several columns).

    Labels, hints and conditions are those of the last version that asked; `origins` are all, the oldest version first.
    """

    table: str
    name: str
    type: str
    list_name: str
    status: str
    sensitivity: str
    hxl: str
    indicator: str
    relevant: str
    required: str
    constraint: str
    labels: Labels
    hints: Labels
    codes: tuple[Code, ...]
    origins: tuple[Origin, ...]

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions in which it was asked, oldest first."""
        return tuple(dict.fromkeys(origin.version for origin in self.origins))


@dataclass(frozen=True, slots=True)
class Codebook:
    """What a tool asks and asked: its columns, table by table, in the order of the latest version.

    `nowhere` are the questions and columns of files that go to no column, with the reason.
    """

    tool: str
    title: str
    versions: tuple[str, ...]
    languages: tuple[str, ...]
    variables: tuple[Variable, ...]
    nowhere: tuple[Origin, ...] = ()

    @property
    def tables(self) -> tuple[str, ...]:
        """Its tables, its own first."""
        return tuple(dict.fromkeys(variable.table for variable in self.variables))

    @property
    def lists(self) -> dict[str, tuple[Code, ...]]:
        """The choices by list; of a list that several columns share, the choices of all of them."""
        found: dict[str, dict[str, Code]] = {}
        for variable in self.variables:
            for code in variable.codes:
                known = found.setdefault(variable.list_name, {}).setdefault(code.name, code)
                versions = [version for version in self.versions if version in {*known.versions, *code.versions}]
                found[variable.list_name][code.name] = replace(known, versions=tuple(versions))
        return {name: tuple(codes.values()) for name, codes in found.items()}


def read_codebook(con: Connection, tool: str) -> Codebook:
    """The codebook of `tool` from the tables of `con`; DataError where they say nothing of it."""
    versions = read_rows(con, "SELECT * FROM codebook.version WHERE tool = ? ORDER BY position", [tool])
    if not versions:
        raise DataError(f"The codebook says nothing of {tool}; run `cccm build {tool}` first.")
    texts = _texts(read_rows(con, LABELS, [tool]))
    questions: dict[tuple[str, str], list[Row]] = {}
    for row in read_rows(con, QUESTIONS, [tool]):
        questions.setdefault((row["table_name"], row["column_name"]), []).append(row)
    codes = _grouped(read_rows(con, CHOICES, [tool]), "version", "list_name")
    files = _grouped(read_rows(con, FILES, [tool]), "table_name", "column_name")
    nowhere = [_origin(row) for row in (*questions.pop(("", ""), []), *files.get(("", ""), []))]
    latest_first = sorted(questions.items(), key=_order)
    return Codebook(
        tool=tool,
        title=versions[-1]["title"] or tool,
        versions=tuple(row["version"] for row in versions),
        languages=tuple(_languages(versions, texts)),
        variables=tuple(_variable(rows, codes, texts, files.get(place, [])) for place, rows in latest_first),
        nowhere=tuple(nowhere),
    )


QUESTIONS = """
WITH level AS (
    SELECT table_name, column_name,
           max_by(sensitivity, list_position(['public', 'partners', 'restricted'], sensitivity)) AS level
    FROM codebook.column_ WHERE schema_name = 'harmonized' GROUP BY ALL
)
SELECT q.*, version.position AS version_position, how, recode, why,
       coalesce(own.level, part.level, 'restricted') AS level
FROM codebook.question AS q JOIN codebook.version USING (tool, version)
JOIN codebook.mapping USING (tool, version, path)
LEFT JOIN level AS own ON (own.table_name, own.column_name) = (q.table_name, q.column_name)
LEFT JOIN level AS part ON (part.table_name, part.column_name) = (q.table_name, q.column_name || '_lat')
WHERE tool = ? AND origin = 'version' ORDER BY version_position, q.position
"""

FILES = "SELECT * FROM codebook.mapping WHERE tool = ? AND origin <> 'version' ORDER BY origin, version, path"

CHOICES = """
SELECT choice.* FROM codebook.choice JOIN codebook.version USING (tool, version)
WHERE tool = ? ORDER BY version.position, choice.position
"""

LABELS = """
SELECT version, kind, list_name, CASE WHEN kind = 'choice' THEN name ELSE path END AS place, language, text
FROM codebook.label WHERE tool = ? AND text <> ''
"""

Texts = Mapping[tuple[str, str, str, str], dict[str, str]]


def _texts(rows: Iterable[Row]) -> Texts:
    found: dict[tuple[str, str, str, str], dict[str, str]] = {}
    for row in rows:
        found.setdefault((row["version"], row["kind"], row["list_name"], row["place"]), {})[row["language"]] = row[
            "text"
        ]
    return found


def _grouped(rows: Iterable[Row], *names: str) -> dict[tuple[str, ...], list[Row]]:
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in names), []).append(row)
    return found


def _languages(versions: Sequence[Row], texts: Texts) -> dict[str, None]:
    """The languages of the forms, the latest version's first, and those that only some label is in."""
    named = (name for row in reversed(versions) for name in row["languages"].split(", ") if name)
    return dict.fromkeys([*named, *sorted({language for labels in texts.values() for language in labels})])


def _order(place: tuple[tuple[str, str], Sequence[Row]]) -> tuple[object, ...]:
    """A key for sorting: the tool's own table before its repeats, later versions before earlier, then as asked."""
    (table, _), rows = place
    return "__" in table, table, -rows[-1]["version_position"], rows[-1]["position"]


def _origin(row: Row) -> Origin:
    return Origin(row["version"], row["path"], row["how"], row["recode"], row["why"])


def _variable(
    rows: Sequence[Row], codes: Mapping[tuple[str, ...], list[Row]], texts: Texts, files: Sequence[Row]
) -> Variable:
    """The column that `rows` (its questions, oldest version first) land in, in the words of the last."""
    told = [row for row in rows if row["how"] != "split"] or rows
    last = told[-1]
    return Variable(
        table=last["table_name"],
        name=last["column_name"],
        type=last["type"],
        list_name=last["list_name"],
        status=last["status"],
        sensitivity=last["level"],
        hxl=last["hxl"],
        indicator=last["indicator"],
        relevant=last["relevant"],
        required=last["required"],
        constraint=last["constraint_"],
        labels=texts.get((last["version"], "question", "", last["path"]), {}),
        hints=texts.get((last["version"], "hint", "", last["path"]), {}),
        codes=tuple(_codes(told, codes, texts)),
        origins=tuple(_origin(row) for row in (*rows, *files)),
    )


def _elsewhere(name: str, recode: Mapping[str, str]) -> bool:
    """Whether the answers of this code are kept apart in the column, or are so in another column of the same list."""
    code, at, _ = name.rpartition("@")
    return recode.get(name, "").startswith(f"{name}@") or bool(at and recode.get(code) != name)


def _codes(rows: Sequence[Row], codes: Mapping[tuple[str, ...], list[Row]], texts: Texts) -> list[Code]:
    """The choices of all versions, those of the latest first; codes that the crosswalk replaces are left out."""
    found: dict[str, Code] = {}
    for row in reversed(rows):
        recode = dict(pair.split(" → ", 1) for pair in row["recode"].split("; ") if " → " in pair)
        for choice in codes.get((row["version"], row["list_name"]), []) if row["list_name"] else []:
            name = choice["name"]
            if (name in recode and name not in found) or _elsewhere(name, recode):
                continue
            labels = texts.get((row["version"], "choice", row["list_name"], name), {})
            known = found.get(name) or Code(name, labels, (), choice["missing"] or "")
            versions = tuple(dict.fromkeys((row["version"], *known.versions)))
            found[name] = Code(known.name, known.labels, versions, known.missing)
    return list(found.values())
