"""The real round of August 2020: the cluster's published file, through the repository's definitions, to the product.

43 camps, 159 columns, Windows-1252, labels instead of codes, provider names typed into one text for each sector.
"""

import csv
import os
import re
import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from pipelines.archive.archive import open_archive
from pipelines.curate import read_tables
from pipelines.defs import steps
from pipelines.defs.syncing import sync
from pipelines.harmonize.build import BuildReport, balance_of, build_tool
from pipelines.project import Project, Source, SourceAsset
from pipelines.project.crosswalk import Layout, read_crosswalk
from pipelines.sources.export_file import sync_export
from pipelines.sources.sync import Wish
from pipelines.store.duck import connect, quote, read_rows

REPOSITORY = Path(__file__).parents[2]
ROUND = "data/open/cccmiraq__FSMTMap/fsmt_sites__20201018_1c26eb6.csv"
LAYOUT = "fsmt-map-2020"
ASSET = SourceAsset(tool="fsmt", asset=LAYOUT, files="*.csv", layout=LAYOUT)


@dataclass(frozen=True)
class Round:
    """A data folder with the round's file in its inbox."""

    project: Project
    file: Path

    @property
    def source(self) -> Source:
        return Source(name="maps", kind="export_file", folder=self.file.parent, assets=(ASSET,))

    @property
    def layout(self) -> Layout:
        return read_crosswalk(self.project.tool("fsmt").crosswalk_file).layouts[LAYOUT]

    def sync(self) -> dict[str, Any]:
        """What a sync of the inbox found."""
        outcome = sync(self.project, self.source, ASSET, Wish())
        assert outcome.error is None, outcome.error
        found = {name: figure for name, figure in outcome.figures.items() if name != "seconds"}
        return {**found, "warning": outcome.warning}

    def cells(self) -> list[dict[str, str]]:
        """The rows of the file, as the csv module of Python gives them."""
        with self.file.open(encoding="cp1252", newline="") as opened:
            return list(csv.DictReader(opened))

    def rows(self, sql: str, *params: object) -> list[dict[str, Any]]:
        with connect(self.project.work_file, read_only=True) as con:
            return read_rows(con, sql, params)

    def archived(self, sql: str) -> list[dict[str, Any]]:
        with connect(self.project.archive_file("fsmt"), read_only=True) as con:
            return read_rows(con, sql)

    def harmonize(self) -> BuildReport:
        with connect(self.project.work_file) as con:
            return build_tool(con, self.project, self.project.tool("fsmt"))


def _new_round(shared: Path, folder: Path) -> Round:
    if not (shared / ROUND).exists():
        pytest.skip(f"shared/{ROUND} is not there")
    inbox = folder / "data" / "inbox" / "maps"
    inbox.mkdir(parents=True)
    file = Path(shutil.copyfile(shared / ROUND, inbox / "fsmt_sites.csv"))
    published = datetime(2020, 10, 18, tzinfo=UTC).timestamp()
    os.utime(file, (published, published))
    return Round(Project(REPOSITORY, folder / "data"), file)


@pytest.fixture(scope="module")
def built(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Round:
    """The round, synced once and taken through every step."""
    made = _new_round(shared, tmp_path_factory.mktemp("round"))
    assert made.sync() == {
        **dict.fromkeys(("received", "new"), 43),
        **dict.fromkeys(("edited", "deleted", "returned", "status_changed"), 0),
        "server_time": "2020-10-18T00:00:00",
        "warning": "",
    }
    steps.reference(made.project)
    steps.set_day(made.project)
    for tool in made.project.tools():
        steps.harmonize(made.project, tool.name)
        steps.clean(made.project, tool.name)
    for table in read_tables(made.project.curated):
        steps.curated(made.project, table)
    steps.publish_warehouse(made.project)
    steps.product(made.project, "service_3w", "a test")
    return made


@pytest.fixture
def fresh(shared: Path, tmp_path: Path) -> Round:
    """The round in an inbox of its own, not synced yet."""
    made = _new_round(shared, tmp_path)
    steps.reference(made.project)
    steps.set_day(made.project, date(2020, 10, 18))
    return made


# ---------------------------------------------------------------- every answer lands


def test_every_site_lands_once(built: Round) -> None:
    landed = built.rows("SELECT site FROM harmonized.fsmt ORDER BY site")
    assert [row["site"] for row in landed] == sorted(row["site_name"] for row in built.cells())
    assert len(landed) == 43
    assert built.rows("SELECT DISTINCT _period, _period_how, _form_version, _source, _asset FROM harmonized.fsmt") == [
        {"_period": "2020-08", "_period_how": "asked", "_form_version": LAYOUT, "_source": "maps", "_asset": LAYOUT}
    ]


def test_of_159_columns_at_most_5_go_nowhere_each_with_its_reason(built: Round) -> None:
    headers = list(built.cells()[0])
    assert len(headers) == 159
    assert set(built.layout.columns) == set(headers)
    unmapped = {header: entry.unmapped for header, entry in built.layout.columns.items() if entry.unmapped}
    for header, reason in unmapped.items():
        print(f"unmapped: {header}: {reason}")
    assert unmapped == {
        "wash/person/latrines": "derived from the population and the latrines, never asked",
        "wash/persons/shower": "derived from the population and the showers, never asked",
    }


def test_the_ledger_balances(built: Round) -> None:
    answers = sum(1 for row in built.cells() for cell in row.values() if cell)
    (line,) = built.rows("SELECT * EXCLUDE (tool) FROM ledger.balance WHERE tool = 'fsmt'")
    assert line == {
        "_form_version": LAYOUT,
        "submissions": 43,
        "received": answers,
        "landed": answers - 429 - 86,
        "noted": line["noted"],
        "split": 429,
        "quarantined": 86,
        "unreadable": 0,
        "unbalanced": 0,
    }
    with connect(built.project.work_file) as con:
        assert sum(again.unbalanced for again in balance_of(con, built.project, built.project.tool("fsmt"))) == 0


def test_only_the_columns_that_go_nowhere_wait_in_quarantine(built: Round) -> None:
    held = built.rows("SELECT path, reason, count(*) AS answers FROM ledger.quarantine GROUP BY ALL ORDER BY path")
    assert held == [
        {"path": "wash/person/latrines", "reason": "unmapped", "answers": 43},
        {"path": "wash/persons/shower", "reason": "unmapped", "answers": 43},
    ]


def test_every_choice_is_in_its_list(built: Round) -> None:
    assert built.rows("SELECT path, text FROM ledger.note WHERE reason = 'not_in_list'") == []
    reasons = built.rows("SELECT DISTINCT reason FROM ledger.note ORDER BY reason")
    assert [row["reason"] for row in reasons] == ["label", "missing", "rewritten", "split"]


def test_every_number_is_the_number_of_the_file(built: Round) -> None:
    types = built.rows("SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'fsmt'")
    numeric = {row["column_name"] for row in types if row["data_type"] in {"BIGINT", "DECIMAL(28,10)", "DOUBLE"}}
    columns = {header: entry.to for header, entry in built.layout.columns.items() if entry.to in numeric}
    landed = {row["site"]: row for row in built.rows("SELECT * FROM harmonized.fsmt")}
    compared = 0
    for row in built.cells():
        for header, column in columns.items():
            text, value = row[header], landed[row["site_name"]][column]
            assert (None if text in {"", "NA"} else Decimal(text)) == (None if value is None else Decimal(str(value)))
            compared += value is not None
    assert (len(columns), compared) == (70, 1718)


def test_whole_answers_of_a_camp(built: Round) -> None:
    (camp,) = built.rows("SELECT * FROM harmonized.fsmt WHERE site = 'IQ0803-0002'")
    answered = {name: value for name, value in camp.items() if value is not None and not name.startswith("_")}
    assert answered == KABARTO_1


def test_provider_strings_become_rows(built: Round) -> None:
    assert _providers(built, "IQ0803-0002") == {
        "protection": ["dolsa", "harikar", "ircs", "jinda", "nrc", "sos", "sosd", "wch", "yahad"],
        "gbv": ["wch"],
        "child_protection": ["dolsa"],
        "education": ["dolsa", "wch"],
        "shelter": ["bcf", "swedo", "unhcr"],
        "water": ["kurds"],
        "sanitation": ["dama"],
        "waste_management": ["kurds"],
        "nfi": ["bcf", "swedo"],
        "phc": ["bw", "dama", "imc", "unicef"],
        "mhpss": ["iom", "vop"],
        "food": ["momd"],
        "social_cohesion": ["bw"],
    }
    assert _providers(built, "IQ0510-0001") == {
        "protection": ["hai"],
        "gbv": ["dolsa", "pdo", "swedo"],
        "child_protection": ["dolsa"],
        "education": ["unicef"],
        "shelter": ["jcc"],
        "water": ["mercy_corps"],
        "sanitation": ["mercy_corps"],
        "waste_management": ["uraos"],
        "nfi": ["unhcr"],
        "phc": ["unicef", "zhian"],
        "mhpss": ["jiyan"],
        "food": ["wfp"],
    }


def _providers(built: Round, site: str) -> dict[str, list[str]]:
    found = built.rows(
        """SELECT area, list(DISTINCT organisation ORDER BY organisation) AS organisations
           FROM (SELECT unnest(activity_area) AS area, s.* FROM harmonized.fsmt__service AS s)
           JOIN harmonized.fsmt AS f USING (_source, _asset, _id) WHERE site = ? GROUP BY area""",
        site,
    )
    return {row["area"]: row["organisations"] for row in found}


# ---------------------------------------------------------------- the same file, and a corrected one


def test_the_same_file_again_adds_no_revision(fresh: Round) -> None:
    fresh.sync()
    before = fresh.archived("SELECT * FROM submission ORDER BY root_id")
    fresh.file.rename(fresh.file.with_name("another_name.csv"))
    again = fresh.sync()
    assert (again["received"], again["new"], again["edited"]) == (43, 0, 0)
    assert fresh.archived("SELECT * FROM submission ORDER BY root_id") == before
    assert [path.stat().st_size for path in fresh.project.attachments.iterdir()] == [67086]


def test_a_corrected_file_changes_what_it_corrects(fresh: Round) -> None:
    fresh.sync()
    lines = (
        fresh.file.read_bytes().replace(b"Harikar, Dolsa, VOP", b'Harikar, Dolsa and ""Nobody Knows""').split(b"\r\n")
    )
    kept = [line for line in lines if b"IQ0102-0001" not in line]
    header = kept[0].replace(b"total_hh/total_families", b"families in all")
    fresh.file.write_bytes(b"\r\n".join([header, *reversed(kept[1:])]))
    again = fresh.sync()
    assert (again["received"], again["new"], again["edited"], again["deleted"]) == (42, 0, 42, 0)
    assert again["warning"] == (
        f"1 columns are not in layout '{LAYOUT}' and wait in quarantine ('families in all'): add them to "
        f"crosswalk.yml; 1 columns of layout '{LAYOUT}' are not in every file ('total_hh/total_families')"
    )
    report = fresh.harmonize()
    assert report.balanced
    assert report.rows["fsmt"] == 43
    assert fresh.rows("SELECT count(total_families) AS n, max(_revision) AS revision FROM harmonized.fsmt") == [
        {"n": 1, "revision": 2}
    ]
    held = fresh.rows("SELECT reason, count(*) AS n FROM ledger.quarantine WHERE path = 'families in all' GROUP BY ALL")
    assert held == [{"reason": "unknown_key", "n": 42}]
    assert fresh.rows(
        "SELECT organisation_other FROM harmonized.fsmt__service WHERE contains(organisation_other, 'Nobody')"
    ) == [{"organisation_other": '"Nobody Knows"'}]


CELLS = [
    ("total_hh/total_families", "12.6", "not_whole", None),
    ("total_hh/total_families", "about 300", "not_a_number", None),
    ("total_hh/total_families", "٣٠١", "rewritten", 301),
    ("total_hh/total_families", "  ", "missing", None),
    ("month", "2020", "not_a_date", None),
    ("camp_committee", "Women committee Elders", "not_in_list", None),
    ("camp_open", "Perhaps", "not_in_list", "Perhaps"),
    ("PROTECTION", "-", "split", None),
    ("PROTECTION", "NA", "split", None),
    ("Camp_Name", "a\x00b\r\n\U0001f3d5", "", "a\x00b\r\n\U0001f3d5"),
]


def test_whatever_stands_in_a_cell_is_accounted_for(fresh: Round) -> None:
    rows = fresh.cells()[: len(CELLS)]
    for row, (header, text, _, _) in zip(rows, CELLS, strict=True):
        row[header] = text
    with fresh.file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    _sync_as_utf8(fresh)
    report = fresh.harmonize()
    assert report.balanced
    assert [line.unbalanced for line in report.balance] == [0]
    for row, (header, text, fate, value) in zip(rows, CELLS, strict=True):
        key = f"{row['site_name']}|{row['month']}"
        assert _fates(fresh, key, header, text) == [fate] * bool(fate), header
        column = fresh.layout.columns[header].to
        if column:
            landed = fresh.rows(f"SELECT {quote(column)} AS value FROM harmonized.fsmt WHERE _id = ?", key)
            assert landed == [{"value": value}], header


def _sync_as_utf8(fresh: Round) -> None:
    layout = fresh.layout.model_copy(update={"encoding": "utf-8"})
    now = datetime(2020, 10, 18)  # noqa: DTZ001
    with open_archive(fresh.project.archive_file("fsmt")) as archive:
        sync_export(
            archive,
            fresh.source,
            ASSET,
            LAYOUT,
            layout,
            now=now,
            attachments=fresh.project.attachments,
            key_file=fresh.project.key_file,
        )


def _fates(fresh: Round, key: str, header: str, text: str) -> list[str]:
    """Why the ledger names this answer."""
    found = fresh.rows(
        """SELECT reason FROM (SELECT _id, path, text, reason FROM ledger.note
                               UNION ALL SELECT _id, path, text, reason FROM ledger.quarantine)
           WHERE _id = ? AND path = ? AND text = ?""",
        key,
        header,
        text,
    )
    return [row["reason"] for row in found]


# ---------------------------------------------------------------- clean, curated, published


def test_each_camp_counts_once(built: Round) -> None:
    assert built.rows("SELECT count(*) AS n FROM quality.superseded WHERE tool = 'fsmt'") == [{"n": 0}]
    cleaned = built.rows("SELECT * FROM clean.fsmt ORDER BY _id")
    assert cleaned == built.rows("SELECT * FROM harmonized.fsmt ORDER BY _id")
    critical = built.rows("SELECT rule, _id FROM quality.finding WHERE severity = 'critical'")
    assert critical == []


def test_every_organisation_is_listed_once_under_its_resolved_name(built: Round) -> None:
    named = built.rows(
        """SELECT organisation, organisation_name, organisation_acronym, resolved FROM curated.service_3w
           GROUP BY ALL ORDER BY ALL"""
    )
    resolved = [row for row in named if row["resolved"]]
    unresolved = sorted(row["organisation_name"] for row in named if not row["resolved"])
    print(f"{len(resolved)} organisations resolved; not resolved: {', '.join(unresolved)}")
    for key in ("organisation", "organisation_name", "organisation_acronym"):
        assert len({_letters(row[key]) for row in resolved}) == len(resolved)
    assert len(resolved) == 109
    assert unresolved == ["The Swidish Aid Orgnization", "Unknown"]
    assert len(unresolved) <= 0.1 * len(named)


def test_the_product_lists_each_organisation_once(built: Round) -> None:
    (file,) = built.project.products.rglob("service_3w.xlsx")
    book = load_workbook(file, read_only=True)
    listed = _column(book["Organisations"], "Short name")
    assert len({_letters(name) for name in listed}) == len(listed) == 109
    assert _column(book["Unresolved names"], "Name as written") == ["The Swidish Aid Orgnization", "Unknown"]
    matrix = _column(book["Camps by area"], "Camp")
    assert {"Arbat IDP", "Kabarto 1"} <= set(matrix)
    gaps = built.rows("SELECT count(*) AS n, count(DISTINCT site) AS sites FROM curated.service_gap")
    assert len(_column(book["Gaps"], "Camp")) == gaps[0]["n"]


def test_the_published_file_holds_the_services_and_nothing_restricted(built: Round) -> None:
    with connect(built.project.published_file, read_only=True) as con:
        assert read_rows(con, "SELECT count(DISTINCT site) AS camps FROM curated.service_3w") == [{"camps": 43}]
        assert read_rows(con, "SELECT count(*) AS n FROM harmonized.fsmt") == [{"n": 43}]
        columns = read_rows(con, "SELECT column_name FROM duckdb_columns() WHERE table_name LIKE 'fsmt%'")
        restricted = {"comments", "contact_name", "contact_phone", "_submitted_by"}
        assert {row["column_name"] for row in columns} & restricted == set()


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def _column(sheet: Any, title: str) -> list[str]:
    """What stands below the heading `title` until the first empty cell."""
    rows = list(sheet.iter_rows(values_only=True))
    top = next(number for number, row in enumerate(rows) if title in row)
    place = rows[top].index(title)
    below = [row[place] for row in rows[top + 1 :]]
    return below[: below.index(None)] if None in below else below


KABARTO_1: dict[str, object] = {
    "governorate": "IQG09", "district": "IQG09Q03", "site": "IQ0803-0002", "report_month": date(2020, 8, 1),
    "site_type": "camp", "site_open": "yes", "closure_planned": "no", "location_lat": 36.7863, "location_lon":
    42.8549, "total_families": 2543, "total_population": 13237, "males_0_2": 412, "females_0_2": 472, "males_3_5":
    562, "females_3_5": 550, "males_6_11": 1166, "females_6_11": 1129, "males_12_17": 973, "females_12_17": 911,
    "males_18_30": 1727, "females_18_30": 1931, "males_31_59": 1412, "females_31_59": 1434, "males_60_over": 204,
    "females_60_over": 354, "population_tracking": "excel", "management_agency": "jcc", "management_days": 5,
    "staff_male": 3, "staff_female": 5, "supported": "yes", "support_agency": "acted", "complaints_received": "yes",
    "complaint_channels": ["boxes"], "committees": ["camp_management", "women", "distribution", "maintenance",
    "wash", "health", "education"], "plots_capacity": 3000, "families_waiting_inside": 48, "shelter_types":
    ["momd_tent"], "flood_risk": "no", "fire_incidents": 7, "electricity_sources": ["grid", "private_generator"],
    "water_lpd": 30, "water_source": "network_private", "water_acceptable": "yes", "latrines_functional": 3000,
    "showers_functional": 3000, "latrine_lighting": "all", "latrine_separation": "none", "latrine_locks": "all",
    "open_defecation": "no", "soap_available": "yes", "waste_disposal": "communal_bin", "phc_available": "yes",
    "phc_days": 7, "ambulance_24h": "yes", "hospital_distance": "between_2_5_km", "illnesses": ["other"],
    "wfp_distribution": "monthly", "momd_distribution": "monthly", "nfi_replaced": "no", "fuel_distributed": "yes",
    "movement_restricted": "no", "host_tension": "no", "security_incidents": "no", "disability_access": "no",
    "psychosocial_services": ["first_aid"], "families_without_documents": 90, "primary_school": "yes",
    "secondary_school": "yes", "market_available": "no", "Camp_Name": "Kabarto 1", "camp_mngt": "Yes",
    "camp_mngmt_office": "Yes", "camp_mngt_dedicated_office": "Yes", "camp_mngt_support_presence": 0,
    "camp_sector_block_leader": "Yes", "camp_recreational_facilities": ["CFS_closed"],
    "camp_distribution_announcement": ["Camp_Management_Team"], "no_of_families_outside_camp_waiting_shelters": 23,
    "modm_tents_installed": 3000, "modm_tents_occupied": 3000, "modm_tents_1_winter": 2100, "modm_tents_2_winter":
    900, "modm_tents_replacement": 900, "avg_days_familiesspentwithoutwaterinlast30days": 0,
    "type_of_functionallatrines": ["Private_latrines"], "type_of_functionalshower": ["Private_showers"],
    "health_phc_emergency_services": "Yes", "health_phc_child_health_services": "Yes",
    "health_phc_reproductive_Health_services": "Yes", "health_shc": "Yes", "health_shc_inside_camp": "No",
    "health_shc_emergency_services": "Yes", "health_shc_surgical_services": "No",
    "health_shc_child_health_services": "Yes", "health_shc_reproductive_health_services": "Yes",
    "distance_court_civiloffice_kms": Decimal(25), "courts_civil_office_opertional_to_IDPs": "Closed_for_now",
    "informal_education_activities_available": "No", "nearest_market_kms": "Within_2_km",
    "health_open_days_after_COVD19": ["Not_changed"], "psychosocial_support_changed_since_COVID19": "All_stopped",
    "schoolagedchildren_access_before_COVID19": 3640, "disinfection_schoolopening": "No",
    "informal_education_before_COVID19": 0, "market_access_before_COVID19": ["No_changes"],
}  # fmt: skip
"""What the camp answered, by column of the harmonized table."""
