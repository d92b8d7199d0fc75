"""The questionnaires of this repository: what a cluster would notice if it deployed them tomorrow."""

import csv
import re
from collections import Counter
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import openpyxl
import pytest

from pipelines.forms.evaluate import Scope, is_true
from pipelines.forms.expression import parse
from pipelines.forms.form import LEVELS, Form, Question
from pipelines.forms.read import read_form, warnings_of
from pipelines.harmonize.compile import plan_of
from pipelines.harmonize.convert import Refused, convert
from pipelines.harmonize.knowledge import knowledge_of
from pipelines.harmonize.plan import Plan
from pipelines.project.tool import Calendar, Period, read_tool
from pipelines.store.duck import connect

REPOSITORY = Path(__file__).parents[2]
XLSFORMS = REPOSITORY / "xlsforms"
VERSIONS = ("fsmt/2019-1", "fsmt/2026-1", "population/2026-1")
LANGUAGES = ("en", "ar", "ckb")
METADATA = {"start", "end", "today", "deviceid"}
FUNCTIONS = {
    "not", "selected", "count-selected", "if", "coalesce", "regex", "string-length", "today", "format-date", "date",
    "number", "int", "round", "sum", "count", "concat", "true", "false", "once", "position", "and", "or",
}  # fmt: skip
"""What our own evaluator and SQL follow; `and (` and `or (` look like calls."""

AGES = ("0_2", "3_5", "6_11", "12_17", "18_30", "31_59", "60_over")
BANDS = [f"{sex}_{age}" for age in AGES for sex in ("males", "females")]
OLD_BANDS = [f"{sex}_{age}" for age in ("0_4", "5_17", "18_59", "60_over") for sex in ("males", "females")]
AREAS = [
    "PROTECTION",
    "GBV",
    "CHILD_PROTECTION",
    "EDUCATION",
    "SHELTER",
    "WATER",
    "SANITATION",
    "WASTE_MANAGEMENT",
    "NFI",
    "PHC",
    "SHC",
    "MHPSS",
    "NUTRITION",
    "FOOD",
    "SOCIAL_COHESION",
    "LIVELIHOOD",
]


def path_of(version: str) -> Path:
    return XLSFORMS / f"{version}.xlsx"


@cache
def form_of(version: str) -> Form:
    tool, name = version.split("/")
    return read_form(path_of(version), tool, name)


def reference(table: str) -> list[dict[str, str]]:
    with (REPOSITORY / f"warehouse/reference/{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def asked(form: Form, name: str) -> Question:
    return next(question for question in form.questions if question.name == name)


def holds(form: Form, name: str, answer: str, **others: str) -> bool:
    scope = Scope(now=datetime(2026, 11, 3, tzinfo=UTC), current=answer, value_of=lambda other: others.get(other, ""))
    return is_true(parse(asked(form, name).constraint), scope)


@pytest.fixture(scope="module")
def fsmt() -> Plan:
    return plan_of(read_tool(XLSFORMS / "fsmt"), [])


@pytest.mark.parametrize("version", VERSIONS)
def test_pyxform_converts_it_without_a_warning(version: str) -> None:
    assert warnings_of(path_of(version)) == ()


@pytest.mark.parametrize("version", VERSIONS)
def test_the_workbook_is_one_a_person_can_work_in(version: str) -> None:
    book = openpyxl.load_workbook(path_of(version))
    rows = list(book["settings"].iter_rows(values_only=True))
    settings = dict(zip(*rows, strict=True))
    tool, name = version.split("/")
    assert book.sheetnames == ["survey", "choices", "settings"]
    assert (book["survey"].freeze_panes, book["choices"].freeze_panes) == ("C2", "C2")
    assert (settings["form_id"], settings["version"], settings["default_language"]) == (tool, name, "English (en)")


@pytest.mark.parametrize("version", VERSIONS)
def test_every_question_is_classified(version: str) -> None:
    assert [question.path for question in form_of(version).questions if question.sensitivity not in LEVELS] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_contacts_names_and_comments_are_restricted(version: str) -> None:
    kept = re.compile(r"(phone|name|comments|reason|deviceid)$")
    named = [question for question in form_of(version).questions if kept.search(question.name)]
    open_to_others = [question.name for question in named if question.sensitivity != "restricted"]
    assert open_to_others == [name for name in ("site_name",) if version == "fsmt/2019-1"]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_text_stands_in_all_three_languages(version: str) -> None:
    form = form_of(version)
    texts = {
        **{question.path: question.labels for question in form.questions if question.name not in METADATA},
        **{question.path + " (hint)": question.hints for question in form.questions if question.hints},
        **{
            question.path + " (message)": question.constraint_messages
            for question in form.questions
            if question.constraint
        },
        **{group.path + " (group)": group.labels for group in form.groups},
        **{repeat.path + " (repeat)": repeat.labels for repeat in form.repeats},
        **{f"{name}: {choice.name}": choice.labels for name, rows in form.choices.items() for choice in rows},
    }
    assert form.languages == LANGUAGES
    assert [where for where, labels in texts.items() if sorted(labels) != sorted(LANGUAGES)] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_places_and_organisations_are_those_of_the_reference_tables(version: str) -> None:
    form = form_of(version)
    places = {
        "governorate": {(row["adm1_pcode"], "", "") for row in reference("governorate")},
        "district": {(row["adm2_pcode"], row["adm1_pcode"], "") for row in reference("district")},
        "site": {(row["site"], row["adm1_pcode"], row["adm2_pcode"]) for row in reference("site")},
    }
    found = {
        name: {
            (row.name, row.extra.get("adm1_pcode", ""), row.extra.get("adm2_pcode", "")) for row in form.choices[name]
        }
        for name in places
    }
    assert found == places
    if "organisation" in form.choices:
        codes = {row["organisation"] for row in reference("organisation")}
        assert {choice.name for choice in form.choices["organisation"]} == codes | {"other"}
    if "activity_area" in form.choices:
        assert [choice.name for choice in form.choices["activity_area"]] == [
            row["activity_area"] for row in reference("activity_area")
        ]


@pytest.mark.parametrize(
    ("version", "site"), [("fsmt/2019-1", "site_name"), ("fsmt/2026-1", "site"), ("population/2026-1", "site")]
)
def test_districts_and_sites_cascade(version: str, site: str) -> None:
    form = form_of(version)
    assert asked(form, "district").choice_filter == "adm1_pcode = ${governorate}"
    assert asked(form, site).choice_filter == "adm2_pcode = ${district}"


@pytest.mark.parametrize("version", VERSIONS)
def test_every_expression_can_be_read_and_names_what_the_form_asks(version: str) -> None:
    form = form_of(version)
    names = {question.name for question in form.questions} | {repeat.name for repeat in form.repeats}
    expressions = [
        text
        for holder in (*form.questions, *form.groups, *form.repeats)
        for key in ("relevant", "constraint", "calculation", "choice_filter")
        if (text := getattr(holder, key, ""))
    ]
    for text in expressions:
        parse(text)
    assert {name for text in expressions for name in re.findall(r"\$\{([^}]+)\}", text)} - names == set()
    assert {name for text in expressions for name in re.findall(r"([a-z-]+)\s*\(", text)} - FUNCTIONS == set()


@pytest.mark.parametrize("version", ["fsmt/2026-1", "population/2026-1"])
def test_no_name_stands_twice_in_a_form_of_today(version: str) -> None:
    form = form_of(version)
    standing = [question.path for question in form.questions] + [group.path for group in form.groups]
    names = Counter(
        path.rpartition("/")[2].casefold() for path in [*standing, *(repeat.path for repeat in form.repeats)]
    )
    assert [name for name, times in names.items() if times > 1] == []


def test_todays_fsmt_is_about_half_as_long_as_the_one_of_2019() -> None:
    assert (len(form_of("fsmt/2019-1").questions), len(form_of("fsmt/2026-1").questions)) == (182, 100)


def test_the_fsmt_of_2019_has_the_modules_the_bands_and_the_sectors_of_its_time() -> None:
    form = form_of("fsmt/2019-1")
    assert [group.name for group in form.groups] == [
        "general", "management", "shelter", "demographics", "vulnerability", "nfi", "wash", "health", "food",
        "protection", "education", "livelihoods", "covid_19", "who_what", "sector_priority",
    ]  # fmt: skip
    assert [name for name in OLD_BANDS if asked(form, name).type != "integer"] == []
    assert [question.name for question in form.questions if question.path.startswith("who_what/")] == AREAS


def test_todays_fsmt_asks_what_the_curated_tables_read() -> None:
    form = form_of("fsmt/2026-1")
    types = {question.name: question.type for question in form.questions}
    integers = [
        "total_families", "total_population", *BANDS, "plots_capacity", "water_lpd", "latrines_functional",
        "showers_functional",
    ]  # fmt: skip
    selects = ["governorate", "district", "site", "site_type", "site_open", "closure_planned", "management_agency"]
    assert {name: types[name] for name in integers} == dict.fromkeys(integers, "integer")
    assert {name: types[name] for name in selects} == dict.fromkeys(selects, "select_one")
    assert (types["report_month"], types["location"], types["comments"]) == ("date", "geopoint", "text")
    assert [(question.name, question.type) for question in form.questions if question.repeats == ("service",)] == [
        ("organisation", "select_one"), ("organisation_other", "text"), ("activity_area", "select_multiple"),
        ("role", "select_one"), ("contact_name", "text"), ("contact_phone", "text"),
    ]  # fmt: skip


def test_the_population_form_asks_what_the_curated_tables_read() -> None:
    form = form_of("population/2026-1")
    assert [question.name for question in form.questions if question.name not in METADATA] == [
        "governorate", "district", "site", "reporting_month", "submitted_by_name", "camp_status", "families",
        "individuals", *BANDS, "arrivals_families", "arrivals_individuals", "departures_families",
        "departures_individuals", "departures_origin", "departures_camp", "departures_elsewhere", "births", "deaths",
        "plots_total", "plots_occupied", "plots_free", "change_reason",
    ]  # fmt: skip
    assert asked(form, "plots_free").calculation == "${plots_total} - ${plots_occupied}"


def test_the_constraints_catch_the_mistakes_of_real_rounds() -> None:
    fsmt, population = form_of("fsmt/2026-1"), form_of("population/2026-1")
    full = dict.fromkeys(BANDS[:-1], "10")
    caught = {
        "families and individuals swapped": holds(fsmt, "total_population", "301", total_families="1395"),
        "water of the whole camp": holds(fsmt, "water_lpd", "83700"),
        "bands that miss ten people": holds(fsmt, "females_60_over", "0", total_population="140", **full),
        "a month that has not come": holds(fsmt, "report_month", "2026-12-01"),
        "none among the committees": holds(fsmt, "committees", "none women"),
        "more caravans occupied than there are": holds(fsmt, "caravans_occupied", "11", caravans_installed="10"),
        "a telephone number without its zero": holds(fsmt, "contact_phone", "7501234567"),
        "four priorities": holds(fsmt, "priority_sectors", "water food nfi shelter"),
        "people who left for nowhere": holds(
            population,
            "departures_elsewhere",
            "1",
            departures_origin="2",
            departures_camp="3",
            departures_individuals="9",
        ),
    }
    assert caught == dict.fromkeys(caught, False)


def test_the_constraints_let_right_answers_pass() -> None:
    fsmt = form_of("fsmt/2026-1")
    full = dict.fromkeys(BANDS[:-1], "10")
    passed = {
        "a camp": holds(fsmt, "total_population", "1395", total_families="301"),
        "litres for one person": holds(fsmt, "water_lpd", "60"),
        "bands that add up": holds(fsmt, "females_60_over", "10", total_population="140", **full),
        "this month": holds(fsmt, "report_month", "2026-11-01"),
        "no committee": holds(fsmt, "committees", "none"),
        "a telephone number": holds(fsmt, "contact_phone", "07501234567"),
        "three priorities": holds(fsmt, "priority_sectors", "water food nfi"),
    }
    assert passed == dict.fromkeys(passed, True)


def test_the_tools_say_when_they_are_due_and_which_wording_awaits_a_reader() -> None:
    fsmt, population = read_tool(XLSFORMS / "fsmt"), read_tool(XLSFORMS / "population")
    assert (fsmt.versions, fsmt.period, fsmt.calendar) == (
        ("2019-1", "2026-1"),
        Period(question="report_month"),
        Calendar(),
    )
    assert population.period == Period(question="reporting_month", every="month")
    assert population.calendar == Calendar(due_day=2, late_after_day=5, schedule="0 6 2 * *")
    for tool in (fsmt, population):
        assert (tool.unit, tool.reporters, tool.languages, tool.awaiting_review) == (
            ("site",),
            "site",
            LANGUAGES,
            ("ckb",),
        )


def test_every_code_of_2019_that_joins_a_question_of_today_is_a_code_of_today(fsmt: Plan) -> None:
    old, new = form_of("fsmt/2019-1"), form_of("fsmt/2026-1")
    table = fsmt.tables[""]
    lost = []
    for path, landing in fsmt.shapes["2019-1"].landings.items():
        question, column = old.question(path), table.column(landing.column)
        if question.list_name and not column.retired:
            known = {choice.name for choice in new.choices[column.question.list_name]}
            then = [choice.name for choice in old.choices[question.list_name]]
            lost += [(path, code) for code in then if landing.recode.get(code, code) not in known]
    assert lost == []


def test_the_sixteen_sector_fields_of_2019_become_service_rows(fsmt: Plan) -> None:
    splits = fsmt.shapes["2019-1"].splits
    assert {path: (rule.into, rule.set["activity_area"]) for path, rule in splits.items()} == {
        f"who_what/{area}": ("service", area.lower()) for area in AREAS
    }
    assert [column.name for column in fsmt.tables[""].columns if column.name in AREAS] == []


def test_the_layout_of_the_real_round_of_august_2020_names_every_header(fsmt: Plan, shared: Path) -> None:
    headers = list(_real_round(shared)[0])
    layout = fsmt.shapes["fsmt-map-2020"].layout
    assert layout is not None
    assert list(layout.columns) == headers
    assert fsmt.shapes["fsmt-map-2020"].unmapped == {
        "wash/person/latrines": "derived from the population and the latrines, never asked",
        "wash/persons/shower": "derived from the population and the showers, never asked",
    }


def test_every_cell_of_the_real_round_fits_its_column(fsmt: Plan, shared: Path, tmp_path: Path) -> None:
    shape = fsmt.shapes["fsmt-map-2020"]
    misfits = []
    with connect(tmp_path / "work.duckdb") as con:
        writing = knowledge_of(con, fsmt).writing
        for row in _real_round(shared):
            for header, landing in shape.landings.items():
                found = (
                    convert(row[header], landing.kind, writing(shape, landing), landing.recode) if row[header] else None
                )
                if isinstance(found, Refused) or (found and found.why == "not_in_list"):
                    misfits.append((header, row[header]))
    assert misfits == []


def _real_round(shared: Path) -> list[dict[str, str]]:
    found = sorted((shared / "data/open/cccmiraq__FSMTMap").glob("fsmt_sites__*.csv"))
    if not found:
        pytest.skip("the real round of August 2020 is not in shared/data")
    with found[0].open(encoding="cp1252", newline="") as file:
        return list(csv.DictReader(file))
