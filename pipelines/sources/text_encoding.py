"""The letters that the bytes of a text file are: in the encoding that the layout names, or found out by strict rules.

A wrong encoding makes no error, it makes wrong names. So a named one is held against what the bytes give away, and one
that is to be found out (`auto`) is refused where two would do. How the letters part into cells is table_file.py.
"""

import codecs
import re

from pipelines.errors import ConfigError, DataError

AUTO = "auto"

MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""A mark at the start of a text -> how the encodings begin that read it rightly. UTF-32's mark begins as UTF-16's."""

ONE_BYTE_EACH = ("cp", "iso8859", "latin", "mac", "koi8")
"""How the encodings begin in which nearly any bytes are some text, also those of another encoding."""

WESTERN, ARABIC = "cp1252", "cp1256"
"""What Windows writes where it does not write Unicode, in the two alphabets that our files come in."""

WORD = re.compile(r"[^\W\d_]+")


def decoded(content: bytes, named: str, encoding: str) -> str:
    """The text of `content`; `named` is what messages call the file."""
    if encoding == AUTO:
        encoding = _found_out(content, named)
    try:
        plain_name = codecs.lookup(encoding).name.replace("_", "-")
        text = content.decode(encoding)
    except LookupError:
        message = f"{named}: there is no encoding {encoding!r}: write one such as utf-8-sig or cp1252 in the layout."
        raise ConfigError(message) from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{named}, line {line}: byte {error.start} is no {encoding}: write the encoding that the file was "
            "exported in (Windows: cp1252, in Arabic cp1256), or export it as UTF-8."
        ) from None
    other = _says_of_itself(content, plain_name)
    if other and not plain_name.startswith(other):
        raise DataError(f"{named} is {other}, not {encoding}: write 'encoding: {other}' in the layout.")
    return text.removeprefix("\ufeff")


def _found_out(content: bytes, named: str) -> str:
    """The only encoding that `content` can be in: by its mark, as UTF-16 without one, as UTF-8, as a Windows page."""
    for mark, marked in MARKS.items():
        if content.startswith(mark):
            return marked
    if b"\0" in content:
        return _utf_16(content, named)
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return _windows_page(content, named)
    return "utf-8"


def _utf_16(content: bytes, named: str) -> str:
    """The order of the bytes: a comma or a line's end has its zero byte second, or first, and never both."""
    first, second = content[::2].count(0), content[1::2].count(0)
    if len(content) % 2 == 0 and (first == 0 or second == 0):
        return "utf-16-be" if first else "utf-16-le"
    raise DataError(f"{named} holds zero bytes, and is no UTF-16: export it as .xlsx, or as UTF-8.")


def _windows_page(content: bytes, named: str) -> str:
    """The page in which every word is one, where that is one page; either of them where both read the same."""
    fits = [page for page, makes_words in ((WESTERN, _western), (ARABIC, _arabic)) if makes_words(content)]
    if len(fits) == 2 and content.decode(WESTERN) == content.decode(ARABIC):
        return WESTERN
    if len(fits) != 1:
        how = "both as cp1252 and as cp1256" if fits else "neither as cp1252 nor as cp1256"
        message = f"{named} is no Unicode, and makes words {how}: write its encoding in the layout instead of 'auto'."
        raise DataError(message)
    return fits[0]


def _western(content: bytes) -> bool:
    """Whether no word of three letters or more is all accents: Arabic read as Western is nothing else."""
    try:
        words = WORD.findall(content.decode(WESTERN))
    except UnicodeDecodeError:
        return False
    return not any(len(word) >= 3 and all(letter > "\x7f" for letter in word) for word in words)


def _arabic(content: bytes) -> bool:
    """Whether no word has letters of both alphabets: an accent among Western letters becomes an Arabic one."""
    words = WORD.findall(content.decode(ARABIC))
    return not any(any(map(_is_arabic, word)) and not all(map(_is_arabic, word)) for word in words)


def _is_arabic(letter: str) -> bool:
    return "\u0600" <= letter <= "\u06ff"


def _says_of_itself(content: bytes, encoding: str) -> str:
    """The encoding that the bytes give away, by their mark, or since hardly anything but UTF-8 reads as UTF-8."""
    for mark, marked in MARKS.items():
        if content.startswith(mark):
            return marked
    if content.isascii() or not encoding.startswith(ONE_BYTE_EACH):
        return ""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    return "utf-8"
