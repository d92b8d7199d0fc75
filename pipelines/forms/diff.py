"""What changed between two versions of a form, and what it does to the answers that are there.

What a change is, is change.py; which question became which is match.py; whether labels mean the same is meaning.py.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from pipelines.forms.change import CLASSES, Change
from pipelines.forms.codes import by_few, codes_of, line_about, meant_otherwise, twins
from pipelines.forms.form import Form, Labels, Question, Repeat
from pipelines.forms.match import Matches, candidates, matches
from pipelines.forms.meaning import same_meaning
from pipelines.project.crosswalk import Computed, VersionEntry

Answered = Callable[[str], int | None]
"""How many submissions answered the question at a path of the old form; None where nobody can know."""

WIDER: Mapping[str, frozenset[str]] = {
    "integer": frozenset({"decimal", "range", "text"}),
    "decimal": frozenset({"range", "text"}),
    "range": frozenset({"decimal", "text"}),
    "calculate": frozenset({"text", "hidden"}),
    "hidden": frozenset({"text", "calculate"}),
    "date": frozenset({"text"}),
    "dateTime": frozenset({"text"}),
    "time": frozenset({"text"}),
    "barcode": frozenset({"text"}),
    "select_one": frozenset({"select_multiple", "select_one_from_file", "text"}),
    "select_one_from_file": frozenset({"select_one", "select_multiple_from_file", "text"}),
    "select_multiple": frozenset({"select_multiple_from_file", "text"}),
    "rank": frozenset({"select_multiple", "text"}),
}
"""Type -> types that hold whatever it could."""

LOGIC = ("relevant", "required", "constraint", "choice_filter", "appearance", "default", "parameters")
FACTS = ("sensitivity", "hxl", "indicator")
TO_SHOW = 6


def diff(
    old: Form,
    new: Form,
    entries: Sequence[VersionEntry] = (),
    answered: Answered = lambda _path: None,
    *,
    computed: Sequence[Computed] = (),
) -> list[Change]:
    """Every change from `old` to `new`, worst class first, then by rule and place.

    `entries` are the lines of the crosswalk about questions of the old version, `computed` those about columns that are
    made of them.
    """
    paired = matches(old, new, entries, computed)
    read = {path: line for line in computed for path in line.members}
    found = [
        *_languages(old, new),
        *_order(paired),
        *_repeats(old, new),
        *_added(paired),
        *_removed(old, new, paired, {**read, **{entry.from_: entry for entry in entries}}, answered),
        *(
            change
            for before, after, _ in paired.pairs
            for change in _pair(before, after, old, new, _entry(entries, before), answered)
        ),
    ]
    return sorted(found, key=lambda change: (CLASSES.index(change.kind), change.rule, change.path))


def _entry(entries: Sequence[VersionEntry], question: Question) -> VersionEntry | None:
    return next((entry for entry in entries if entry.from_ == question.path), None)


def _languages(old: Form, new: Form) -> Iterator[Change]:
    for language in old.languages:
        if language not in new.languages:
            yield Change(rule="D106", path="", sentence=f"the form no longer speaks {language}")
    for language in new.languages:
        if language not in old.languages:
            yield Change(rule="D203", path="", sentence=f"the form now speaks {language}")


def _order(paired: Matches) -> Iterator[Change]:
    rows = [after.row for _, after, _ in paired.pairs]
    if rows != sorted(rows):
        yield Change(rule="D103", path="", sentence="questions stand in another order")


def _repeats(old: Form, new: Form) -> Iterator[Change]:
    before, after = ({_last(repeat): repeat for repeat in form.repeats} for form in (old, new))
    for name in (name for name in after if name not in before):
        yield Change(rule="D204", path=after[name].path, sentence=f"the repeat '{name}' is new")
    for name in (name for name in before if name not in after):
        effect = "its table stays, and gets no new rows"
        yield Change(rule="D406", path=before[name].path, sentence=f"the repeat '{name}' is gone", effect=effect)


def _last(repeat: Repeat) -> str:
    return repeat.name.casefold()


def _added(paired: Matches) -> Iterator[Change]:
    for question in paired.added:
        effect = "older rows have no answer to it"
        yield Change(
            rule="D201", path=question.path, sentence=f"{question.type} '{question.name}' is new", effect=effect
        )


def _removed(
    old: Form, new: Form, paired: Matches, said: Mapping[str, VersionEntry | Computed], answered: Answered
) -> Iterator[Change]:
    for question in paired.removed:
        path, entry = question.path, said.get(question.path)
        if isinstance(entry, Computed):
            sentence = f"'{question.name}' is read by the {entry.way} '{entry.to}'"
            effect = _rows(answered(path), "kept in a column of its own, and in the computed one")
            yield Change(rule="D309", path=path, sentence=sentence, effect=effect, settled=True)
        elif entry and entry.split:
            sentence = f"'{question.name}' becomes rows of '{entry.split.into}'"
            yield Change(rule="D307", path=path, sentence=sentence, effect=_rows(answered(path), "split"), settled=True)
        elif entry and entry.unmapped:
            sentence = f"'{question.name}' goes nowhere: {entry.unmapped}"
            effect = _rows(answered(path), "set apart")
            yield Change(rule="D308", path=path, sentence=sentence, effect=effect, settled=True)
        else:
            likely = candidates(question, old, new, paired.added)
            unanswered = answered(path) == 0
            yield Change(
                rule="D107" if unanswered else "D404",
                path=path,
                sentence=f"'{question.name}' is no longer asked",
                effect=_rows(answered(path), "kept in a column of its own, which is retired"),
                candidates=tuple(f"{one.path} ({one.evidence})" for one in likely),
            )


def _pair(
    old: Question,
    new: Question,
    old_form: Form,
    new_form: Form,
    entry: VersionEntry | None,
    answered: Answered,
) -> Iterator[Change]:
    settled, rows = entry is not None, answered(old.path)
    line = f"- {{from: {old.path}, to: {column_of(new)}}}"
    if old.name != new.name:
        effect = _rows(rows, f"in the column {new.name}")
        yield Change(
            rule="D301",
            path=old.path,
            sentence=f"'{old.name}' is now called '{new.name}'",
            effect=effect,
            settled=settled,
        )
    elif old.path != new.path:
        effect = _rows(rows, "in one column with the new ones")
        yield Change(
            rule="D302", path=old.path, sentence=f"it stands at {new.path} now", effect=effect, settled=settled
        )
    if len(old.repeats) != len(new.repeats):
        sentence = f"'{old.name}' was answered {_depth(old)}, and is now {_depth(new)}"
        effect = _rows(rows, "in a table of their own, apart from the new ones")
        yield Change(rule="D402", path=old.path, sentence=sentence, effect=effect, entry=line, settled=settled)
    yield from _type(old, new, rows, line, settled=settled, cast=bool(entry and entry.cast))
    yield from _words(old, new, settled)
    yield from _logic(old, new)
    if new.list_name in new_form.choices and old.list_name in old_form.choices:
        yield from _codes(old, new, old_form, new_form, entry, rows)


def _type(old: Question, new: Question, rows: int | None, line: str, *, settled: bool, cast: bool) -> Iterator[Change]:
    if old.type == new.type:
        return
    sentence = f"'{old.name}' was {old.type}, and is {new.type}"
    if new.type in WIDER.get(old.type, ()):
        effect = _rows(rows, "in the wider column")
        yield Change(rule="D304", path=old.path, sentence=sentence, effect=effect, settled=settled)
    else:
        effect = _rows(rows, f"in a column of their own, or in quarantine where no {new.type} can be read in them")
        entry = line.replace("}", f", cast: {new.type}}}")
        yield Change(rule="D401", path=old.path, sentence=sentence, effect=effect, entry=entry, settled=cast)


def _words(old: Question, new: Question, settled: bool) -> Iterator[Change]:
    changed = _changed(old.labels, new.labels)
    other = [code for code in changed if not same_meaning(old.labels[code], new.labels[code])]
    if other:
        sentence = f"the label of '{new.name}' says something else in {', '.join(other)}"
        effect = "rows stay; look whether both ask the same"
        yield Change(rule="D305", path=old.path, sentence=sentence, effect=effect, settled=settled)
    elif changed:
        sentence = f"the label of '{new.name}' is written otherwise in {', '.join(changed)}"
        yield Change(rule="D101", path=old.path, sentence=sentence)
    if _changed(old.hints, new.hints) or _changed(old.constraint_messages, new.constraint_messages):
        yield Change(rule="D102", path=old.path, sentence=f"a hint or message of '{new.name}' is written otherwise")


def _logic(old: Question, new: Question) -> Iterator[Change]:
    changed = [key for key in LOGIC if " ".join(getattr(old, key).split()) != " ".join(getattr(new, key).split())]
    if changed:
        yield Change(rule="D104", path=old.path, sentence=f"'{new.name}' has another {', '.join(changed)}")
    facts = [key for key in FACTS if getattr(old, key) != getattr(new, key)]
    if facts:
        sentence = f"'{new.name}' has another {', '.join(facts)}"
        yield Change(
            rule="D105", path=old.path, sentence=sentence, effect="the narrowest audience of all versions holds"
        )
    if old.calculation != new.calculation:
        sentence = f"'{new.name}' is calculated otherwise"
        yield Change(
            rule="D306", path=old.path, sentence=sentence, effect="rows stay; look whether both are one measure"
        )


def _codes(
    old: Question, new: Question, old_form: Form, new_form: Form, entry: VersionEntry | None, rows: int | None
) -> Iterator[Change]:
    before, after = codes_of(old_form, old), codes_of(new_form, new)
    recode = entry.recode if entry else {}
    told = {code: to for code, to in recode.items() if code in before and code != to}
    if told:
        sentence = f"{len(told)} codes of '{old.name}' have other names ({_few(list(told))})"
        yield Change(
            rule="D303", path=old.path, sentence=sentence, effect=_rows(rows, "under the new names"), settled=True
        )
    said = {*recode, *(entry.same if entry else ())}
    lost = {code: meant_otherwise(before[code], after[code]) for code in before if code in after and code not in said}
    gone = [code for code in before if code not in after and code not in said]
    open_ = [*(code for code, languages in lost.items() if languages), *gone]
    became = twins({code: before[code] for code in open_}, after)
    line = line_about(old.path, column_of(new), {code: became.get(code, code) for code in open_}, entry)
    for few in by_few([code for code, languages in lost.items() if languages]):
        spoken = dict.fromkeys(language for code in few for language in lost[code])
        yield change_of_meaning(old.path, few, list(spoken), rows, line)
    for few in by_few(gone):
        sentence = (
            f"the choice '{few[0]}' of '{old.name}' is no longer offered"
            if len(few) == 1
            else f"{len(few):,} choices of '{old.name}' are no longer offered ({_few(few)})"
        )
        effect = _rows(rows, "where they chose it, under a code that today's list does not have")
        rule = "D108" if rows == 0 else "D405"
        yield Change(rule=rule, path=old.path, sentence=sentence, effect=effect, entry=line)
    came = [code for code in after if code not in before and code not in recode.values()]
    if came:
        yield Change(rule="D202", path=old.path, sentence=f"'{new.name}' offers {_few(came)} too")


def change_of_meaning(path: str, codes: Sequence[str], languages: Sequence[str], rows: int | None, line: str) -> Change:
    """That codes of the question at `path` mean something else in these languages, and the line that settles it."""
    name, spoken = path.rpartition("/")[2], ", ".join(languages)
    one = len(codes) == 1
    sentence = (
        f"the code '{codes[0]}' of '{name}' means something else in {spoken}"
        if one
        else f"{len(codes):,} codes of '{name}' mean something else in {spoken} ({_few(list(codes))})"
    )
    what, till = (f"it, kept apart from the new '{codes[0]}'", "it is") if one else ("one, kept apart", "they are")
    effect = _rows(rows, f"where they chose {what} until a line says what {till}")
    return Change(rule="D403", path=path, sentence=sentence, effect=effect, entry=line)


def _changed(old: Labels, new: Labels) -> list[str]:
    """The languages that both speak, and in which they say something else."""
    return [code for code in old if code in new and old[code] != new[code]]


def column_of(question: Question) -> str:
    """How the crosswalk calls the column of a question."""
    return f"{question.repeats[-1].rpartition('/')[2]}.{question.name}" if question.repeats else question.name


def _depth(question: Question) -> str:
    return f"in the repeat {question.repeats[-1]}" if question.repeats else "once for each submission"


def _rows(count: int | None, what: str) -> str:
    if count == 0:
        return "none: nobody answered it"
    if count is None:
        return f"an unknown number of submissions: {what}"
    return f"{count:,} submission{'s' * (count != 1)}: {what}"


def _few(names: list[str]) -> str:
    return ", ".join(names[:TO_SHOW]) + (f" and {len(names) - TO_SHOW} more" if len(names) > TO_SHOW else "")
