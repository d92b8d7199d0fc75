"""A number in another unit is the very product, or nothing; and its text can be read back, or is seen to differ."""

from decimal import Decimal, localcontext

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.harmonize.convert import Converted, Refused, Writing, convert
from pipelines.harmonize.units import divided, multiplied
from pipelines.store.duck import in_memory, literal

FACTORS = st.one_of(
    st.sampled_from(["1000", "0.001", "20", "-3", "0.3048", "9999999999", "0.0000000001", "7.5"]),
    st.decimals(min_value=-1000, max_value=1000, places=6).filter(bool).map(str),
).map(Decimal)
NUMBERS = st.one_of(
    st.integers(-(10**19), 10**19).map(str),
    st.decimals(min_value=-(10**12), max_value=10**12, places=4).map(lambda number: f"{number:f}"),
    st.decimals(min_value=-1, max_value=1, places=12).map(lambda number: f"{number:f}"),
    st.sampled_from(["", " 5", "about 3", "NaN", "inf", "1e5", "1e400", "--1", "0", "-0", "007", "5.", ".5", "٣"]),
)


@settings(max_examples=25, deadline=None)
@given(texts=st.lists(NUMBERS, min_size=40, max_size=80), factor=FACTORS, kind=st.sampled_from(["integer", "decimal"]))
def test_what_stands_in_the_column_is_exact_wherever_its_text_reads_back(
    texts: list[str], factor: Decimal, kind: str
) -> None:
    rows = ", ".join(f"({literal(text)})" for text in texts)
    with in_memory() as con:
        found = con.execute(
            f"""SELECT t, v, {divided("v", factor, kind)}
                FROM (SELECT t, {multiplied("t", factor, kind)} AS v FROM (VALUES {rows}) AS x(t))"""
        ).fetchall()
    for text, value, back in found:
        with localcontext(prec=80):
            assert back != text or Decimal(value) == Decimal(text) * factor
            if (
                back != text
                and value is not None
                and written_as_we_do(text)
                and Decimal(value) == Decimal(text) * factor
            ):
                assert text in {"-0"}


def written_as_we_do(text: str) -> bool:
    """Whether a number has neither zeros that say nothing, nor more digits behind the point than a column."""
    try:
        number = Decimal(text)
    except ArithmeticError:
        return False
    plain = f"{number:f}"
    shortest = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return number.is_finite() and text == shortest and len(text.partition(".")[2]) <= 10


@settings(max_examples=300, deadline=None)
@given(text=NUMBERS, factor=FACTORS, kind=st.sampled_from(["integer", "decimal"]))
def test_a_careful_product_is_exact_or_refused(text: str, factor: Decimal, kind: str) -> None:
    plain = convert(text, kind if kind == "decimal" else "decimal", Writing(), {})
    found = convert(text, kind, Writing(), {}, factor)
    if isinstance(found, Converted) and isinstance(plain, Converted):
        assert found.text is not None
        assert plain.text is not None
        with localcontext(prec=80):
            assert Decimal(found.text) == Decimal(plain.text) * factor
    assert isinstance(found, Converted) or found.reason in {"not_whole", "not_a_number", "too_large", "too_fine"}


def test_a_factor_turns_an_answer_that_is_no_whole_number_into_one() -> None:
    thousand = Decimal(1000)
    assert convert("1.5", "integer", Writing(), {}, thousand) == Converted("1500", "rewritten")
    assert convert("١٫٥", "integer", Writing(), {}, thousand) == Converted("1500", "rewritten")
    assert convert("1.2345", "integer", Writing(), {}, thousand) == Refused("not_whole")
    assert convert("99999999999999999", "integer", Writing(), {}, thousand) == Refused("too_large")
    assert convert("0.00000000001", "decimal", Writing(), {}, Decimal("0.1")) == Refused("too_fine")
