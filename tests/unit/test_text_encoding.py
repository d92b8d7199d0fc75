"""The letters of a file are those its writer saw: by the encoding named, or found out where only one can be."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import DataError
from pipelines.sources.text_encoding import AUTO, decoded

ARABIC = "camp,note\r\nمخيم كبرتو,العودة إلى المنزل – نعم\r\n"
KURDISH = "camp,note\r\nپێشمەرگە,گوند و چیا\r\n"
WESTERN = "camp,note\r\nKabarto – 1,Women’s café, déjà là\r\n"

FOUND = [
    ("ascii", "a,b\n1,2\n"),
    ("utf-8", ARABIC),
    ("utf-8", KURDISH),
    ("utf-8-sig", ARABIC),
    ("utf-16", ARABIC),
    ("utf-16-le", ARABIC),
    ("utf-16-be", ARABIC),
    ("utf-16-le", WESTERN),
    ("utf-32", ARABIC),
    ("cp1256", ARABIC),
    ("cp1252", WESTERN),
    ("cp1252", "city\nSão Tomé\n"),
    ("cp1252", "city\nOrdu’s – “Ünye”\n"),
]


@pytest.mark.parametrize(("encoding", "text"), FOUND, ids=[f"{name} {text[:14]!r}" for name, text in FOUND])
def test_the_encoding_is_found_out_where_it_can_be_one_only(encoding: str, text: str) -> None:
    assert decoded(text.encode(encoding), "a.csv", AUTO) == text


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("a\nÝã\n".encode("cp1252"), "a.csv is no Unicode, and makes words both as cp1252 and as cp1256: write its"),
        ("مخيم xé\u0640".encode("cp1256") + "Ãçé\u00e3a".encode("cp1252"), "neither as cp1252 nor as cp1256: write"),
        (b"a\0b,c\0\0", "a.csv holds zero bytes, and is no UTF-16: export it as .xlsx, or as UTF-8"),
    ],
)
def test_what_may_be_two_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(DataError, match=why) as refused:
        decoded(content, "a.csv", AUTO)
    assert "\n" not in str(refused.value)


WORDS = st.lists(st.text("ابتثجحخدذرزسشصضطظعغفقكلمنهوي", min_size=3, max_size=9), min_size=1, max_size=9)


@given(WORDS, st.sampled_from(["cp1256", "utf-8", "utf-16", "utf-16-be"]))
def test_no_arabic_text_is_read_as_another(words: list[str], encoding: str) -> None:
    text = "name\n" + "\n".join(words) + "\n"
    assert decoded(text.encode(encoding), "a.csv", AUTO) == text


@given(st.binary(max_size=60))
def test_any_bytes_are_a_text_or_a_sentence(content: bytes) -> None:
    with suppress(DataError):
        assert isinstance(decoded(content, "a.csv", AUTO), str)
