"""Two sheets of the population sheet that list camps: everybody's latest month, and who has not reported.

The sheets with a column for each month, or a row, are population_months.py.
"""

from collections.abc import Mapping
from typing import Any

from pipelines.products.workbook import Book, Cell, Column, Row, Styled, first_day, month_name
from pipelines.store.duck import Connection, read_rows

Camp = Mapping[str, Any]

AGES = ("0_2", "3_5", "6_11", "12_17", "18_30", "31_59", "60_over")
BANDS = tuple(f"{sex}_{age}" for sex in ("females", "males") for age in AGES)

CAMP = (Column("Governorate", 13), Column("District", 13), Column("Camp", 18), Column("المخيم", 15, "arabic"))
AGENCY = Column("Managed by", 13)
COLUMNS = (
    *CAMP,
    AGENCY,
    Column("Families", 8.5, "count"),
    Column("People", 9, "count"),
    *(Column(band.split("_", 1)[1].replace("_over", "+").replace("_", "–"), 6.3, "count") for band in BANDS),
    Column("People", 8, "change"),
    Column("Per cent", 7.5, "percent"),
    Column("Status", 9, "centre"),
    Column("Last known figure", 9, "estimate"),
    Column("of month", 9, "month"),
)
MISSING_COLUMNS = (
    *CAMP,
    AGENCY,
    Column("Due on", 13, "day"),
    Column("Last report", 13, "month"),
    Column("People then", 12, "estimate"),
    Column("Months without report", 12, "count"),
)
LATE_COLUMNS = (*MISSING_COLUMNS[:6], Column("Received on", 13, "day"))

STATUS = {"reported": "good", "late": "warn", "missing": "bad"}
OUT_OF_THE_ORDINARY = (50, 20)
"""People and per cent above which a change is shown in amber."""


def write_camps(book: Book, con: Connection, period: str, subtitle: str) -> None:
    """Write the latest month: the main figures, and a row for each camp that was expected to report."""
    camps = _camps(con, period)
    sheet = book.sheet("Population", subtitle, title=f"{book.title}, {month_name(period)}" if period else "")
    for title, first, last in (("Female, by age", 7, 13), ("Male, by age", 14, 20), ("Change on last month", 21, 22)):
        book.band(sheet, 6, (first, last), title, "head_group")
    end = book.table(sheet, 7, COLUMNS, (_camp_row(camp) for camp in camps))
    sheet.autofilter(7, 0, max(end - 1, 8), len(COLUMNS) - 1)
    for total in read_rows(con, "SELECT * FROM curated.population_trend WHERE period = ?", [period]):
        book.figures(sheet, 3, _figures(total))
        book.rows(sheet, end, COLUMNS, [_total_row(total, camps)])
    sheet.freeze_panes(8, 3)
    sheet.repeat_rows(6, 7)


def write_not_reported(book: Book, con: Connection, period: str, subtitle: str) -> None:
    """Write the camps without a report for the latest month, and below them those whose report was late."""
    camps = _camps(con, period)
    silent = _months_silent(con, period)
    sheet = book.sheet("Not reported", subtitle, title=f"Not reported, {month_name(period)}" if period else "")
    missing = [_missing_row(camp, silent[camp["site"]]) for camp in camps if camp["status"] == "missing"]
    end = book.table(sheet, 3, MISSING_COLUMNS, missing)
    if not missing:
        book.put(sheet, end, 0, "Every camp that was expected to report has reported.", "subtitle")
    late = [(*_names(camp), camp["due_on"], camp["received_on"]) for camp in camps if camp["status"] == "late"]
    if late:
        book.put(sheet, end + 1, 0, "Reported late", "title")
        sheet.set_row(end + 1, 26)
        book.table(sheet, end + 2, LATE_COLUMNS, late)
    sheet.freeze_panes(4, 3)


def camp_cells(camp: Camp) -> tuple[Cell, ...]:
    """Governorate, district, and the camp's name in English and Arabic."""
    return (camp["adm1_name"] or "(not in the master list)", camp["adm2_name"], camp["site_name"], camp["site_name_ar"])


def _names(camp: Camp) -> tuple[Cell, ...]:
    return (*camp_cells(camp), camp["agency"])


def _camps(con: Connection, period: str) -> list[Camp]:
    """Every camp that was expected to report `period`, by governorate, district and name."""
    sql = """
        SELECT p.*, s.management_agency_acronym AS agency
        FROM curated.camp_population AS p LEFT JOIN curated.site AS s ON s.site = p.site
        WHERE p.period = ? ORDER BY p.adm1_name NULLS LAST, p.adm2_name NULLS LAST, p.site_name, p.site"""
    return list(read_rows(con, sql, [period]))


def _months_silent(con: Connection, period: str) -> dict[str, int]:
    """For each camp, how many months up to `period` it has been missing without a break."""
    sql = """
        SELECT site, count(*) FILTER (WHERE period > last_report OR last_report IS NULL) AS months FROM (
            SELECT site, period, max(period) FILTER (WHERE status <> 'missing') OVER (PARTITION BY site) AS last_report
            FROM curated.camp_population WHERE period <= ?
        ) GROUP BY site"""
    return {row["site"]: row["months"] for row in read_rows(con, sql, [period])}


def _figures(total: Camp) -> list[tuple[str, int, int, Cell]]:
    return [
        ("Camps expected", 0, 0, total["camps_expected"]),
        ("Reported", 1, 1, total["camps_reporting"]),
        ("of these late", 2, 2, total["camps_late"]),
        ("Not reported", 3, 3, total["camps_missing"]),
        ("Families", 4, 5, total["families"]),
        ("People", 6, 8, total["individuals"]),
        (f"Change, {total['camps_compared']} camps", 9, 11, total["change_individuals"]),
        ("Women", 12, 14, total["women"]),
        ("Men", 15, 17, total["men"]),
        ("Girls", 18, 20, total["girls"]),
        ("Boys", 21, 23, total["boys"]),
    ]


def _camp_row(camp: Camp) -> Row:
    amber = _is_striking(camp)
    size = "warn_count" if _looks_exchanged(camp) else "count"
    return (
        *_names(camp),
        Styled(camp["families"], size),
        Styled(camp["individuals"], size),
        *(camp[band] for band in BANDS),
        Styled(camp["change_individuals"], "warn_change" if amber else "change"),
        Styled(camp["change_percent"], "warn_percent" if amber else "percent"),
        Styled(camp["status"], STATUS[camp["status"]]),
        camp["individuals_estimated"] if camp["estimated"] else None,
        first_day(camp["estimated_from"]),
    )


def _missing_row(camp: Camp, months_silent: int) -> Row:
    last, people = first_day(camp["estimated_from"]), camp["individuals_estimated"]
    return (*_names(camp), camp["due_on"], last, people, months_silent)


def _is_striking(camp: Camp) -> bool:
    people, percent = OUT_OF_THE_ORDINARY
    change, share = camp["change_individuals"], camp["change_percent"]
    return change is not None and share is not None and abs(change) > people and abs(share) > percent


def _looks_exchanged(camp: Camp) -> bool:
    """Whether there are more families than people."""
    families, people = camp["families"], camp["individuals"]
    return families is not None and people is not None and families > people


def _total_row(total: Camp, camps: list[Camp]) -> Row:
    bands = [sum(camp[band] for camp in camps if camp[band] is not None) for band in BANDS]
    return (
        Styled("Total of the camps that reported", "total"),
        *(Styled(None, "total") for _ in COLUMNS[1:5]),
        *(Styled(value, "total_count") for value in (total["families"], total["individuals"], *bands)),
        Styled(total["change_individuals"], "total_change"),
        Styled(total["change_percent"], "total_percent"),
        *(Styled(None, "total") for _ in COLUMNS[23:]),
    )
