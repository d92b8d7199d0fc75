"""An XForm as the sheets of an XLSForm that would make it: for a form whose workbook nobody has any more.

What the Form in an XForm is, is xform.py; here stands what that leaves out and a workbook must say: notes, and the
form's logic, which an XForm writes in paths and an XLSForm in names. Entities and files that come with a form are not
brought back.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from xml.etree.ElementTree import Element

from pipelines.forms.form import Choice, Labels
from pipelines.forms.rows import language_code
from pipelines.forms.sheets import Row, Sheets
from pipelines.forms.xform_parts import AUDIT, ROSA, XForm, local, tree_of

SAYS = {"relevant": "relevant", "constraint": "constraint", "required": "required", "calculate": "calculation"}
MESSAGES = {f"{ROSA}constraintMsg": "constraint_message", f"{ROSA}requiredMsg": "required_message"}
PIXELS = "{http://openrosa.org/xforms}max-pixels"
ITEMS = re.compile(
    r"(?P<mixed>randomize\()?\s*instance\([^)]*\)/root/\bitem(\[(?P<filter>.*)\])?(?P<rest>[^\]]*)", re.DOTALL
)

Texts = dict[str, Labels]


def sheets_of_xform(xform: str, where: str) -> Sheets:
    """The sheets of the XLSForm that `xform` could have been made of; SchemaError where it is no form."""
    return _Written(XForm(tree_of(xform, where))).sheets()


@dataclass
class _Written:
    """A form while it is written as rows; `number` counts those of the survey."""

    read: XForm
    number: int = 1

    def sheets(self) -> Sheets:
        return Sheets(
            survey=list(self._survey()),
            choices=list(self._choices()),
            settings=self._settings(),
            languages=self.languages,
        )

    @cached_property
    def languages(self) -> tuple[str, ...]:
        return tuple(self._names[code] for code in self.read.languages)

    @cached_property
    def _names(self) -> Mapping[str, str]:
        """The whole name of each language by its code."""
        spoken = [node.get("lang", "") for node in self.read.model.iter() if local(node) == "translation"]
        return {language_code(name): name for name in spoken} or {"default": "default"}

    @cached_property
    def _by_name(self) -> Mapping[str, str]:
        """Path -> `${name}`, of all whose name is theirs alone."""
        paths = [path for path, _ in self.read.places()]
        names = [path.rpartition("/")[2] for path in paths]
        return {path: f"${{{name}}}" for path, name in zip(paths, names, strict=True) if names.count(name) == 1}

    def _survey(self) -> Iterator[Row]:
        open_: list[str] = []
        for path, node in self.read.places():
            while open_ and not path.startswith(open_[-1] + "/"):
                yield self._end(open_.pop())
            if path != AUDIT and (len(node) or path in self.read.repeats):
                open_.append(path)
                yield self._begin(path)
            else:
                yield self._question(path, node)
        while open_:
            yield self._end(open_.pop())

    def _begin(self, path: str) -> Row:
        repeat = next((node for node in self._repeats if node[0] == path), None)
        count = repeat[1].get(f"{ROSA}count", "") if repeat else ""
        cells = {"type": "begin_repeat" if repeat else "begin_group", "repeat_count": self._named(count, path)}
        holder = self.read.holders.get(path)
        appearance = holder.get("appearance", "") if holder is not None else ""
        return self._row(path, {**cells, "appearance": appearance}, {"label": self.read.said(holder, "label")})

    def _end(self, path: str) -> Row:
        self.number += 1
        return Row(self.number, {"type": "end_repeat" if path in self.read.repeats else "end_group"})

    @cached_property
    def _repeats(self) -> list[tuple[str, Element]]:
        found = [node for node in self.read.tree.iter() if local(node) == "repeat"]
        return [(node.get("nodeset", "").strip().removeprefix("/").partition("/")[2], node) for node in found]

    def _question(self, path: str, node: Element) -> Row:
        control = self.read.controls.get(path)
        kind, list_name = self.read.list_of(self.read.type_of(path, node) or "note", path, control)
        texts = {"label": self.read.label(path), "hint": self.read.said(control, "hint")}
        cells = {"type": f"{kind} {list_name}".strip(), "default": node.text or "", **self._moment(path)}
        if control is not None:
            cells["appearance"] = control.get("appearance", "")
            cells |= self._of_control(path, control)
        return self._row(path, cells, texts)

    def _row(self, path: str, cells: Mapping[str, str], texts: Texts) -> Row:
        bind = self.read.binds.get(path, Element("bind"))
        said = {column: self._named(bind.get(name, ""), path) for name, column in SAYS.items()}
        said["required"] = {"true()": "yes", "false()": ""}.get(said["required"], said["required"])
        if bind.get("readonly", "") == "true()" and not said["calculation"] and cells["type"] != "note":
            said["readonly"] = "yes"
        if bind.get(PIXELS):
            said["parameters"] = f"max-pixels={bind.get(PIXELS)}"
        messages = {column: self._message(bind.get(name, "")) for name, column in MESSAGES.items()}
        self.number += 1
        filled = {column: text for column, text in {**said, **cells, "name": path.rpartition("/")[2]}.items() if text}
        spoken = {column: self._whole(labels) for column, labels in {**texts, **messages}.items() if labels}
        return Row(self.number, filled, spoken)

    def _of_control(self, path: str, control: Element) -> dict[str, str]:
        """What a control says beside its question: bounds of a range, how a list is filtered and mixed."""
        if local(control) == "range":
            bounds = [f"{name}={control.get(name)}" for name in ("start", "end", "step") if control.get(name)]
            return {"parameters": " ".join(bounds)}
        itemset = next((node for node in control if local(node) == "itemset"), None)
        found = ITEMS.match(itemset.get("nodeset", "").strip()) if itemset is not None else None
        if itemset is None or found is None:
            return {}
        refs = {local(node): node.get("ref", "") for node in itemset}
        usual = {("value", "name"), ("label", "label")}
        parts = [f"{name}={ref}" for name, ref in refs.items() if (name, ref) not in usual and "(" not in ref]
        if found["mixed"]:
            seed = found["rest"].strip(" ,)")
            parts += ["randomize=true", *([f"seed={self._named(seed, path)}"] if seed else [])]
        return {"parameters": " ".join(parts), "choice_filter": self._named(found["filter"] or "", path)}

    def _moment(self, path: str) -> dict[str, str]:
        """What sets the question at `path` when the form is opened, or another question is answered."""
        for parent in self.read.tree.iter():
            for node in parent:
                if local(node) != "setvalue" or node.get("ref", "").strip().split("/", 2)[-1] != path:
                    continue
                value = self._named(node.get("value", "") or (node.text or ""), path)
                if "xforms-value-changed" in node.get("event", ""):
                    trigger = parent.get("ref", "").strip().split("/", 2)[-1]
                    return {"trigger": self._by_name.get(trigger, ""), "calculation": value}
                if "first-load" in node.get("event", ""):
                    return {"default": value}
        return {}

    def _message(self, said: str) -> Labels:
        """A message of a bind: written out, or named."""
        named = re.fullmatch(r"jr:itext\(['\"](.+)['\"]\)", said.strip())
        if named:
            return self.read.texts.get(named[1], {})
        return {self.read.languages[0]: said} if said else {}

    def _whole(self, labels: Labels) -> dict[str, str]:
        """`labels` by the whole names of their languages."""
        return {self._names[code]: text for code, text in labels.items()}

    def _named(self, expression: str, path: str) -> str:
        """`expression`, which stands at `path`, with the names of questions for their paths."""
        if not expression:
            return ""
        root = re.escape(local(self.read.root))
        place = (
            rf" ?(?<![\w)\]/.'\"])(/{root}(?:/[\w.-]+)+|(?:current\(\)/)?(?:\.\./)+[\w-][\w.-]*(?:/[\w-][\w.-]*)*) ?"
        )
        return re.sub(place, lambda found: self._by_name.get(self._path(found[1], path), found[0]), expression).strip()

    def _path(self, written: str, path: str) -> str:
        """The path that `written` leads to, from the question at `path`."""
        if written.startswith("/"):
            return written.removeprefix("/").partition("/")[2]
        up = written.removeprefix("current()/")
        around = path.split("/")
        while up.startswith("../"):
            up, around = up[3:], around[:-1]
        return "/".join([*around, up])

    def _choices(self) -> Iterator[Row]:
        lists = {**self.read.listed_choices(), **self.read.inline_choices()}
        choices: list[Choice] = [choice for listed in lists.values() for choice in listed]
        for number, choice in enumerate(choices, start=2):
            cells = {"list_name": choice.list_name, "name": choice.name, **choice.extra}
            yield Row(number, cells, {"label": self._whole(choice.labels)} if choice.labels else {})

    def _settings(self) -> dict[str, str]:
        spoken = [node for node in self.read.model.iter() if local(node) == "translation"]
        first = next((node.get("lang", "") for node in spoken if node.get("default")), "")
        name = self.read.binds.get("meta/instanceName", Element("bind")).get("calculate", "")
        said = {
            "form_title": self.read.title,
            "form_id": self.read.root.get("id", ""),
            "version": self.read.root.get("version", ""),
            "default_language": first if first != "default" else "",
            "style": next((node.get("class", "") for node in self.read.tree.iter() if local(node) == "body"), ""),
            "instance_name": self._named(name, "meta/instanceName"),
            "allow_choice_duplicates": "yes" if self._doubles() else "",
        }
        return {column: text for column, text in said.items() if text}

    def _doubles(self) -> bool:
        """Whether a list has a code twice, which a workbook must say is meant."""
        lists = {**self.read.listed_choices(), **self.read.inline_choices()}
        return any(len({choice.name for choice in listed}) < len(listed) for listed in lists.values())
