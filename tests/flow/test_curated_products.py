"""Both products, from golden cases through the published file to workbooks that are read again cell by cell."""

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from pipelines.curate import build_table, read_tables
from pipelines.errors import ConfigError, DataError
from pipelines.products import PRODUCTS, write_product
from pipelines.project import Project
from pipelines.store.duck import connect, in_memory, read_rows
from pipelines.store.publish import publish
from tests.golden.curated.case import GOLDEN, SQL, build_case, fill_case

DAY = date(2026, 12, 3)
RECEIPT = {"run": "2026-12-03 06:00", "versions": {"fsmt": ["2019-1", "2026-1"]}, "decisions": 3}


@pytest.fixture(scope="module")
def publish_case(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Build and publish a golden case; the answer is the published file."""

    def of(name: str, *and_then: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        with connect(folder / "work.duckdb") as con:
            fill_case(con, GOLDEN / name)
            for sql in and_then:
                con.execute(sql)
            for table in read_tables(SQL):
                build_table(con, table)
        publish(folder / "work.duckdb", folder / "warehouse.duckdb", restricted=False)
        return folder / "warehouse.duckdb"

    return of


@pytest.fixture(scope="module")
def population(publish_case: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Workbook:
    published = publish_case("population_late_missing_changed")
    return load_workbook(product(published, "population_sheet", tmp_path_factory.mktemp("p")))


@pytest.fixture(scope="module")
def services(publish_case: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Workbook:
    return load_workbook(product(publish_case("services_and_gaps"), "service_3w", tmp_path_factory.mktemp("s")))


def product(published: Path, name: str, data: Path, period: str = "2026-11", **receipt: object) -> Path:
    with connect(published, read_only=True) as con:
        return write_product(con, Project(SQL.parents[1], data), name, period, DAY, receipt or RECEIPT)


def rows(book: Workbook, sheet: str, first: int, columns: slice = slice(None)) -> list[tuple[Any, ...]]:
    """The filled rows of a sheet from `first` on, up to the first empty one."""
    found = []
    for row in book[sheet].iter_rows(min_row=first, values_only=True):
        if not any(value is not None for value in row):
            break
        found.append(tuple(row[columns]))
    return found


def text(book: Workbook, sheet: str) -> str:
    return "\n".join(
        str(value) for row in book[sheet].iter_rows(values_only=True) for value in row if value is not None
    )


def day(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_the_population_sheet_has_its_sheets_and_says_what_it_is(population: Workbook) -> None:
    assert population.sheetnames == ["Population", "Trend", "By month", "Not reported", "Read me"]
    first = population["Population"]
    assert first["A1"].value == "Camp population, November 2026"
    assert "Data as of 3 December 2026" in str(first["A2"].value)
    said = text(population, "Read me")
    for part in (
        "Published for\n2026-11",
        "Data as of\n3 December 2026",
        "November 2026\n3 reports through kobo, form version 2026-1",
        "Figures are reported by camp managers; no count has verified them.",
        "Run\n2026-12-03 06:00",
        "Versions\nfsmt: 2019-1, 2026-1",
        "Decisions\n3",
        "individuals_estimated\npeople reported, or where missing",
    ):
        assert part in said


def test_every_camp_of_the_month_is_there_and_a_missing_one_has_no_figure(population: Workbook) -> None:
    shown = [(row[2], row[3], row[5], row[6], row[21], row[22], *row[23:]) for row in rows(population, "Population", 9)]
    assert shown == [
        ("Tazade", "تازادي", None, None, None, None, "missing", 1150, day("2026-10-01")),
        ("Khanke", "خانكه", 2660, 13650, -350, -2.5, "reported", None, None),
        ("Shariya", "شاريه", None, None, None, None, "missing", None, None),
        ("Essian", "إسيان", 2600, 14269, 0, 0, "late", None, None),
        ("Haj Ali", None, 50, 260, None, None, "reported", None, None),
        (None, None, 5310, 28179, -350, -1.2, None, None, None),
    ]


def test_the_main_figures_stand_on_top(population: Workbook) -> None:
    sheet = population["Population"]
    figures = {sheet.cell(4, column).value: sheet.cell(5, column).value for column in range(1, 25)}
    del figures[None]
    assert figures == {
        "Camps expected": 5, "Reported": 3, "of these late": 1, "Not reported": 2, "Families": 5310, "People": 28179,
        "Change, 2 camps": -350, "Women": None, "Men": None, "Girls": None, "Boys": None,
    }  # fmt: skip


def test_the_trend_has_a_row_for_each_month_and_two_charts(population: Workbook) -> None:
    assert rows(population, "Trend", 5) == [
        (day("2026-09-01"), 5, 3, 0, 2, 2940, 15164, 0, 15164, None, None, 0),
        (day("2026-10-01"), 5, 4, 0, 1, 5612, 29419, 0, 29419, -14, -0.1, 3),
        (day("2026-11-01"), 5, 2, 1, 2, 5310, 28179, 1150, 29329, -350, -1.2, 2),
    ]
    assert len(population["Trend"]._charts) == 2


def test_the_matrix_of_months_is_empty_where_a_camp_did_not_report(population: Workbook) -> None:
    assert rows(population, "By month", 4, slice(2, 7)) == [
        ("Camp", "المخيم", day("2026-09-01"), day("2026-10-01"), day("2026-11-01")),
        ("Tazade", "تازادي", 1120, 1150, None),
        ("Khanke", "خانكه", 14000, 14000, 13650),
        ("Shariya", "شاريه", None, None, None),
        ("Essian", "إسيان", None, 14269, 14269),
        ("Garmawa", None, 44, 0, None),
        ("Haj Ali", None, None, None, 260),
        (None, None, 15164, 29419, 28179),
    ]
    red, white = (population["By month"][place].fill.fgColor.rgb for place in ("G5", "G9"))
    assert (red, white) == ("FFF8D3CE", "00000000"), "missing is red; a camp that closed is not missing"


def test_who_has_not_reported_and_who_was_late(population: Workbook) -> None:
    assert rows(population, "Not reported", 5, slice(2, None)) == [
        ("Tazade", "تازادي", None, day("2026-12-02"), day("2026-10-01"), 1150, 1),
        ("Shariya", "شاريه", None, day("2026-12-02"), None, None, 3),
    ]
    assert rows(population, "Not reported", 10, slice(2, 7)) == [
        ("Essian", "إسيان", None, day("2026-12-02"), day("2026-12-06")),
    ]


def test_the_service_matrix_names_the_providers_and_shows_the_gaps(services: Workbook) -> None:
    assert services.sheetnames == ["Camps by area", "Gaps", "Organisations", "Unresolved names", "Read me"]
    assert [row[1:2] + row[3:] for row in rows(services, "Camps by area", 8)] == [
        ("Camp", "People", "Report", "Protection", "Water supply", "Primary health care", "Camp management", "Gaps"),
        ("Khanke", 14000, day("2026-10-01"), "PDO, SWEDO", "BRHA", "UNHCR (donor)", "BRHA", 1),
        ("Essian", 14269, day("2026-10-01"), "(not named)", "Hope for All …", "no provider", "no provider", 2),
        ("Sheikhan", None, None, "no report", "no report", "no report", "no report", None),
        (None, None, None, 0, 0, 2, 1, 3),
    ]
    sheet = services["Camps by area"]
    assert [sheet[place].fill.fgColor.rgb for place in ("H9", "G9")] == ["FFF8D3CE", "00000000"]
    assert [sheet.cell(7, column).value for column in (6, 7, 8, 9)] == ["Protection", "WASH", "Health", "CCCM"]


def test_the_gaps_are_a_list(services: Workbook) -> None:
    assert rows(services, "Gaps", 5, slice(2, None)) == [
        ("Khanke", None, 14000, "Primary health care", "Health", day("2026-10-01")),
        ("Essian", None, 14269, "Primary health care", "Health", day("2026-10-01")),
        ("Essian", None, 14269, "Camp management", "CCCM", day("2026-10-01")),
    ]


def test_each_organisation_is_there_once_under_its_resolved_name(services: Workbook) -> None:
    assert rows(services, "Organisations", 5) == [
        ("BRHA", "Board of Relief and Humanitarian Affairs (Duhok)", "Government-KRG", 1, 2,
         "Camp management, Water supply", "implementing"),
        ("DoH", "Directorate of Health", "Government", 1, 0, None, "implementing"),
        ("PDO", "PDO", "National NGO", 1, 1, "Protection", "lead"),
        ("SWEDO", "SWEDO", "National NGO", 1, 1, "Protection", "lead"),
        ("UNHCR", "UN High Commissioner for Refugees", "UN", 1, 1, "Primary health care", "donor"),
    ]  # fmt: skip


def test_names_that_do_not_resolve_are_listed_as_they_were_written(services: Workbook) -> None:
    assert rows(services, "Unresolved names", 6) == [
        ("(not named)", 1, "Essian", "Protection"),
        ("Hope for All …", 1, "Essian", "Water supply"),
    ]


@pytest.mark.parametrize("name", PRODUCTS)
def test_hostile_text_from_anywhere_is_text(name: str, publish_case: Callable[..., Path], tmp_path: Path) -> None:
    hostile = '=HYPERLINK("http://evil.example","see")'
    published = publish_case(
        "services_and_gaps",
        f"UPDATE reference.site SET name_en = '{hostile}', name_ar = '+1' WHERE site = 'IQ0803-0005'",
        "UPDATE reference.governorate SET name_en = '-2'",
        "UPDATE reference.organisation SET name = '@SUM(1)' WHERE organisation = 'brha'",
        "UPDATE reference.activity_area SET name_en = '=1+1' WHERE activity_area = 'water'",
        f"UPDATE clean.fsmt__service SET organisation_other = '{hostile}' WHERE organisation_other LIKE 'Hope%'",
        """INSERT INTO clean.population (_id, _source, _asset, _form_version, _submitted_at, _period, site, individuals)
           VALUES ('a', '=1', 'a', '=2', TIMESTAMP '2026-12-01', '2026-11', 'IQ0803-0005', 5)""",
    )
    book = load_workbook(product(published, name, tmp_path, run="=3"))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert hostile in {cell.value for cell in cells}
    assert {cell.data_type for cell in cells} <= {"s", "n", "d"}
    assert [cell.hyperlink for cell in cells if cell.hyperlink] == []


@pytest.mark.parametrize("name", PRODUCTS)
def test_an_unchanged_product_is_not_replaced_and_a_changed_one_is(
    name: str, publish_case: Callable[..., Path], tmp_path: Path
) -> None:
    published = publish_case("population_ages")
    path = product(published, name, tmp_path)
    assert path == tmp_path / "products" / "2026-11" / f"{name}.xlsx"
    before = path.stat().st_ino
    assert product(published, name, tmp_path).stat().st_ino == before
    assert product(published, name, tmp_path, run="another").stat().st_ino != before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_product_for_an_earlier_month_shows_that_month(publish_case: Callable[..., Path], tmp_path: Path) -> None:
    published = publish_case("population_late_missing_changed")
    book = load_workbook(product(published, "population_sheet", tmp_path, "2026-10"))
    assert book["Population"]["A1"].value == "Camp population, October 2026"
    assert len(rows(book, "Trend", 5)) == 2


def test_more_families_than_people_are_shown_in_amber(publish_case: Callable[..., Path], tmp_path: Path) -> None:
    exchanged = "UPDATE clean.population SET families = 13650, individuals = 2660 WHERE _id = 'khanke-11-again'"
    book = load_workbook(
        product(publish_case("population_late_missing_changed", exchanged), "population_sheet", tmp_path)
    )
    sheet = book["Population"]
    amber = [cell.coordinate for row in sheet["F9:G13"] for cell in row if cell.fill.fgColor.rgb == "FFFCE8B8"]
    assert (amber, sheet["C10"].value) == (["F10", "G10"], "Khanke")


@pytest.mark.parametrize("name", PRODUCTS)
def test_before_anything_was_reported_a_product_says_so(
    name: str, publish_case: Callable[..., Path], tmp_path: Path
) -> None:
    book = load_workbook(product(publish_case("population_ages", "DELETE FROM clean.population"), name, tmp_path))
    expected = {
        "population_sheet": "No month that is due has been reported yet.",
        "service_3w": "No gap: every area has a provider",
    }
    assert any(expected[name] in text(book, sheet) for sheet in book.sheetnames)


def test_a_product_that_does_not_exist_and_a_period_that_is_none_are_named(tmp_path: Path) -> None:
    with in_memory() as con:
        with pytest.raises(ConfigError, match="There is no product 'map'; name one of population_sheet, service_3w"):
            write_product(con, Project(SQL, tmp_path), "map", "2026-11", DAY, {})
        with pytest.raises(ConfigError, match=r"'\.\./x' is no period; write it as year and month, such as 2026-11"):
            write_product(con, Project(SQL, tmp_path), "service_3w", "../x", DAY, {})


def test_a_published_file_without_the_tables_is_said_plainly_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with in_memory() as con, pytest.raises(DataError, match=r"The product service_3w: .*; run `cccm build`"):
        write_product(con, Project(SQL, tmp_path), "service_3w", "2026-11", DAY, {})
    assert list((tmp_path / "products" / "2026-11").iterdir()) == []


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_product_reads_no_more_tables_than_it_declares(name: str, tmp_path: Path) -> None:
    with connect(tmp_path / "work.duckdb") as con:
        build_case(con, GOLDEN / "services_and_gaps")
        sql = "SELECT schema_name || '.' || table_name AS name FROM duckdb_tables()"
        for table in {row["name"] for row in read_rows(con, sql)} - PRODUCTS[name].tables - {"codebook.column_"}:
            con.execute(f"DROP TABLE {table}")
        assert write_product(con, Project(SQL, tmp_path), name, "2026-11", DAY, {}).exists()
