"""What a loss of power may leave: files put together from the calls that refuse.c wrote down.

What was synced is there. Of the writes since, each is there or not, in any order; renames and removals are there up to
some moment, as file systems with a journal keep their order. To sync a file keeps its making too.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SEED = 20261127
HEAD = re.compile(rb"([A-Z]) (\d+) (-?\d+) (\d+) ([^\t]*)\t([^\n]*)\n")


@dataclass(frozen=True)
class Operation:
    """One call: W(rite), T(runcate), C(reate), R(ename), U(nlink), S(ync), or A: all up to `offset` is acknowledged."""

    what: str
    inode: int
    offset: int
    data: bytes
    path: str
    to: str


@dataclass
class Image:
    """The files of a folder, and what was acknowledged before the power went."""

    files: dict[str, bytes] = field(default_factory=dict)
    acknowledged: int = 0

    def lay_out(self, folder: Path) -> None:
        """Write them; the folder is there though nothing may be in it."""
        folder.mkdir()
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def operations(log: bytes, folder: Path) -> list[Operation]:
    """What the log of refuse.c says, paths as below `folder`."""
    found, at = [], 0
    while at < len(log):
        head = HEAD.match(log, at)
        assert head is not None
        what, inode, offset, size, path, to = head.groups()
        at = head.end() + (int(size) if what == b"W" else 0)
        names = [str(Path(name.decode()).relative_to(folder)) if name else "" for name in (path, to)]
        found.append(Operation(what.decode(), int(inode), int(offset), log[head.end() : at], *names))
    return found


def images(done: Sequence[Operation], count: int) -> Iterator[Image]:
    """`count` things that a loss of power at some moment may leave."""
    chance = random.Random(SEED)
    for _ in range(count):
        issued = done[: chance.randrange(1, len(done) + 1)]
        image = _image(issued, chance)
        image.acknowledged = max((each.offset for each in issued if each.what == "A"), default=0)
        yield image


def _image(issued: Sequence[Operation], chance: random.Random) -> Image:
    synced = {each.inode: number for number, each in enumerate(issued) if each.what == "S"}
    folders = {each.path: number for number, each in enumerate(issued) if each.what == "S"}
    share = chance.choice([0.0, 0.3, 0.7, 1.0])
    named = _last_name(issued, synced, folders, chance)
    content: dict[int, bytearray] = {}
    names: dict[str, int] = {}
    for number, each in enumerate(issued):
        if each.what in "WT" and (number < synced.get(each.inode, -1) or chance.random() < share):
            _write(content.setdefault(each.inode, bytearray()), each)
        elif each.what in "CRU" and number <= named:
            _name(names, each)
    return Image({name: bytes(content.get(inode, b"")) for name, inode in names.items()})


def _last_name(
    issued: Sequence[Operation], synced: dict[int, int], folders: dict[str, int], chance: random.Random
) -> int:
    """The number of the last creation, rename or removal that is there: at least those that a sync keeps."""
    kept = -1
    for number, each in enumerate(issued):
        if each.what not in "CRU":
            continue
        folder = str(Path(each.to or each.path).parent)
        if folders.get(folder, -1) > number or (each.what == "C" and synced.get(each.inode, -1) > number):
            kept = number
    return chance.randrange(kept, len(issued)) if kept < len(issued) - 1 else kept


def _write(content: bytearray, each: Operation) -> None:
    if each.what == "T":
        del content[each.offset :]
        content.extend(b"\0" * (each.offset - len(content)))
        return
    content.extend(b"\0" * (each.offset - len(content)))
    content[each.offset : each.offset + len(each.data)] = each.data


def _name(names: dict[str, int], each: Operation) -> None:
    if each.what == "C":
        names[each.path] = each.inode
    elif each.what == "U":
        names.pop(each.path, None)
    else:
        names.pop(each.path, None)
        names[each.to] = each.inode
