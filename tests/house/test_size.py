"""A file is one thought, a function one step. Beyond these numbers somebody must say why."""

import ast
from pathlib import Path

from tests.house.modules import REPOSITORY, Module, modules

LINES_OF_A_FILE = 300
LINES_OF_A_TEST_FILE = 600
LINES_OF_A_FUNCTION = 60

LONGER_FOR_A_REASON: dict[str, str] = {}
"""A file of pipelines/ -> why it is still one thought."""


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def _body(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of its body without the docstring."""
    first = function.body[1:2] if ast.get_docstring(function) else function.body[:1]
    return (function.end_lineno or 0) - first[0].lineno + 1 if first else 0


def _described(module: Module) -> bool:
    return bool(ast.get_docstring(module.tree))


def test_every_module_says_what_belongs_into_it() -> None:
    assert [str(module) for module in modules() if not _described(module)] == []


def test_a_file_is_one_thought() -> None:
    long = {str(module): _lines(module.path) for module in modules() if _lines(module.path) > LINES_OF_A_FILE}
    assert {name: lines for name, lines in long.items() if name not in LONGER_FOR_A_REASON} == {}


def test_no_exception_outlives_its_reason() -> None:
    long = {str(module) for module in modules() if _lines(module.path) > LINES_OF_A_FILE}
    assert set(LONGER_FOR_A_REASON) <= long


def test_a_test_file_is_one_thought() -> None:
    files = sorted((REPOSITORY / "tests").rglob("*.py"))
    assert {file.name: _lines(file) for file in files if _lines(file) > LINES_OF_A_TEST_FILE} == {}


def test_a_function_is_one_step() -> None:
    long = {
        f"{module}:{function.lineno} {function.name}": _body(function)
        for module in modules()
        for function in module.functions()
        if _body(function) > LINES_OF_A_FUNCTION
    }
    assert long == {}
