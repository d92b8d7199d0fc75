"""Codes that are no answer: a choice by which somebody refuses, or does not know.

Which they are, the choices sheet says in a column "missing" (refused or dont_know); where it says nothing, the codes
that the sector has agreed on are known. What else an empty cell may mean is missing.py.
"""

import re

from pipelines.forms.form import Choice

REFUSED, DONT_KNOW = "refused", "dont_know"

AGREED = {
    **dict.fromkeys("refused refuse refusal declined pnta pnts prefernottosay prefernottoanswer".split(), REFUSED),
    **dict.fromkeys("dk dnk idk dontknow donotknow notknown".split(), DONT_KNOW),
}
"""Codes, in small letters and without what stands between them."""


def nonanswer_of(choice: Choice) -> str:
    """`refused`, `dont_know`, or empty where the choice is an answer."""
    said = _plain(choice.extra.get("missing", ""))
    return AGREED.get(said or _plain(choice.name), "")


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.casefold())
