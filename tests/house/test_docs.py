"""What the guides tell a reader to type can be typed."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from pipelines.cli import app
from tests.house.modules import REPOSITORY

LINES_OF_A_SCREEN = 60

GUIDES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]


def _commands(guide: Path) -> list[str]:
    """Every `make ...` and `cccm ...` that stands as code in `guide`, in a block or in a line."""
    text = guide.read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines()]
    inline = re.findall(r"`([^`\n]+)`", text)
    spoken = (re.sub(r"^(\w+=\S+ )+", "", command) for command in [*lines, *inline])
    return [command for command in spoken if re.match(r"(make|cccm) [a-z]", command)]


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def _exists(command: str) -> bool:
    words = shlex.split(command, comments=True)
    if words[0] == "make":
        return {word for word in words[1:] if re.fullmatch(r"[a-z-]+", word)} <= _targets()
    return _is_a_command(typer.main.get_command(app), words[1:])


def _is_a_command(command: Any, words: list[str]) -> bool:
    """Whether `words` lead from group to group to a command, and each option is one of its own."""
    below = getattr(command, "commands", None)
    if below is not None:
        return bool(words) and words[0] in below and _is_a_command(below[words[0]], words[1:])
    options = {name for parameter in command.params for name in parameter.opts}
    return {word.split("=")[0] for word in words if word.startswith("-")} <= options


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.relative_to(REPOSITORY).as_posix())
def test_every_command_of_a_guide_exists(guide: Path) -> None:
    assert [command for command in _commands(guide) if not _exists(command)] == []


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.relative_to(REPOSITORY).as_posix())
def test_every_link_of_a_guide_leads_somewhere(guide: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", guide.read_text(encoding="utf-8"))
    assert [link for link in links if not (guide.parent / link).exists()] == []


def test_the_readme_is_one_screen() -> None:
    assert len((REPOSITORY / "README.md").read_text(encoding="utf-8").splitlines()) <= LINES_OF_A_SCREEN


def test_ci_runs_what_the_readme_says() -> None:
    said = " ".join(_commands(REPOSITORY / "README.md"))
    run = re.findall(r"^exec make --keep-going (.*)$", (REPOSITORY / ".ci/run").read_text(), re.MULTILINE)
    assert run == ["check test"]
    assert "make check" in said
    assert "make test" in said


def test_every_folder_of_the_house_is_in_the_readme() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    folders = [path.name for path in REPOSITORY.iterdir() if path.is_dir() and path.name[0] not in "._"]
    assert [name for name in sorted(folders) if f"{name}/" not in readme] == []
