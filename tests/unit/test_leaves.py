"""An answer is one leaf; the count and the digest of a document change with any of them, and with nothing else."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.archive.leaves import RS, US, Leaf, count_and_digest, leaves
from pipelines.harmonize.cells import LANDED_LEAVES
from pipelines.harmonize.ledger import LANDED
from pipelines.store.duck import in_memory, read_value

PATHS = st.text("abc/_é'\" ", min_size=1, max_size=8).filter(lambda path: not path.startswith("_"))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
RECORDS = st.recursive(
    st.dictionaries(PATHS, TEXTS, max_size=5),
    lambda row: st.dictionaries(PATHS, st.one_of(TEXTS, st.lists(row, min_size=1, max_size=3)), max_size=5),
    max_leaves=6,
)


def sent(document: object) -> str:
    return json.dumps(document, ensure_ascii=False)


def digest(document: object, root_id: str = "a") -> int:
    return count_and_digest(root_id, sent(document), "kobo_json")[1]


def test_every_answer_is_a_leaf_with_its_place() -> None:
    document = {
        "_id": 7,
        "meta/instanceID": "uuid:x",
        "camp": "خانكى",
        "block": [
            {"block/name": "A1", "block/repair": [{"block/repair/item": "door"}, {"block/repair/item": ""}]},
            {"block/name": "A2"},
        ],
    }
    assert leaves(sent(document), "kobo_json") == (
        Leaf("", "", "camp", "خانكى"),
        Leaf("block", "1", "block/name", "A1"),
        Leaf("block/repair", "1.1", "block/repair/item", "door"),
        Leaf("block/repair", "1.2", "block/repair/item", ""),
        Leaf("block", "2", "block/name", "A2"),
    )


def test_two_repeats_that_call_what_stands_inside_them_the_same_hide_no_answer() -> None:
    document = {"wash": [{"tap": [{"state": "dry"}]}], "health": [{"tap": [{"state": "new"}, {"state": "old"}]}]}
    assert leaves(sent(document), "kobo_json") == (
        Leaf("tap", "1.1", "state", "dry"),
        Leaf("tap", "1.1", "state", "new"),
        Leaf("tap", "1.2", "state", "old"),
    )
    assert count_and_digest("a", sent(document), "kobo_json")[0] == 3


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("12.50", "12.50"),
        ("1e2", "1e2"),
        ("-0", "-0"),
        ("99999999999999999999", "99999999999999999999"),
        ("true", "true"),
        ('"007"', "007"),
        ('[1.50, {"a": "b c"}, null]', '[1.50,{"a":"b c"},null]'),
    ],
)
def test_a_leaf_has_the_text_that_was_written(written: str, text: str) -> None:
    assert leaves(f'{{"a": {written}}}', "kobo_json") == (Leaf("", "", "a", text),)


@pytest.mark.parametrize("nothing", ["null", "[]", "{}"])
def test_what_is_empty_is_no_answer(nothing: str) -> None:
    assert count_and_digest("a", f'{{"a": {nothing}}}', "kobo_json") == (0, 0)


def test_an_empty_text_is_an_answer() -> None:
    assert count_and_digest("a", '{"a": ""}', "kobo_json")[0] == 1


@pytest.mark.parametrize(
    "key", ["_id", "__version__", "_version_", "_version__001", "formhub/uuid", "meta/deprecatedID"]
)
def test_what_a_server_adds_is_no_answer(key: str) -> None:
    assert leaves(sent({key: "x"}), "kobo_json") == ()
    assert leaves(sent({key: "x"}), "csv_row") == (Leaf("", "", key, "x"),)


@pytest.mark.parametrize("raw", ["", '{"a": "b', "[]", '"a"', '{"a": "1", "a": "2"}', "[" * 100_000])
def test_what_is_no_document_is_refused(raw: str) -> None:
    with pytest.raises((ValueError, RecursionError)):
        count_and_digest("a", raw, "kobo_json")


def test_half_a_sign_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        count_and_digest("a", '{"a": "\\ud83d"}', "kobo_json")


@given(document=RECORDS)
def test_the_order_of_keys_does_not_matter(document: dict[str, object]) -> None:
    def turned(value: object) -> object:
        if isinstance(value, dict):
            return {key: turned(value[key]) for key in reversed(value)}
        return [turned(row) for row in value] if isinstance(value, list) else value

    assert digest(turned(document)) == digest(document)


@given(document=RECORDS, path=PATHS, text=TEXTS)
def test_any_change_of_id_path_or_text_changes_the_digest(document: dict[str, object], path: str, text: str) -> None:
    there = {**document, path: text}
    changed = [
        digest(there, "b"),
        digest({**document, path: text + "!"}),
        digest({**document, path + "x": text}),
        digest({key: value for key, value in there.items() if key != path}),
        digest({**document, path: [{path: text}]}),
    ]
    assert digest(there) not in changed


@given(row=st.dictionaries(PATHS, TEXTS, min_size=1, max_size=3))
def test_the_place_of_a_row_is_part_of_the_digest(row: dict[str, str]) -> None:
    other = {key: text + "!" for key, text in row.items()}
    assert digest({"r": [row, other]}) != digest({"r": [other, row]})
    assert digest({"r": [row]}) != digest({"s": [row]})


@settings(max_examples=30, deadline=None)
@given(document=RECORDS)
def test_sql_comes_to_the_same_digest(document: dict[str, object]) -> None:
    found = leaves(sent(document), "kobo_json")
    rows = [[leaf.repeat, leaf.index, leaf.path, leaf.text] for leaf in found]
    with in_memory() as con:
        con.execute(LANDED)
        con.execute(
            """CREATE TEMP TABLE leaf AS SELECT 's' AS source, 'a' AS asset, 'r' AS root_id, row[1] AS repeat,
               row[2] AS _index, row[3] AS path, row[4] AS text FROM (SELECT unnest(?::VARCHAR[][]) AS row)""",
            [rows],
        )
        con.execute(LANDED_LEAVES, [US, US, RS, US, RS])
        total = read_value(con, "SELECT coalesce(sum(h) % 18446744073709551616, 0) FROM landed")
    assert (len(found), total) == count_and_digest("r", sent(document), "kobo_json")


WRITTEN = st.recursive(
    st.sampled_from(
        ["12.50", "12.5", "1e2", "-0", "-0.0", "0", "7", "99999999999999999999", "1.0", "true", "null", "[]", "{}"]
    )
    | TEXTS.map(lambda text: json.dumps(text, ensure_ascii=False))
    | TEXTS.map(json.dumps),
    lambda value: (
        st.lists(value, max_size=3).map(lambda some: f"[{','.join(some)}]")
        | st.lists(st.tuples(st.sampled_from(["a", "b", "c/d", "é"]), value), max_size=4).map(
            lambda pairs: "{" + ",".join(f'"{key}":{value}' for key, value in pairs) + "}"
        )
    ),
    max_leaves=8,
)


@given(st.lists(st.tuples(st.sampled_from(["_id", "a", "b", "c/d", "é"]), WRITTEN), max_size=5))
def test_a_document_that_is_read_quickly_has_the_answers_of_one_read_with_care(said: list[tuple[str, str]]) -> None:
    """A blank at its end is enough for a document to be read with care; keys may stand twice here, at any depth."""
    raw = "{" + ",".join(f'"{key}":{value}' for key, value in said) + "}"
    try:
        with_care = leaves(raw + " ", "kobo_json")
    except ValueError:
        with pytest.raises(ValueError, match="twice"):
            leaves(raw, "kobo_json")
        return
    assert leaves(raw, "kobo_json") == with_care
    assert count_and_digest("x", raw, "kobo_json") == count_and_digest("x", raw + " ", "kobo_json")
