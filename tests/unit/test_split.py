"""A text that lists names is cut by the names we know, and no letter of it is lost."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.harmonize.split import Piece, names_of, pieces

NAMES = names_of(
    {
        "Al-Masalla": ["al_masalla"],
        "Arche noVa": ["arche_nova"],
        "B.R.H.A": ["brha"],
        "CARE": ["care"],
        "DoLSA": ["dolsa"],
        "Emma": ["emma"],
        "Government/Local Authorities": ["local_auth"],
        "H&I": ["hi"],
        "Humanitarian Organization and Shelter": ["hos"],
        "IMC": ["imc"],
        "Lafam": ["lafam"],
        "Mercy Corps": ["mercy_corps"],
        "Mercy Corps-Alqadar": ["mercy_corps", "qadar"],
        "Mercy Hands": ["mercy_hands"],
        "NRC": ["nrc"],
        "Samaritan's Purse": ["sp"],
        "TDH": ["tdh_l"],
        "TDH-Italy": ["tdh_i"],
        "UNHCR": ["unhcr"],
        "اليونيسف": ["unicef"],
    }
)

WRITTEN = {
    "UNHCR": ["unhcr=UNHCR"],
    "  unhcr ": ["unhcr=unhcr"],
    "UNHCR NRC": ["unhcr=UNHCR", "nrc=NRC"],
    "UNHCR,NRC;IMC|Emma": ["unhcr=UNHCR", "nrc=NRC", "imc=IMC", "emma=Emma"],
    "UNHCR / NRC\\\nIMC": ["unhcr=UNHCR", "nrc=NRC", "imc=IMC"],
    "UNHCR/NRC": ["unhcr=UNHCR", "nrc=NRC"],
    "UNHCR & NRC and IMC": ["unhcr=UNHCR", "nrc=NRC", "imc=IMC"],
    "Mercy Hands Mercy Corps": ["mercy_hands=Mercy Hands", "mercy_corps=Mercy Corps"],
    "Mercy corps, Mercy Corps-Alqadar": ["mercy_corps=Mercy corps", "mercy_corps+qadar=Mercy Corps-Alqadar"],
    "Government / Local Authorities UNHCR": ["local_auth=Government / Local Authorities", "unhcr=UNHCR"],
    "Humanitarian Organization and Shelter": ["hos=Humanitarian Organization and Shelter"],
    "Emma. Lafam, B.R.H.A.": ["emma=Emma.", "lafam=Lafam", "brha=B.R.H.A."],
    "AL MASALLA ARCHE-NOVA": ["al_masalla=AL MASALLA", "arche_nova=ARCHE-NOVA"],
    "Samaritan’s  Purse": ["sp=Samaritan’s  Purse"],
    "اليونيسف، UNHCR؛ IMC": ["unicef=اليونيسف", "unhcr=UNHCR", "imc=IMC"],
    "\u200fUNHCR\u200e NRC": ["unhcr=\u200fUNHCR\u200e", "nrc=NRC"],
}

UNKNOWN = {
    "Unheard Of": ["?=Unheard Of"],
    "UNHCR Unheard Of NRC": ["unhcr=UNHCR", "?=Unheard Of", "nrc=NRC"],
    "UNHCR, Unheard Of, Never Known": ["unhcr=UNHCR", "?=Unheard Of", "?=Never Known"],
    "Unheard Of / Never Known": ["?=Unheard Of", "?=Never Known"],
    "Relief and Development": ["?=Relief and Development"],
    "UNHCR and Unheard Of": ["unhcr=UNHCR", "?=Unheard Of"],
    "TDH-Zurich": ["?=TDH-Zurich"],
    "TDH Zurich": ["tdh_l=TDH", "?=Zurich"],
    "UNHCR-Foo NRC": ["?=UNHCR-Foo", "nrc=NRC"],
    "CAREful UNHCR2": ["?=CAREful UNHCR2"],
    "Mercy": ["?=Mercy"],
}


@pytest.mark.parametrize(("text", "found"), [*WRITTEN.items(), *UNKNOWN.items()])
def test_a_text_is_cut_by_the_names_we_know(text: str, found: list[str]) -> None:
    assert [f"{'+'.join(piece.codes) or '?'}={piece.written}" for piece in pieces(text, NAMES)] == found


@pytest.mark.parametrize("text", ["", " ", "-", ".", " , ; \n", "/", "and"])
def test_separators_alone_name_nobody(text: str) -> None:
    assert pieces(text, NAMES) == ()


def test_an_alias_of_two_spellings_stands_for_all_its_codes_once() -> None:
    names = names_of({"WEO/TearFund": ["weo"], "weo tearfund": ["tearfund", "weo"]})
    assert pieces("WEO / Tearfund", names) == (Piece("WEO / Tearfund", ("weo", "tearfund")),)


def test_without_any_name_the_lists_own_separators_remain() -> None:
    assert pieces("A B, C", names_of({})) == (Piece("A B", ()), Piece("C", ()))


LISTED = st.lists(
    st.one_of(
        st.sampled_from(["UNHCR", "Mercy Corps", "Mercy Corps-Alqadar", "TDH-Italy", "Government / Local Authorities"]),
        st.sampled_from([" ", ", ", "/", " & ", " and ", "\n", "-", ". ", "؛"]),
        st.text(max_size=6),
    ),
    max_size=9,
).map("".join)


@given(LISTED)
def test_no_letter_is_lost_but_the_separators(text: str) -> None:
    found = " ".join(piece.written for piece in pieces(text, NAMES))
    assert _letters(found) == _letters(text)


def _letters(text: str) -> list[str]:
    """The letters and digits of `text` in order, without the separator "and"."""
    words = [word for word in re.findall(r"\w+", text) if word.casefold() != "and"]
    return list("".join(words))
