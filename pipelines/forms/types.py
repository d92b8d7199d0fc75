"""The types of questions of XLSForm, and every other way in which people and old tools write them."""

from collections.abc import Mapping

SELECTS = frozenset(
    """
    select_one select_multiple rank select_one_from_file select_multiple_from_file select_one_external
    """.split()
)

ALIASES: Mapping[str, str] = {
    "int": "integer",
    "string": "text",
    "datetime": "dateTime",
    "date time": "dateTime",
    "gps": "geopoint",
    "location": "geopoint",
    "select1": "select_one",
    "select one": "select_one",
    "select one from": "select_one",
    "select one using": "select_one",
    "select multiple": "select_multiple",
    "select multiple from": "select_multiple",
    "select multiple using": "select_multiple",
    "select one from file": "select_one_from_file",
    "select multiple from file": "select_multiple_from_file",
    "select one external": "select_one_external",
    "add select one prompt using": "select_one",
    "add select multiple prompt using": "select_multiple",
    "select all that apply": "select_multiple",
    "select all that apply from": "select_multiple",
    "photo": "image",
    "picture": "image",
    "trigger": "acknowledge",
    "device id": "deviceid",
    "imei": "deviceid",
    "phone number": "phonenumber",
    "sim id": "simserial",
    "subscriber id": "subscriberid",
    "start time": "start",
    "end time": "end",
    "begin group": "begin_group",
    "begin lgroup": "begin_repeat",
    "begin looped group": "begin_repeat",
    "end group": "end_group",
    "end lgroup": "end_repeat",
    "end looped group": "end_repeat",
    "begin repeat": "begin_repeat",
    "end repeat": "end_repeat",
}

PLAIN = frozenset(
    """
    text integer decimal date time note calculate hidden range image audio video file barcode geopoint geotrace geoshape
    acknowledge start end today deviceid username email phonenumber simserial subscriberid audit osm background-audio
    background-geopoint start-geopoint xml-external csv-external begin_group end_group begin_repeat end_repeat
    """.split()
)
"""Types that are written as they are called; dateTime alone has a capital."""

OTHER = ("or_other", "or other", "or specify other", "or specify_other")


def type_of(text: str) -> tuple[str, str, bool]:
    """The bare type that a cell means, the list or file it names, and whether it asks for an answer of one's own too.

    What is no type of ours stays as it is written.
    """
    words, or_other = _without_other(" ".join(text.split()))
    parts = words.split(" ")
    for length in range(len(parts), 0, -1):
        kind = _plain(" ".join(parts[:length]))
        if length == len(parts) and kind != words:
            return kind, "", or_other
        if kind in SELECTS:
            return kind, next(iter(parts[length:]), ""), or_other
    return words, "", or_other


def _without_other(words: str) -> tuple[str, bool]:
    for end in OTHER:
        if words.lower().endswith(" " + end):
            return words[: -len(end)].rstrip(), True
    return words, False


def _plain(words: str) -> str:
    """The type that `words` alone mean; as they are where they mean none that we know."""
    small = words.lower()
    bare = small.removeprefix("add ").removeprefix("q ").removeprefix("get ").removesuffix(" prompt")
    for candidate in (small, bare):
        if candidate in ALIASES:
            return ALIASES[candidate]
        if candidate in SELECTS or candidate in PLAIN:
            return candidate
    return words
