"""Whether an answer is allowed where it stands: constraints, choice filters, and the bounds that constraints set.

Which answers to try is values.py's; the order of trying is answers.py's.
"""

import math

from pipelines.demo.frame import Frame
from pipelines.demo.plan import Check, Comparison, Step
from pipelines.forms.evaluate import Scope, number_of, truth_of

WHOLE = frozenset({"integer", "range", "date"})
"""Types whose answers are whole numbers, dates as days."""


class Judge:
    """The rules of a form on one level of it, over the answers given so far."""

    def __init__(self, frame: Frame, scope: Scope) -> None:
        self.frame = frame
        self.scope = scope

    def asks(self, step: Step) -> bool:
        """Whether `step` is asked at all."""
        self.scope.current = ""
        return all(truth_of(condition(self.scope)) for condition in step.conditions)

    def requires(self, step: Step) -> bool:
        """Whether `step` must be answered."""
        return step.required if isinstance(step.required, bool) else truth_of(step.required(self.scope))

    def allows(self, step: Step) -> bool:
        """Whether the answer to `step`, or its absence, keeps every constraint that can be judged by now."""
        return all(map(self.holds, step.checks))

    def holds(self, check: Check) -> bool:
        """Whether a constraint holds, or has nothing to judge."""
        self.scope.current = self.frame.text(check.owner)
        return not self.scope.current or truth_of(check.holds(self.scope))

    def offered(self, step: Step) -> list[str]:
        """The choices that `step` offers."""
        return [name for name in step.choices if self.passes(step, name)]

    def offers(self, step: Step, text: str) -> bool:
        """Whether every choice in `text` is offered; what has no choices is free."""
        if not step.choices or step.question is None:
            return True
        names = [text] if step.question.type == "select_one" else text.split()
        return all(name in step.choices and self.passes(step, name) for name in names)

    def passes(self, step: Step, name: str) -> bool:
        """Whether the choice filter lets the choice `name` through."""
        if step.choice_filter is None:
            return True
        self.scope.columns = {**step.choices[name].extra, "name": name}
        return truth_of(step.choice_filter(self.scope))

    def bounds(self, step: Step) -> tuple[float, float]:
        """The least and the greatest number that the constraints allow, as far as they say so plainly."""
        low, high = -math.inf, math.inf
        before = self.frame.answers.pop(step.path, None)
        whole = step.question is not None and step.question.type in WHOLE
        for check in step.checks:
            for comparison in check.comparisons:
                least, most = self.bound(step, check, comparison, 1.0 if whole else 0.0)
                low, high = max(low, least), min(high, most)
        self.frame.answers.pop(step.path, None)
        if before is not None:
            self.frame.answers[step.path] = before
        return low, high

    def bound(self, step: Step, check: Check, comparison: Comparison, unit: float) -> tuple[float, float]:
        """The bounds that one comparison sets: where its sides meet, if they do so in a straight line."""
        at_zero, at_one = (self.apart(step, check, comparison, answer) for answer in ("0", "1"))
        slope = at_one - at_zero
        if not slope or math.isnan(slope):
            return -math.inf, math.inf
        root = -at_zero / slope
        if comparison.operator == "=":
            return root, root
        strict = unit if comparison.operator in ("<", ">") else 0.0
        if (comparison.operator[0] == ">") == (slope > 0):
            return (math.floor(root) + strict if strict else root), math.inf
        return -math.inf, (math.ceil(root) - strict if strict else root)

    def apart(self, step: Step, check: Check, comparison: Comparison, answer: str) -> float:
        """How far the sides of a comparison are apart, were `answer` that of `step`."""
        self.frame.answers[step.path] = answer
        self.scope.current = self.frame.text(check.owner)
        return number_of(comparison.left(self.scope)) - number_of(comparison.right(self.scope))
