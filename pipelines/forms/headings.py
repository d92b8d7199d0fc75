"""What the headings of an XLSForm's sheets mean: the column, and the language of a text.

People write them in many ways ("Label::Arabic(ar)", "constraint message", "bind::relevant"); here each gets the one
name that the rest of forms/ knows. A heading that is none of ours keeps its own writing: a choice_filter may name it.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping

TRANSLATED = ("label", "hint", "constraint_message", "required_message", "guidance_hint", "image", "audio", "video")
"""Columns that may come once per language, as `label::Arabic (ar)`."""

KNOWN = frozenset(
    """
    type name label hint relevant constraint constraint_message required required_message calculation choice_filter
    appearance default sensitivity hxl indicator repeat_count parameters guidance_hint image audio video readonly
    list_name trigger save_to form_title form_id id_string version default_language
    """.split()
)
ALIASES: Mapping[str, str] = {
    "relevance": "relevant",
    "calculate": "calculation",
    "caption": "label",
    "command": "type",
    "tag": "name",
    "value": "name",
    "count": "repeat_count",
    "jr:count": "repeat_count",
    "read_only": "readonly",
    "constraining_message": "constraint_message",
    "requiredmsg": "required_message",
    "set_form_title": "form_title",
    "set_form_id": "form_id",
    "big-image": "image",
    "bind::relevant": "relevant",
    "bind::constraint": "constraint",
    "bind::jr:constraintmsg": "constraint_message",
    "bind::required": "required",
    "bind::calculate": "calculation",
    "bind::readonly": "readonly",
    "control::appearance": "appearance",
    "body::appearance": "appearance",
    "instance::hxl": "hxl",
    "instance::sensitivity": "sensitivity",
    "media::image": "image",
    "media::audio": "audio",
    "media::video": "video",
}

Heading = tuple[str, str]
"""(column, language); the language is empty where the heading names none."""


def heading_of(text: str) -> Heading:
    """The column that a heading means, and the language it names."""
    words = tidy(text)
    for end in (len(words), *(found.start() for found in re.finditer(r"\s*::?\s*", words))):
        name = _known(words[:end])
        rest = re.sub(r"^\s*::?\s*", "", words[end:])
        if name and (not rest or name in TRANSLATED):
            return name, language_of(rest)
    return words, ""


def changes(headings: Iterable[str]) -> list[str]:
    """For each heading that is read as something else than it says, both."""
    found = []
    for heading in headings:
        column, language = heading_of(heading)
        read = f"{column}::{language}" if language else column
        if read != heading:
            found.append(f"'{heading}' is read as '{read}'")
    return found


def tidy(text: str) -> str:
    """`text` without spaces around it, and with one plain space for any within it; letters in one Unicode form."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def language_of(text: str) -> str:
    """The name of a language, with one space before the code in brackets."""
    return re.sub(r"\s*\(\s*([^()]*?)\s*\)$", r" (\1)", tidy(text)).strip()


def _known(words: str) -> str:
    """The name that we know a heading by; empty where it is none of ours."""
    plain = re.sub(r"\s*::?\s*", "::", words).lower() if "::" in words else words.lower()
    name = plain.replace(" ", "_")
    name = ALIASES.get(name, ALIASES.get(name.replace("::", ":"), name))
    return name if name in KNOWN else ""
