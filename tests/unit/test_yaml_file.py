"""A mistake in a YAML file is named by file, line and key, and says what to do."""

from pathlib import Path

import pytest
from pydantic import Field, RootModel

from pipelines.errors import ConfigError
from pipelines.project import StrictModel, read_yaml


class Entry(StrictModel):
    to: str
    from_: str = Field(default="", alias="from")
    recode: dict[str, str] = Field(default_factory=dict)


class Rule(StrictModel):
    rule: str
    arguments: dict[str, str | int | float | bool | list[int] | None] = Field(default_factory=dict)


class Mapping(StrictModel):
    title: str = ""
    days: int | None = None
    on: bool = False
    columns: dict[str, str | Entry] = Field(default_factory=dict)
    versions: dict[str, list[Entry]] = Field(default_factory=dict)


class Rules(RootModel[list[Rule]]):
    pass


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a.yml"


def refusal(file: Path, content: str | bytes, model: type[StrictModel] | type[Rules] = Mapping) -> str:
    """What is said about `content`, without the folder it lies in."""
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ConfigError) as refused:
        read_yaml(file, model)
    return str(refused.value).replace(f"{file.parent}/", "")


def test_a_text_keeps_its_letters_whatever_yaml_would_make_of_them(file: Path) -> None:
    file.write_text(
        "title: 2026.10\n"
        "columns: {Yes: 007, 1: 2020-08-31, no: {to: true, recode: {Yes: yes, No: off, Null: null, 12:30: 1e3}}}\n"
        "versions: {2019-1: [{from: a/b, to: 1}], 2026-10: []}\n"
    )
    read = read_yaml(file, Mapping)
    assert read.title == "2026.10"
    assert read.columns == {
        "Yes": "007",
        "1": "2020-08-31",
        "no": Entry(to="true", recode={"Yes": "yes", "No": "off", "Null": "null", "12:30": "1e3"}),
    }
    assert read.versions == {"2019-1": [Entry.model_validate({"from": "a/b", "to": "1"})], "2026-10": []}


def test_a_number_stays_a_number_where_the_model_leaves_it_open(file: Path) -> None:
    file.write_text("- {rule: x, arguments: {a: 0, b: 1.5, c: '0', d: 007, e: true, f: 'true', g: , h: [1, 2]}}\n")
    assert read_yaml(file, Rules).root[0].arguments == {
        "a": 0,
        "b": 1.5,
        "c": "0",
        "d": "007",
        "e": True,
        "f": "true",
        "g": None,
        "h": [1, 2],
    }


def test_an_empty_file_says_nothing(file: Path) -> None:
    file.write_text("# nothing yet\n")
    assert read_yaml(file, Mapping) == Mapping()


def test_an_unknown_key_is_named_with_the_one_that_was_meant(file: Path) -> None:
    assert refusal(file, "title: x\ntitel: y\n") == (
        "a.yml, line 2: unknown key 'titel': did you mean 'title'? Known here: columns, days, on, title, versions."
    )


def test_an_unknown_key_deep_inside_is_told_what_may_stand_there(file: Path) -> None:
    text = "versions:\n  2019-1:\n    - to: a\n    - form: b\n      to: c\n"
    assert (
        refusal(file, text) == "a.yml, line 4: unknown key 'form': did you mean 'from'? Known here: from, recode, to."
    )
    assert refusal(file, "columns:\n  a:\n    zzz: b\n") == (
        "a.yml, line 3: unknown key 'zzz': take it out. Known here: from, recode, to."
    )
    assert refusal(file, "- rule: a\n- ruel: b\n", Rules) == (
        "a.yml, line 2: unknown key 'ruel': did you mean 'rule'? Known here: arguments, rule."
    )


def test_a_missing_key_is_named_where_it_belongs(file: Path) -> None:
    text = "versions:\n  2019-1:\n    - to: a\n    - from: b\n"
    assert refusal(file, text) == "a.yml, line 4: the key 'to' is missing: add it."


def test_a_key_that_stands_twice_is_named_with_both_lines(file: Path) -> None:
    assert refusal(file, "columns:\n  a: b\n  c: d\n  a: e\n") == (
        "a.yml, line 4: the key 'a' stands a second time, first in line 2: keep one of them."
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("days: soon\n", "a.yml, line 1, key 'days': 'soon' is not a whole number: correct it."),
        ("days: 1.5\n", "a.yml, line 1, key 'days': '1.5' is not a whole number: correct it."),
        ("\non: perhaps\n", "a.yml, line 2, key 'on': 'perhaps' is not true or false: correct it."),
        ("title: [x]\n", "a.yml, line 1, key 'title': this list is not a text: correct it."),
        ("title:\n", "a.yml, line 1, key 'title': nothing stands here: give a value, or take the key out."),
        ("versions: {v: x}\n", "a.yml, line 1, key 'versions.v': 'x' is not a list such as [one, two]: correct it."),
        ("columns: [a]\n", "a.yml, line 1, key 'columns': this list is not a block of keys and values: correct it."),
        ("- a\n", "a.yml, line 1: this list is not a block of keys and values: correct it."),
    ],
)
def test_a_wrong_value_is_shown_beside_its_key(file: Path, text: str, said: str) -> None:
    assert refusal(file, text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title: x\n\tdays: 1\n", "line 2: this is not the YAML we read (found character '\\t'"),
        ("title: [x\n", "line 2: this is not the YAML we read (expected ',' or ']'"),
        ("title: a\n---\ntitle: b\n", "line 2: this is not the YAML we read (but found another document)"),
        ("title: &x a\ncolumns: {a: *x}\n", "line 2: this is not the YAML we read (an alias is not allowed"),
        ("title: x\ndays: !!int 5\n", "line 2: the tag !!int is not allowed"),
        ("days: !!python/object:os.system {}\n", "line 1: the tag !!python/object:os.system is not allowed"),
        ("? [a]\n: b\n", "line 1: a key is not a text"),
        (b"title: x\ncolumns: {a: \xff}\n", "line 2: this is not UTF-8 text"),
    ],
)
def test_what_is_no_yaml_of_ours_is_named_by_its_line(file: Path, text: str | bytes, said: str) -> None:
    assert refusal(file, text).startswith(f"a.yml, {said}")


def test_a_character_that_no_yaml_holds_is_refused(file: Path) -> None:
    assert refusal(file, "title: a\x00b\n") == "a.yml holds a character that YAML does not allow: take it out."


def test_a_file_that_is_absent_is_named(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"a\.yml does not exist: create it, or correct the name\.$"):
        read_yaml(file, Mapping)


def test_a_folder_in_a_files_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read \(Is a directory\)"):
        read_yaml(tmp_path, Mapping)
