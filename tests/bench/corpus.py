"""The corpus that is measured: a form of 150 questions in three versions, submissions as a Kobo server shows them.

Everything follows from the seed. How it is landed is ways.py and limit.py.
"""

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from openpyxl import Workbook

from pipelines.archive.archive import Submission, open_archive
from pipelines.project import Project

SEED = 20261101
MISSING = 0.35
ROWS_IN_A_REPEAT = 6
ROWS_IN_A_NESTED_REPEAT = 2
TOOL = "bench"
VERSIONS = ("1", "2", "3")
PAGE = 1000

GROUPS = (
    "arrival",
    "site",
    "population",
    "water",
    "hygiene",
    "shelter",
    "health",
    "education",
    "protection",
    "livelihood",
)
TYPES = (
    *("integer",) * 52,
    *("select_one answers",) * 34,
    *("text",) * 16,
    *("select_multiple needs",) * 12,
    *("decimal",) * 10,
    *("date",) * 6,
)
TOPICS = ("families", "latrines", "wells", "tents", "classes", "cases", "visits", "plots", "points", "people")
REPEATS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "service": (
        ("organisation", "select_one answers"),
        ("activity_area", "select_multiple needs"),
        ("contact_name", "text"),
        ("contact_phone", "text"),
        ("staff", "integer"),
        ("since", "date"),
        ("cost", "decimal"),
        ("role", "select_one answers"),
        ("reached", "integer"),
        ("remark", "text"),
    ),
    "block": (
        ("block_name", "text"),
        ("shelter_type", "select_one answers"),
        ("shelter_issue", "select_multiple needs"),
        ("shelters", "integer"),
        ("damaged", "integer"),
        ("area", "decimal"),
    ),
    "block/household": (
        ("household_head", "text"),
        ("members", "integer"),
        ("needs", "select_multiple needs"),
    ),
}
"""The questions of each repeat, by its path: the last stands inside another."""

LANDMARKS = (("start", "start"), ("end", "end"), ("visited_on", "date"), ("position", "geopoint"))
"""Asked in every version and answered in every submission."""

WORDS = (
    *("يحتاج", "المخيم", "إلى", "صيانة", "شبكة", "المياه", "والخيام", "قبل", "الشتاء", "العائلات", "الجديدة", "وصلت"),
    *("من", "سنجار", "ولم", "تسجل", "بعد", "خزان", "متنقل", "/", "تانكر", "ناوەڕاست", "کەمپ", "ئاو", "IDPs", "camp"),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as one version asks it; `name` is today's, `path` where it stood then."""

    name: str
    type: str
    path: str

    @property
    def list_name(self) -> str:
        """The choice list of a select."""
        return self.type.partition(" ")[2]


def questions(version: str) -> list[Asked]:
    """What `version` asks outside repeats: a tenth renamed and a seventh moved from version to version."""
    found = [Asked(name, kind, name) for name, kind in LANDMARKS]
    shuffled = random.Random(SEED).sample(TYPES, len(TYPES))
    for number, kind in enumerate(shuffled):
        group = GROUPS[number * len(GROUPS) // len(TYPES)]
        name = f"{group}_{TOPICS[number % len(TOPICS)]}_{number:03}"
        if version != "3" and number % 7 == int(version):
            group = GROUPS[(GROUPS.index(group) + 1) % len(GROUPS)]
        then = f"{name}_then" if version != "3" and number % 10 == int(version) else name
        found.append(Asked(name, kind, f"{group}/{then}"))
    return found


def inside(repeat: str, version: str) -> list[Asked]:
    """What `version` asks in each row of `repeat`; the first one moved one of its questions into a group."""
    return [
        Asked(
            name,
            kind,
            f"{repeat}/more/{name}" if version == "1" and name in {"staff", "damaged"} else f"{repeat}/{name}",
        )
        for name, kind in REPEATS[repeat]
    ]


def write_project(folder: Path) -> Project:
    """A project whose only tool is the form of the corpus, in three versions with their crosswalk."""
    tool = folder / "xlsforms" / TOOL
    tool.mkdir(parents=True, exist_ok=True)
    (tool / "tool.yml").write_text("title: Bench\nunit: [site_families_013]\nperiod: {question: visited_on}\n")
    entries = {version: _entries(version) for version in VERSIONS[:-1]}
    lines = [line for version, found in entries.items() for line in (f"  '{version}':", *found)]
    (tool / "crosswalk.yml").write_text("\n".join(["versions:", *lines, ""]))
    for version in VERSIONS:
        _write_form(tool / f"{version}.xlsx", version)
    return Project(folder, folder / "data")


def documents(size: int, *, careful: float = 0.0) -> Iterator[tuple[str, dict[str, object]]]:
    """(version, submission) `size` times; a share of `careful` holds a number in Arabic digits."""
    chance = random.Random(SEED)
    pools = _pools(chance)
    asked = {version: [(one.path, pools[one.type]) for one in questions(version)] for version in VERSIONS}
    rows = {v: {r: [(one.path, pools[one.type]) for one in inside(r, v)] for r in REPEATS} for v in VERSIONS}
    odd = {version: next(one.path for one in questions(version) if one.type == "integer") for version in VERSIONS}
    sent = datetime(2026, 6, 1, 6)  # noqa: DTZ001 - Kobo writes UTC without a zone
    for number in range(1, size + 1):
        version = VERSIONS[int(chance.random() * 3)]
        document = _envelope(number, version, sent + timedelta(seconds=71 * number))
        for position, (path, pool) in enumerate(asked[version]):
            if position < len(LANDMARKS) or chance.random() >= MISSING:
                document[path] = pool[int(chance.random() * len(pool))]
        for repeat, answers in rows[version].items():
            around = repeat.rpartition("/")[0]
            holders = document.get(around, []) if around else [document]
            for holder in holders:
                most = ROWS_IN_A_NESTED_REPEAT if around else ROWS_IN_A_REPEAT
                found = [
                    {
                        path: pool[int(chance.random() * len(pool))]
                        for path, pool in answers
                        if chance.random() >= MISSING
                    }
                    for _ in range(int(chance.random() * (most + 1)))
                ]
                if found:
                    holder[repeat] = [row or {answers[0][0]: answers[0][1][0]} for row in found]
        if chance.random() < careful:
            document[odd[version]] = "٣٥"
        yield version, document


def write_archive(
    project: Project, folder: Path, size: int, *, careful: float = 0.0, lines: bool = True
) -> Iterator[int]:
    """Archive the corpus through the real Archive, and keep its lines by version for the other ways; yield after a
    page.
    """
    files = {version: (folder / f"{version}.ndjson").open("w", encoding="utf-8") for version in VERSIONS if lines}
    with open_archive(project.archive_file(TOOL)) as archive:
        run = archive.begin_run("kobo", "bench", datetime(2026, 11, 1))  # noqa: DTZ001
        page: list[Submission] = []
        for number, (version, document) in enumerate(documents(size, careful=careful), start=1):
            raw = json.dumps(document, ensure_ascii=False, separators=(",", ":"))  # as KoboToolbox writes it
            if lines:
                files[version].write(raw + "\n")
            page.append(_submission(document, version, raw))
            if len(page) == PAGE or number == size:
                yield number
                run.record(page)
                yield number
                page = []
        run.complete(datetime(2026, 11, 2))  # noqa: DTZ001
    for file in files.values():
        file.close()


def _entries(version: str) -> list[str]:
    renamed = [one for one in questions(version) if one.path.endswith("_then")]
    return [f"    - {{from: {one.path}, to: {one.name}, why: renamed}}" for one in renamed]


def _write_form(path: Path, version: str) -> None:
    book = Workbook()
    survey = book.active
    survey.title = "survey"
    survey.append(["type", "name", "label"])
    standing: list[str] = []
    for one in sorted(questions(version), key=lambda one: one.path.rpartition("/")[0]):
        _walk(survey, standing, one.path.split("/")[:-1])
        survey.append([one.type, one.path.rpartition("/")[2], one.name])
    _walk(survey, standing, [])
    for repeat in REPEATS:
        if "/" not in repeat:
            _write_repeat(survey, repeat, version)
    choices = book.create_sheet("choices")
    choices.append(["list_name", "name", "label"])
    for list_name, names in CHOICES.items():
        for name in names:
            choices.append([list_name, name, name])
    book.create_sheet("settings").append(["form_title"])
    book["settings"].append(["Bench"])
    book.save(path)


def _write_repeat(survey: "object", repeat: str, version: str) -> None:
    """Write a repeat, and behind its questions those inside it."""
    survey.append(["begin_repeat", repeat.rpartition("/")[2], repeat])
    standing: list[str] = []
    for one in inside(repeat, version):
        _walk(survey, standing, one.path.removeprefix(f"{repeat}/").split("/")[:-1])
        survey.append([one.type, one.name, one.name])
    _walk(survey, standing, [])
    for inner in REPEATS:
        if inner.rpartition("/")[0] == repeat:
            _write_repeat(survey, inner, version)
    survey.append(["end_repeat", None, None])


def _walk(survey: "object", standing: list[str], wanted: list[str]) -> None:
    """End the groups that stand and are not wanted, begin those that are."""
    while standing and standing != wanted[: len(standing)]:
        survey.append(["end_group", None, None])
        standing.pop()
    for name in wanted[len(standing) :]:
        survey.append(["begin_group", name, name])
        standing.append(name)


CHOICES = {
    "answers": [f"answer_{number:02}" for number in range(12)],
    "needs": [f"need_{number:02}" for number in range(15)],
}


def _pools(chance: random.Random) -> dict[str, list[str]]:
    """Ready answers of each type."""
    day = datetime(2026, 1, 1)  # noqa: DTZ001
    days = [day + timedelta(days=number) for number in range(330)]
    moments = [
        f"{moment:%Y-%m-%d}T{8 + number % 9:02}:{number % 60:02}:33.{number:03}+03:00"
        for number, moment in enumerate(days)
    ]
    return {
        "integer": [str(chance.randrange(10 ** chance.randrange(1, 6))) for _ in range(500)],
        "decimal": [f"{chance.randrange(1, 90_000)}.{chance.randrange(1, 100):02}".rstrip("0") for _ in range(500)],
        "text": [" ".join(chance.choices(WORDS, k=chance.randrange(2, 22))) for _ in range(500)],
        "date": [f"{day:%Y-%m-%d}" for day in days],
        "start": moments,
        "end": moments,
        "geopoint": [
            f"{36 + number / 997:.6f}1 {43 + number / 1009:.6f}3 {300 + number}.5 {4 + number % 7}.2"
            for number in range(500)
        ],
        "select_one answers": CHOICES["answers"],
        "select_multiple needs": [
            " ".join(chance.sample(CHOICES["needs"], chance.randrange(1, 6))) for _ in range(300)
        ],
    }


def _envelope(number: int, version: str, sent: datetime) -> dict[str, object]:
    uuid = f"{number:08x}-5b1d-4c1e-9d5e-{number * 7919:012x}"
    return {
        "_id": number,
        "formhub/uuid": "1a5d9ad904004da0aa9eb00da6a10c5d",
        "__version__": version,
        "meta/instanceID": f"uuid:{uuid}",
        "meta/rootUuid": f"uuid:{uuid}",
        "_xform_id_string": "aBenchCorpusOfOneForm",
        "_uuid": uuid,
        "_attachments": [],
        "_status": "submitted_via_web",
        "_geolocation": [None, None],
        "_submission_time": f"{sent:%Y-%m-%dT%H:%M:%S}",
        "_tags": [],
        "_notes": [],
        "_validation_status": {},
        "_submitted_by": "enumerator",
    }


def _submission(document: Mapping[str, object], version: str, raw: str) -> Submission:
    uuid = str(document["_uuid"])
    return Submission(
        root_id=uuid,
        raw=raw,
        raw_kind="kobo_json",
        instance_id=uuid,
        server_id=str(document["_id"]),
        form_version=version,
        submitted_at=datetime.fromisoformat(str(document["_submission_time"])),
        submitted_by="enumerator",
    )
