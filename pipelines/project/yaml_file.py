"""Read a YAML file of ours strictly: what is wrong is named by file, line and key.

Only the reading belongs here; what each file may say is a model beside the room that uses it. Stricter than YAML: a key
may stand once, aliases and tags are refused, only `true` and `false` are booleans, and nothing becomes a date. A scalar
keeps its text wherever the model says `str`, so that `Yes: 1` in a recode stays "Yes" and "1".
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, RootModel, ValidationError
from pydantic_core import ErrorDetails

from pipelines.errors import ConfigError

Location = tuple[int | str, ...]
Model = TypeVar("Model", bound=BaseModel)

BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
NULLS = frozenset({"", "~", "null", "Null", "NULL"})
INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
DECIMAL = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")

PLAINLY = {
    "string_type": "is not a text",
    "int_type": "is not a whole number",
    "int_parsing": "is not a whole number",
    "int_from_float": "is not a whole number",
    "float_type": "is not a number",
    "float_parsing": "is not a number",
    "decimal_type": "is not a number",
    "decimal_parsing": "is not a number",
    "bool_type": "is not true or false",
    "bool_parsing": "is not true or false",
    "list_type": "is not a list such as [one, two]",
    "tuple_type": "is not a list such as [one, two]",
    "set_type": "is not a list such as [one, two]",
    "frozen_set_type": "is not a list such as [one, two]",
    "dict_type": "is not a block of keys and values",
    "mapping_type": "is not a block of keys and values",
    "model_type": "is not a block of keys and values",
    "model_attributes_type": "is not a block of keys and values",
}
"""What pydantic finds, in words for somebody who writes YAML and not Python."""


class StrictModel(BaseModel):
    """What every model of a YAML file is: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Loader(yaml.SafeLoader):
    """Composes nodes without giving plain scalars a type, and without aliases."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            problem = "an alias is not allowed, write the value out"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=self.get_mark())
        return super().compose_node(parent, index)


_Loader.yaml_implicit_resolvers = {}


def read_yaml(path: Path, model: type[Model], context: Mapping[str, Any] | None = None) -> Model:
    """What the file at `path` says, as a `model`; `context` reaches the model's own validators."""
    root = _composed(path)
    _refuse_what_we_do_not_use(path, root)
    as_text: set[int] = set()
    while True:
        try:
            return model.model_validate(_value(root, as_text), context=dict(context or {}))
        except ValidationError as error:
            wanted = _scalars_wanted_as_text(error, root) - as_text
            if not wanted:
                raise ConfigError(_explained(path, model, root, error)) from None
            as_text |= wanted


def _composed(path: Path) -> yaml.Node:
    """The nodes of the one document at `path`; an empty file is an empty mapping."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        root = yaml.compose(text, Loader=_Loader)
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist: create it, or correct the name.") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}): correct its permissions.") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}, line {line}: this is not UTF-8 text: save the file as UTF-8.") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ConfigError(f"{path}, line {line}: this is not the YAML we read ({error.problem}): mend it.") from None
    except yaml.YAMLError:
        raise ConfigError(f"{path} holds a character that YAML does not allow: take it out.") from None
    if root is None:
        return yaml.MappingNode("tag:yaml.org,2002:map", [], yaml.Mark(str(path), 0, 0, 0, "", 0), None)
    return root


def _refuse_what_we_do_not_use(path: Path, root: yaml.Node) -> None:
    """Raise where a key stands twice, is not a text, or a tag (`!!int`) stands before a value."""
    for node in _nodes(root):
        if node.tag not in ("tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
            raise ConfigError(f"{path}, line {_line(node)}: the tag {_tag(node)} is not allowed: take it out.")
        if not isinstance(node, yaml.MappingNode):
            continue
        seen: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise ConfigError(f"{path}, line {_line(key)}: a key is not a text: write it as one word.")
            if key.value in seen:
                raise ConfigError(
                    f"{path}, line {_line(key)}: the key {key.value!r} stands a second time, first in line "
                    f"{seen[key.value]}: keep one of them."
                )
            seen[key.value] = _line(key)


def _nodes(node: yaml.Node) -> Iterator[yaml.Node]:
    """`node` and everything below it, in the order of the file."""
    yield node
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _nodes(item)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _nodes(key)
            yield from _nodes(value)


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1


def _tag(node: yaml.Node) -> str:
    return node.tag.replace("tag:yaml.org,2002:", "!!")


def _value(node: yaml.Node, as_text: set[int]) -> Any:
    """What `node` says; the scalars named in `as_text` by their text."""
    if isinstance(node, yaml.MappingNode):
        return {key.value: _value(value, as_text) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, as_text) for item in node.value]
    plain = isinstance(node, yaml.ScalarNode) and node.style is None
    return _typed(node.value) if plain and id(node) not in as_text else node.value


def _typed(text: str) -> str | int | float | bool | None:
    """What a plain scalar says by itself; whatever is not plainly a number, a boolean or nothing stays text."""
    if text in NULLS:
        return None
    if text in BOOLEANS:
        return BOOLEANS[text]
    if INTEGER.fullmatch(text):
        return int(text)
    if DECIMAL.fullmatch(text):
        return float(text)
    return text


def _scalars_wanted_as_text(error: ValidationError, root: yaml.Node) -> set[int]:
    """The plain scalars, by id, that were read as something else where the model says `str`."""
    errors = error.errors(include_url=False, include_input=False)
    nodes = [_at(root, found["loc"])[0] for found in errors if found["type"] == "string_type"]
    return {id(node) for node in nodes if isinstance(node, yaml.ScalarNode) and node.style is None and node.value}


def _at(root: yaml.Node, location: Location) -> tuple[yaml.Node, int, tuple[str, ...]]:
    """The node nearest to `location`, its line, and the keys that lead there.

    Parts of a location that are no key of the file (pydantic names the branch of a union there) are passed over.
    """
    node, line, keys = root, _line(root), list[str]()
    for part in location:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == part:
                    node, line = value, _line(key)
                    keys.append(key.value)
                    break
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = _line(node)
            keys.append(str(part + 1))
    return node, line, tuple(keys)


def _explained(path: Path, model: type[BaseModel], root: yaml.Node, error: ValidationError) -> str:
    """The one finding worth telling: a misspelt key before what lacks for its sake, the deepest before the rest."""
    errors = error.errors(include_url=False)
    ranked = sorted(
        errors, key=lambda e: (e["type"] != "extra_forbidden", -len(_at(root, e["loc"])[2]), e["loc"] == ())
    )
    return _sentence(path, model, root, ranked[0])


def _sentence(path: Path, model: type[BaseModel], root: yaml.Node, found: ErrorDetails) -> str:
    location = found["loc"]
    node, line, keys = _at(root, location)
    if found["type"] == "extra_forbidden":
        return f"{path}, line {line}: unknown key {location[-1]!r}: {_advice(model, location)}."
    if found["type"] == "missing":
        return f"{path}, line {line}: the key {str(location[-1])!r} is missing: add it."
    where = f"{path}, line {line}" + (f", key {'.'.join(keys)!r}" if keys else "")
    if found["type"] == "value_error":
        return f"{where}: {found['ctx']['error']}."
    if isinstance(node, yaml.ScalarNode) and not node.value and node.style is None:
        return f"{where}: nothing stands here: give a value, or take the key out."
    what = PLAINLY.get(found["type"]) or f"is not allowed ({_lowered(found['msg'])})"
    return f"{where}: {_shown(node)} {what}: correct it."


def _shown(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return repr(node.value if len(node.value) <= 60 else node.value[:57] + "...")
    return "this list" if isinstance(node, yaml.SequenceNode) else "this block"


def _lowered(message: str) -> str:
    return message[:1].lower() + message[1:]


def _advice(model: type[BaseModel], location: Location) -> str:
    """What to do about the unknown key at the end of `location`."""
    known = _known_keys(model, location)
    near = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
    meant = f"did you mean {near[0]!r}? " if near else "take it out. "
    return f"{meant}Known here: {', '.join(known)}"


def _known_keys(model: type[BaseModel], location: Location) -> list[str]:
    """The keys that the block around `location` may have."""
    models = set(_models_in(model))
    for part in location[:-1]:
        fields = [field for one in models for name, field in one.model_fields.items() if part in (name, field.alias)]
        if fields:
            models = {found for field in fields for found in _models_in(field.annotation)}
    return sorted({field.alias or name for one in models for name, field in one.model_fields.items()})


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Every model that `annotation` speaks of, at any depth."""
    if isinstance(annotation, type) and issubclass(annotation, RootModel):
        yield from _models_in(annotation.model_fields["root"].annotation)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
