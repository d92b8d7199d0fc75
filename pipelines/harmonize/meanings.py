"""Codes that say something else today are kept apart: `house` of version 1 stands as `house@1`, until a line says more.

The newest version that offers a code in a column says what it means there. An older version, or a form of a server,
whose label means something else in any language has its answers under the code and the version; `same` or a recode in
the crosswalk settles it. How two labels are judged is forms/meaning.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pipelines.forms.codes import Codes, by_few, codes_of, line_about, meant_otherwise, twins
from pipelines.forms.form import Form
from pipelines.harmonize.plan import Apart, Landing, Plan
from pipelines.project.crosswalk import Rules
from pipelines.store.duck import Connection, insert_texts

TABLE = """
CREATE SCHEMA IF NOT EXISTS ledger;
CREATE TABLE IF NOT EXISTS ledger.apart (
    tool VARCHAR, version VARCHAR, path VARCHAR, table_name VARCHAR, column_name VARCHAR, code VARCHAR,
    kept_as VARCHAR, since VARCHAR, languages VARCHAR, line VARCHAR
);
"""


@dataclass(frozen=True, slots=True)
class _Said:
    """What a code means in a column: its choices, and the version they are of."""

    choices: Codes
    version: str


class Meanings:
    """What the codes of every column mean, while the forms are gone through, the newest first."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, str], dict[str, _Said]] = {}
        self.apart: list[Apart] = []

    def keep_apart(
        self, form: Form, landings: Mapping[str, Landing], rules: Rules, served_as: str = ""
    ) -> dict[str, Landing]:
        """The `landings` of a form, with codes recoded that mean something else; a server's form is told by its own
        version where it differs from the workbook that it is.
        """
        found = dict(landings)
        for question in form.questions:
            landing, offered = landings.get(question.path), codes_of(form, question)
            if landing is None or not offered or landing.kind not in {"text", "multiple"}:
                continue
            apart = dict(self._judged(form, landing, offered, rules, served_as))
            if apart:
                found[question.path] = replace(landing, recode={**landing.recode, **apart})
        return found

    def _judged(
        self, form: Form, landing: Landing, offered: Codes, rules: Rules, served_as: str
    ) -> Iterator[tuple[str, str]]:
        """(code, what it is kept as) for each code of a question that means something else now."""
        said = self._said.setdefault((landing.suffix, landing.column), {})
        entry = rules.entries.get(landing.path)
        open_ = [code for code in offered if not entry or code not in {*entry.recode, *entry.same}]
        differs = {code: lost for code in open_ if (lost := self._lost(said.get(code), offered, code))}
        if differs:
            today = {code: meant.choices[code] for code, meant in said.items()}
            became = twins({code: offered[code] for code in differs}, today)
            recode = {code: became.get(code, code) for code in differs}
            to = f"{landing.suffix}.{landing.column}" if landing.suffix else landing.column
            line = line_about(landing.path, to, recode, entry)
        for code, languages in differs.items():
            version = form.version if form.version != said[code].version else served_as
            kept = f"{code}@{version}"
            self.apart.append(
                Apart(form.version, landing.path, landing.suffix, landing.column, code, kept, said[code].version,
                      tuple(languages), line)
            )  # fmt: skip
            yield code, kept
        for code in open_:
            said.setdefault(code, _Said(offered, form.version))

    def _lost(self, meant: _Said | None, offered: Codes, code: str) -> list[str]:
        return meant_otherwise(offered[code], meant.choices[code]) if meant else []


def told_together(apart: Sequence[Apart]) -> Iterator[tuple[str, str, list[Apart]]]:
    """(version, path, codes of it that are kept apart), in the portions in which codes are told."""
    by_question: dict[tuple[str, str], dict[str, Apart]] = {}
    for one in apart:
        by_question.setdefault((one.version, one.path), {})[one.code] = one
    for (version, path), codes in by_question.items():
        yield from ((version, path, [codes[code] for code in few]) for few in by_few(list(codes)))


def sentences(apart: Sequence[Apart]) -> tuple[str, ...]:
    """What to tell of the codes that are kept apart, and hold no answer."""
    return tuple(_sentence(version, path, few) for version, path, few in told_together(apart))


def _sentence(version: str, path: str, few: Sequence[Apart]) -> str:
    first, spoken = few[0], ", ".join(dict.fromkeys(language for one in few for language in one.languages))
    where = f"of '{path}' in {version}"
    if len(few) == 1:
        return (
            f"The code '{first.code}' {where} means something else than in {first.since}, in {spoken}: its answers "
            f"stand as '{first.kept_as}' until the crosswalk says what it is."
        )
    return (
        f"{len(few):,} codes {where} mean something else than in {first.since}, in {spoken}: their answers stand as "
        f"'{first.kept_as}' and so on until the crosswalk says what they are."
    )


def write_apart(con: Connection, plan: Plan) -> None:
    """Write anew which codes of the tool are kept apart into ledger.apart."""
    con.execute(TABLE)
    con.execute("DELETE FROM ledger.apart WHERE tool = ?", [plan.tool])
    rows = [
        [plan.tool, one.version, one.path, plan.tables[one.suffix].name, one.column, one.code, one.kept_as, one.since,
         ", ".join(one.languages), one.line]
        for one in plan.apart
    ]  # fmt: skip
    insert_texts(con, "ledger.apart", rows)
