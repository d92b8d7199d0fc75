"""What to do about a name in our files that nothing has: the nearest one there is, or all that there are."""

from collections.abc import Collection
from difflib import get_close_matches

NAMES_TO_SHOW = 12


def write_one_of(known: Collection[str], name: str = "") -> str:
    """The end of a sentence about `name`, which is none of `known`."""
    if not known:
        return "it has none, so take this out"
    near = get_close_matches(name, list(known), n=1, cutoff=0.6) or _ends_alike(name, known)
    if near:
        return f"write '{near[0]}', which is nearest"
    some = ", ".join(list(known)[:NAMES_TO_SHOW])
    return f"write one of {some}{', …' if len(known) > NAMES_TO_SHOW else ''}"


def meant_for(code: str, known: Collection[str]) -> str:
    """The one of `known` that `code` is so like that it must be a slip: codes may be sent that no form offers."""
    return next(iter(get_close_matches(code, list(known), n=1, cutoff=0.75)), "")


def _ends_alike(name: str, known: Collection[str]) -> list[str]:
    """The one path whose question has this name, in another group."""
    last = name.rpartition("/")[2].casefold()
    found = [path for path in known if last and path.rpartition("/")[2].casefold() == last]
    return found if len(found) == 1 else []
