"""A sentence is printed in one line however narrow the terminal is, so that a path in it can be copied."""

import pytest

from pipelines.terminal import say

PATH = "/srv/cccm/" + "a-folder-with-a-long-name/" * 8 + "xlsforms/fsmt/2026-1.xlsx"


def test_a_long_sentence_is_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    say(f"{PATH} is a new tool now [9 questions], and `cccm run` builds it.")
    assert capsys.readouterr().out == f"{PATH} is a new tool now [9 questions], and `cccm run` builds it.\n"
