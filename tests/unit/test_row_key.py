"""The key of a row stays the same however its family's number is typed, and is another for any other family."""

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import ConfigError
from pipelines.project.layout import IdRule
from pipelines.sources.project_key import project_key
from pipelines.sources.row_key import RowKeys, key_of

HASHED = IdRule(hmac=("id", "part"))
PLAIN = IdRule(columns=("id", "part"))


def ours() -> bytes:
    return b"k" * 32


@pytest.mark.parametrize("typed", ["IRQ-12", " irq-12 ", "IRQ-12\u200f", "IRQ-١٢", "ＩＲＱ-12", "IRQ-12\u00a0"])
def test_a_number_is_the_same_however_it_is_typed(typed: str) -> None:
    assert key_of({"id": typed}, HASHED, ours) == key_of({"id": "IRQ-12"}, HASHED, ours)


@given(st.tuples(st.text("ab1", max_size=4), st.text("ab1", max_size=4)), st.tuples(st.text("ab1"), st.text("ab1")))
def test_two_families_have_two_keys(one: tuple[str, str], other: tuple[str, str]) -> None:
    keys = [key_of(dict(zip(("id", "part"), said, strict=True)), HASHED, ours) for said in (one, other)]
    assert (keys[0] == keys[1]) == (one == other)
    assert len(keys[0]) == 64


def test_the_key_decides() -> None:
    assert key_of({"id": "1"}, HASHED, ours) != key_of({"id": "1"}, HASHED, lambda: b"l" * 32)


def test_a_plain_rule_asks_for_no_key() -> None:
    def never() -> bytes:
        raise AssertionError

    assert key_of({"id": " 007 ", "part": "x"}, PLAIN, never) == "007|x"


def test_a_second_row_is_told_apart_and_counted() -> None:
    keys = RowKeys(PLAIN, ours)
    rows = [{"id": "1"}, {"id": "1"}, {"id": "1|#2"}, {}, {"part": " "}, {"id": "1"}]
    assert [keys.of(row) for row in rows] == ["1|", "1|#2", "1|#2|", "|", "|#2", "1|#3"]
    assert (keys.without, keys.again) == (2, 2)


def test_a_key_is_made_once_and_for_us_alone(tmp_path: Path) -> None:
    file = tmp_path / "data" / "project.key"
    made = project_key(file, may_make=True)
    assert len(made) == 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert project_key(file, may_make=False) == project_key(file, may_make=True) == made
    assert [path.name for path in file.parent.iterdir()] == ["project.key"]


@pytest.mark.parametrize("content", [b"", b"00" * 31, b"zz" * 32, b"\xff" * 64])
def test_a_broken_key_is_no_key(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "project.key"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(ConfigError, match=r"project.key holds no key of 64 hexadecimal digits: put it back"):
        project_key(file, may_make=True)
