"""The Python of pipelines/ as trees, for the rules that read it."""

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Module:
    """One file of pipelines/."""

    path: Path
    name: str
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """The part of pipelines/ it lies in: "sources", or "cli" for a file that is its own room."""
        return self.name.split(".")[1] if "." in self.name else ""

    def __str__(self) -> str:
        return self.path.relative_to(REPOSITORY).as_posix()

    def imports(self) -> Iterator[str]:
        """Every name it imports, in full ("duckdb", "pipelines.store.duck.connect"), wherever the import stands."""
        package = self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            if isinstance(node, ast.ImportFrom):
                parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
                source = ".".join([*parents, *filter(None, [node.module])])
                yield from (f"{source}.{alias.name}" for alias in node.names)

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Every function and method, also those inside others."""
        yield from (node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@functools.cache
def modules() -> tuple[Module, ...]:
    """Every file of pipelines/, by name."""
    return tuple(_module(path) for path in sorted((REPOSITORY / "pipelines").rglob("*.py")))


def _module(path: Path) -> Module:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    text = path.read_text(encoding="utf-8")
    return Module(path, name, text, ast.parse(text, filename=str(path)))
