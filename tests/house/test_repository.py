"""What holds for every file that is committed, whatever it is."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from pipelines.project import Project
from tests.house.modules import REPOSITORY

LARGEST = 2_000_000
MARKS = {
    "a machine's own path": r"/(home|Users)/[a-z]|/(root|work|tmp)/[a-z.]",
    "work left over": r"\b(TO" + r"DO|FIX" + r"ME)\b",
    "a merge mark": r"^(<{7}|>{7}|\|{7}) ",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
}
WRITTEN_BY_US = {".py", ".sql", ".md", ".yml", ".yaml", ".toml", ".csv", ".cfg", ".txt", ""}
GENERATED = {"uv.lock"}


def _committed() -> list[Path]:
    """Every file that git has, or would take."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    paths = (REPOSITORY / name for name in sorted(set(listed.stdout.split("\0")) - {""}))
    return [path for path in paths if path.is_file()]


def _named(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


@pytest.fixture(scope="module")
def committed() -> list[Path]:
    return _committed()


@pytest.fixture(scope="module")
def texts(committed: list[Path]) -> dict[str, str]:
    written = [path for path in committed if path.suffix in WRITTEN_BY_US and path.name not in GENERATED]
    return {_named(path): path.read_text(encoding="utf-8") for path in written}


@pytest.mark.parametrize("what", MARKS)
def test_no_file_holds(what: str, texts: dict[str, str]) -> None:
    pattern = re.compile(MARKS[what], re.MULTILINE)
    found = {name: match.group() for name, text in texts.items() if (match := pattern.search(text))}
    found.pop("tests/house/test_repository.py", None)
    found.pop(".pre-commit-config.yaml", None)
    assert found == {}


def test_no_file_is_large(committed: list[Path]) -> None:
    assert {_named(path): path.stat().st_size for path in committed if path.stat().st_size > LARGEST} == {}


def test_no_data_is_committed(committed: list[Path]) -> None:
    kinds = {".duckdb", ".wal", ".parquet", ".sqlite", ".db"}
    assert [_named(path) for path in committed if path.suffix in kinds] == []


def _yaml_fault(text: str) -> str:
    """What is wrong with `text` as YAML; nothing where it loads."""
    try:
        yaml.safe_load(text)
    except yaml.YAMLError as error:
        return str(error)
    return ""


def test_every_yaml_file_loads(texts: dict[str, str]) -> None:
    faults = {name: _yaml_fault(text) for name, text in texts.items() if name.endswith((".yml", ".yaml"))}
    assert {name: fault for name, fault in faults.items() if fault} == {}


def test_every_tool_and_source_is_described_in_full(project: Project) -> None:
    tools = {tool.name for tool in project.tools()}
    assert [tool.name for tool in project.tools() if not tool.versions] == []
    assert {asset.tool for source in project.sources() for asset in source.assets} <= tools


def test_a_folder_of_forms_says_which_tool_it_is(committed: list[Path]) -> None:
    folders = {path.parent for path in committed if path.suffix == ".xlsx" and "xlsforms" in path.parts}
    assert [_named(folder) for folder in sorted(folders) if not (folder / "tool.yml").is_file()] == []


def test_every_curated_table_is_described_by_its_first_comment(project: Project) -> None:
    files = sorted(project.curated.glob("*.sql"))
    assert [_named(file) for file in files if not re.match(r"-- \w|/\*", file.read_text(encoding="utf-8"))] == []


def test_expectations_are_named_after_what_they_hold_for(project: Project) -> None:
    known = {tool.name for tool in project.tools()} | {file.stem for file in project.curated.glob("*.sql")}
    files = sorted(project.expectations.glob("*/*.yml"))
    assert [_named(file) for file in files if file.stem.split("__")[0] not in known] == []
