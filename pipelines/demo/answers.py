"""Synthetic answers for any Form: what would be asked is answered, and every constraint holds.

Generate and repair: questions are answered in an order in which each can be judged, what does not fit is tried again
within bounds, and a dead end starts the form afresh. Answers stand under the question's path, as the text that a phone
sends; a repeat is a list of such mappings under the repeat's path. What is plausible comes from profile.py and from the
`wishes` of the caller; mistakes are made on purpose elsewhere, in mistakes.py.
"""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from pipelines.demo.frame import Answers, Frame
from pipelines.demo.judge import Judge
from pipelines.demo.plan import Level, Plan, Step, plan_of
from pipelines.demo.profile import NOTHING, Draws, Facts, Place, Profile, plausible
from pipelines.demo.values import Asked, likely, metadata
from pipelines.errors import SchemaError
from pipelines.forms.evaluate import Scope, number_of, text_of
from pipelines.forms.form import Form, Question

__all__ = ["Answers", "Context", "Wish", "answers_for"]

Wish = str | Sequence[Mapping[str, "Wish"]]
"""What the caller would like as an answer, by question name; for a repeat, one mapping per instance."""

TRIES = 40
"""How often a form is begun anew before we say that its constraints cannot be met."""

MAY_STAY_EMPTY = frozenset({"calculate", "hidden", "xml-external", "csv-external"})
"""Types that nobody answers by hand: nothing to give is no dead end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Who answers, and when.

    `now`: when the form was finished, with the offset of the phone. `wishes`: answers to give where the form allows
    them ("" leaves the question empty). `place`: the same place answers much the same every time; None for no place.
    `size`: the rank of the place by its people, 0 the smallest and 1 the largest. `position`: its latitude, longitude.
    """

    now: datetime
    wishes: Mapping[str, Wish] = field(default_factory=dict)
    place: Place | None = None
    size: float | None = None
    position: tuple[float, float] | None = None
    profile: Profile = field(default_factory=plausible)


class _DeadEnd(Exception):
    """No answer to `path` that we can think of is allowed."""

    def __init__(self, path: str) -> None:
        self.path = path


def answers_for(form: Form, rng: random.Random, context: Context) -> Answers:
    """One plausible set of answers to `form`; SchemaError names the question whose constraint we cannot meet."""
    plan = plan_of(form)
    stuck = ""
    for attempt in range(TRIES):
        draws = Draws(rng, None if attempt else context.place, context.size)
        try:
            return _Filler(plan, context, draws, Frame(plan.places), context.wishes).fill(plan.level)
        except _DeadEnd as end:
            stuck = end.path
    message = (
        f"{form.tool}/{form.version}, question '{stuck}': no answer that we tried is allowed; "
        "make its constraint or its list of choices wider, or name plausible values in pipelines/demo/plausible.yml."
    )
    raise SchemaError(message)


@lru_cache(maxsize=4096)
def facts_in_codes(step: Step, facts: Facts) -> Facts:
    """`facts` with the codes of `step` where they name its choices by label, the English one if there are several."""
    codes = {
        choice.labels.get("en", next(iter(choice.labels.values()), choice.name)): choice.name
        for choice in step.choices.values()
    }
    if not codes or facts is NOTHING:
        return facts
    changed = {
        "shares": {codes.get(name, name): share for name, share in facts.shares.items()},
        "picks": {codes.get(name, name): share for name, share in facts.picks.items()},
        "alone": tuple(codes.get(name, name) for name in facts.alone),
    }
    return Facts.model_validate(facts.model_dump() | changed)


class _Filler:
    """Fills in one level of the form: all outside its repeats, or one instance of a repeat."""

    def __init__(self, plan: Plan, context: Context, draws: Draws, frame: Frame, wishes: Mapping[str, Wish]) -> None:
        self.plan = plan
        self.context = context
        self.draws = draws
        self.frame = frame
        self.wishes = dict(wishes)
        self.scope = Scope(
            now=context.now,
            value_of=frame.value_of,
            position=frame.position,
            label_of=lambda question, choice: plan.labels.get((question, choice), choice),
            chance=draws.rng.random,
        )
        self.judge = Judge(frame, self.scope)

    def fill(self, level: Level) -> Answers:
        """The answers of this level, in the form's order."""
        for step in level.steps:
            if self.judge.asks(step):
                self.answer(step)
        answers = self.frame.answers
        return {path: answers[path] for path in level.order if path in answers}

    def answer(self, step: Step) -> None:
        if step.inside is not None:
            self.repeat(step, step.inside)
        elif step.calculation is not None:
            self.frame.put(step.path, text_of(step.calculation(self.scope)))
        elif step.question is not None:
            self.ask(step, step.question)

    def ask(self, step: Step, question: Question) -> None:
        """Give the first answer that is allowed."""
        for text in self.candidates(step, question):
            self.frame.put(step.path, text)
            if (not text or self.judge.offers(step, text)) and self.judge.allows(step):
                return
        raise _DeadEnd(step.path)

    def candidates(self, step: Step, question: Question) -> Iterator[str]:
        """Answers to try, likeliest first; none at all is tried last, where that is allowed."""
        wish = self.wish(step, question)
        own = metadata(question.type, self.context.now, self.draws)
        if own is not None:
            yield wish or own
            return
        facts = facts_in_codes(step, self.context.profile.by_name.get(step.name, NOTHING))
        required = self.judge.requires(step)
        if wish is not None and (wish or not required):
            yield wish
        elif not required and self.draws.share(f"{step.name}?", steady=facts.steady) < self.missing(question, facts):
            yield ""
        if question.default and question.type in ("hidden", "text") and "(" not in question.default:
            yield question.default
        yield from likely(self.asked(step, question, facts))
        if not required or question.type in MAY_STAY_EMPTY or (question.list_name and not step.choices):
            yield ""

    def missing(self, question: Question, facts: Facts) -> float:
        if facts.missing is not None:
            return facts.missing
        known = self.context.profile.missing
        return known.get(question.type, known.get("other", 0.0))

    def asked(self, step: Step, question: Question, facts: Facts) -> Asked:
        return Asked(
            step=step,
            question=question,
            facts=facts,
            draws=self.draws,
            now=self.context.now,
            offered=lambda: self.judge.offered(step),
            bounds=lambda: self.judge.bounds(step),
            number_of=lambda name: number_of(self.frame.value_of(name)),
            position=self.context.position,
        )

    def wish(self, step: Step, question: Question) -> str | None:
        """What is wished for, several choices in the order of the list, as phones send them."""
        if step.total and step.name not in self.wishes:
            self.split(step)
        wish = self.wishes.get(step.name)
        if not isinstance(wish, str):
            return None
        if question.type == "select_multiple":
            wished = wish.split()
            return " ".join(name for name in step.choices if name in wished)
        return wish

    def split(self, step: Step) -> None:
        """Wish for parts that add up to a total which is known already."""
        total = number_of(self.frame.text(step.total))
        if not total >= 0 or any(path in self.frame.answers for path in step.parts):
            return
        weights = [self.draws.rng.uniform(0.5, 1.5) for _ in step.parts]
        cuts = [round(total * sum(weights[:end]) / sum(weights)) for end in range(len(weights) + 1)]
        for path, low, high in zip(step.parts, cuts, cuts[1:], strict=False):
            self.wishes.setdefault(path.rpartition("/")[2], str(high - low))

    def repeat(self, step: Step, inside: Level) -> None:
        """Fill in every instance of a repeat."""
        wishes = self.wishes.get(step.name)
        wished = None if wishes is None or isinstance(wishes, str) else wishes
        instances: list[Answers] = []
        # they are seen while they are filled in, by sum() and count()
        self.frame.answers[step.path] = instances
        for index in range(self.instances(step, wished)):
            frame = Frame(self.frame.places, (*self.frame.repeats, step.path), index + 1, self.frame)
            instances.append(frame.answers)
            wish = wished[index] if wished is not None and index < len(wished) else {}
            instances[index] = _Filler(self.plan, self.context, self.draws, frame, wish).fill(inside)
        if not instances:
            del self.frame.answers[step.path]
        if not self.judge.allows(step):
            raise _DeadEnd(step.path)

    def instances(self, step: Step, wished: Sequence[object] | None) -> int:
        """How many instances of a repeat to fill in: as the form counts, as wished, or as is plausible."""
        if step.count is not None:
            counted = number_of(step.count(self.scope))
            return max(0, int(counted)) if math.isfinite(counted) else 0
        if wished is not None:
            return len(wished)
        facts = self.context.profile.by_name.get(step.name, NOTHING)
        counts = facts.quantiles or (0, 1, 2, 3)
        return round(counts[int(self.draws.share(step.name) * len(counts))])
