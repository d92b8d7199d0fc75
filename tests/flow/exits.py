"""A cluster that asks families why they leave, by Kobo and by another system's exports: the same families in both.

What is tested with it stands in the test modules.
"""

import csv
import io
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from pipelines.defs import steps
from pipelines.defs.journal import Outcome
from pipelines.defs.syncing import sync
from pipelines.demo.phone import Phone, submission_xml
from pipelines.demo.server import StandIn
from pipelines.forms.read import read_form, xform_of
from pipelines.harmonize.build import build_tool
from pipelines.sources.sync import Wish
from pipelines.store.duck import connect, read_rows
from tests.flow.cluster import TOKEN, Cluster, free_port
from tests.flow.harmonizing import write_form
from tests.flow.tiny import tiny_project

TOOL = "exit_interview"
KOBO_ASSET = "aExitInterview"

FORM = """
| survey |
| | type                  | name           | label::English (en)  | label::Arabic (ar)     | sensitivity |
| | text                  | family_id      | Family number        | رقم العائلة            | restricted  |
| | text                  | site           | Camp                 | المخيم                 | public      |
| | date                  | departure_date | Date of departure    | تاريخ المغادرة         | public      |
| | dateTime              | asked_at       | Time of interview    | وقت المقابلة           | restricted  |
| | select_one departure  | departure_type | Where to             | إلى أين                | public      |
| | select_multiple need  | needs          | Main needs           | الاحتياجات             | public      |
| | integer               | members        | Members              | الأفراد                | public      |
| | decimal               | debt           | Debt (million IQD)   | الدين                  | restricted  |
| | text                  | comment        | Comment              | ملاحظات                | restricted  |
| choices |
| | list_name | name   | label::English (en)          | label::Arabic (ar)         |
| | departure | home   | Return to original home      | العودة إلى المنزل الأصلي   |
| | departure | other  | Other location, same area    | موقع آخر                   |
| | departure | camp   | Another camp                 | مخيم آخر                   |
| | need      | water  | Water                        | ماء                        |
| | need      | power  | Water and electricity        | ماء وكهرباء                |
| | need      | cash   | Cash                         | نقد                        |
| | need      | school | School, for children         | مدرسة للأطفال              |
"""

TOOL_FILE = """
title: Exit interview
identity: [family_id]
prefer: [kobo]
order: [prefer, latest]
"""

CROSSWALK = """
layouts:
  assist-2018:
    encoding: auto
    id: {hmac: [رقم العائلة]}
    missing: ["-"]
    dates: ["%d/%m/%Y", "%d/%m/%Y %H:%M"]
    zone: "+03:00"
    submitted_at: {column: وقت المقابلة}
    columns:
      رقم العائلة: family_id
      اسم المخيم: {to: site, by: site_alias}
      تاريخ المغادرة: departure_date
      وقت المقابلة: asked_at
      الوجهة: departure_type
      الاحتياجات: needs
      الأفراد: members
      الدين: debt
      ملاحظات: comment
      رمز: {unmapped: "a number of the other system's own"}
"""

SOURCES = """
sources:
  assist:
    kind: export_file
    folder: inbox/assist
    tools: {exit_interview: {files: "exit_*.*", layout: assist-2018}}
"""
KOBO = """
  kobo:
    kind: kobo
    url: http://127.0.0.1:%d
    token_env: CCCM_DEMO_TOKEN
    tools: {exit_interview: aExitInterview}
"""

SITES = {"IQ0803-0002": ("Kabarto 1", "مخيم كبرتو الأول"), "IQ0510-0001": ("Ashti", "مخيم آشتي")}

COUNTED = """
-- Families that left, by camp.
--
-- key: site
-- public: site, families, members
-- column site: the camp
-- column families: families that left
-- column members: people in them
SELECT site, count(*) AS families, CAST(sum(members) AS BIGINT) AS members FROM clean.exit_interview
WHERE site IS NOT NULL GROUP BY site
"""

DEPARTURES = {"home": "العودة إلى المنزل الأصلي", "other": "موقع آخر", "camp": "مخيم آخر"}
NEEDS = {"water": "ماء", "power": "ماء وكهرباء", "cash": "نقد", "school": "مدرسة للأطفال"}


@dataclass(frozen=True)
class Family:
    """What one family said, by question as Kobo sends it; a missing answer is no key."""

    answers: dict[str, str]

    def as_assist(self, number: int, joined_by: str = " ") -> dict[str, str]:
        """The same in the other system's words: labels, days first, its own names of camps, minutes without a zone."""
        said = self.answers
        day = date.fromisoformat(said["departure_date"]) if "departure_date" in said else None
        return {
            "رمز": str(1000 + number),
            "رقم العائلة": said["family_id"],
            "اسم المخيم": SITES[said["site"]][number % 2] if "site" in said else "-",
            "تاريخ المغادرة": f"{day:%d/%m/%Y}" if day else "",
            "وقت المقابلة": f"{datetime.fromisoformat(said['asked_at']):%d/%m/%Y %H:%M}",
            "الوجهة": DEPARTURES.get(said.get("departure_type", ""), "-"),
            "الاحتياجات": joined_by.join(NEEDS[need] for need in said.get("needs", "").split()),
            "الأفراد": said.get("members", ""),
            "الدين": said.get("debt", ""),
            "ملاحظات": said.get("comment", ""),
        }


def families(start: int, end: int) -> list[Family]:
    """Families number `start` up to `end`, always the same ones; many leave a question out."""
    return [_family(number) for number in range(start, end)]


def _family(number: int) -> Family:
    chance = random.Random(number)
    day = date(2026, 10, 1) + timedelta(days=chance.randrange(30))
    said = {
        "family_id": f"IRQ-{number:08}",
        "site": chance.choice(list(SITES)),
        "departure_date": day.isoformat(),
        "asked_at": f"{day}T{chance.randrange(8, 18):02}:{chance.randrange(60):02}:00.000+03:00",
        "departure_type": chance.choice(list(DEPARTURES)),
        "needs": " ".join(chance.sample(list(NEEDS), chance.randrange(1, 4))),
        "members": str(chance.randrange(1, 14)),
        "debt": chance.choice(["0.5", "12.25", "3", "100"]),
        "comment": chance.choice(["شكراً", "007", "عادوا, ثم رحلوا", 'قال "نعم"', "سطر\nوسطر"]),
    }
    kept = {"family_id", "asked_at"}
    return Family({name: text for name, text in said.items() if name in kept or chance.random() > 0.15})


def assist_file(rows: Sequence[dict[str, str]], encoding: str = "cp1256") -> bytes:
    """The rows as the other system exports them."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


@contextmanager
def exits(folder: Path, *, with_kobo: bool = True) -> Iterator["Exits"]:
    """Yield the cluster, its server serving on a free port where it has one."""
    project = tiny_project(folder)
    place = project.xlsforms / TOOL
    place.mkdir(parents=True)
    write_form(place / "1.xlsx", FORM)
    (place / "tool.yml").write_text(TOOL_FILE)
    (place / "crosswalk.yml").write_text(CROSSWALK, encoding="utf-8")
    port = free_port()
    (project.xlsforms / "sources.yml").write_text(SOURCES + (KOBO % port if with_kobo else ""))
    aliases = "".join(f"{name},{site}\n" for site, names in SITES.items() for name in names)
    (project.reference / "site_alias.csv").write_text("alias,site\n" + aliases, encoding="utf-8")
    (project.curated / "exit_count.sql").write_text(COUNTED.lstrip())
    (project.data / "inbox" / "assist").mkdir(parents=True)
    cluster = Cluster(project, port)
    if not with_kobo:
        yield Exits(cluster, None, "", "")
        return
    form_file = place / "1.xlsx"
    stand_in = StandIn(folder / "server.sqlite", token=TOKEN)
    stand_in.set_clock(datetime(2026, 11, 20, tzinfo=UTC))
    version = stand_in.deploy(KOBO_ASSET, read_form(form_file, TOOL, "1"), xform_of(form_file))
    with stand_in.serve(port) as url:
        yield Exits(cluster, stand_in, url, version)
    stand_in.close()


@dataclass(frozen=True)
class Exits:
    """The cluster of a test."""

    cluster: Cluster
    stand_in: StandIn | None
    url: str
    version: str

    @property
    def inbox(self) -> Path:
        return self.cluster.project.data / "inbox" / "assist"

    def send(self, told: Sequence[Family]) -> None:
        """Send what families said to Kobo, as phones do."""
        form = read_form(self.cluster.project.xlsforms / TOOL / "1.xlsx", TOOL, "1")
        with Phone(self.url, TOKEN) as phone:
            for family in told:
                number = family.answers["family_id"].rpartition("-")[2]
                instance = f"00000000-0000-4000-8000-{number:0>12}"
                xml = submission_xml(form, KOBO_ASSET, self.version, family.answers, instance_id=instance)
                assert phone.send(xml) == 201

    def sync(self) -> list[Outcome]:
        """Sync every source, without Dagster."""
        project = self.cluster.project
        return [sync(project, source, asset, Wish()) for source in project.sources() for asset in source.assets]

    def harmonize(self) -> list[str]:
        """Sync every source and harmonize, without Dagster; the warnings."""
        project, done = self.cluster.project, self.sync()
        assert [outcome.error for outcome in done if outcome.error] == []
        steps.reference(project)
        with connect(project.work_file) as con:
            assert build_tool(con, project, project.tool(TOOL)).balanced
        return [outcome.warning for outcome in done if outcome.warning]

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Rows of the derived tables."""
        with connect(self.cluster.project.work_file, read_only=True) as con:
            return read_rows(con, sql)

    def archived(self, sql: str) -> list[dict[str, Any]]:
        """Rows of the archive."""
        return self.cluster.archived(TOOL, sql)

    def balanced(self) -> bool:
        """Whether every answer that was archived is where the ledger says."""
        (line,) = self.rows("SELECT sum(unbalanced) AS wrong, sum(received) AS received FROM ledger.balance")
        return line["wrong"] == 0 and line["received"] > 0
