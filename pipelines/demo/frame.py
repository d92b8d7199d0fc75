"""The answers given so far, and what a question sees of them from where it stands, in and out of repeats."""

from collections.abc import Iterator, Mapping

from pipelines.demo.order import Place
from pipelines.forms.evaluate import Value

Answers = dict[str, str | list["Answers"]]
"""Question path -> text; repeat path -> the answers of each instance."""


class Frame:
    """The answers of one level of a form, by path; `parent` is the level around it, `position` counts from 1."""

    def __init__(
        self,
        places: Mapping[str, Place],
        repeats: tuple[str, ...] = (),
        position: int = 1,
        parent: "Frame | None" = None,
    ) -> None:
        self.places = places
        self.repeats = repeats
        self.position = position
        self.parent = parent
        self.answers: Answers = {}

    def text(self, path: str) -> str:
        """The answer at `path` on this level; "" where there is none."""
        return _text(self.answers, path)

    def put(self, path: str, text: str) -> None:
        """Answer the question at `path`; "" takes the answer back."""
        if text:
            self.answers[path] = text
        else:
            self.answers.pop(path, None)

    def value_of(self, name: str) -> Value:
        """The answer to `name`; all of them where it stands in a repeat that is not around us."""
        place = self.places.get(name)
        if place is None:
            return ""
        frame = self
        while place.repeats[: len(frame.repeats)] != frame.repeats and frame.parent is not None:
            frame = frame.parent
        if place.repeats == frame.repeats and not place.is_repeat:
            return _text(frame.answers, place.path)
        return tuple(_gathered(frame.answers, place.repeats[len(frame.repeats) :], place))


def _text(answers: Answers, path: str) -> str:
    found = answers.get(path, "")
    return found if isinstance(found, str) else ""


def _instances(answers: Answers, path: str) -> list[Answers]:
    found = answers.get(path, [])
    return found if isinstance(found, list) else []


def _gathered(answers: Answers, inner: tuple[str, ...], place: Place) -> Iterator[str]:
    if inner:
        for instance in _instances(answers, inner[0]):
            yield from _gathered(instance, inner[1:], place)
    elif place.is_repeat:
        yield from (str(number) for number, _ in enumerate(_instances(answers, place.path), start=1))
    else:
        yield _text(answers, place.path)
