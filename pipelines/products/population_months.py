"""Two sheets of the population sheet that go through time: each month's totals with charts, and each camp's months.

The sheets about one month are population_camps.py.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.products.look import BLUE, CHART_FONT, LINE
from pipelines.products.population_camps import CAMP, camp_cells
from pipelines.products.workbook import (
    Book,
    Cell,
    Column,
    Row,
    Sheet,
    Styled,
    cells,
    first_day,
)
from pipelines.store.duck import Connection, read_rows

MONTHS_SHOWN = 24
TREND, BY_MONTH = "Trend", "By month"
TOP = 3

TREND_COLUMNS = (
    Column("Month", 12, "month"),
    Column("Camps expected", 11, "count"),
    Column("Reported in time", 11, "count"),
    Column("Reported late", 11, "count"),
    Column("Not reported", 11, "count"),
    Column("Families", 12, "count"),
    Column("People reported", 12, "count"),
    Column("Carried forward", 12, "estimate"),
    Column("People with those carried forward", 14, "count"),
    Column("Change", 11, "change"),
    Column("Per cent", 10, "percent"),
    Column("Camps compared", 11, "count"),
)


def write_trend(book: Book, con: Connection, period: str, subtitle: str) -> None:
    """Write the totals of each month, with a chart of the people and one of the reporting."""
    sheet = book.sheet(TREND, subtitle, title=f"{book.title} by month")
    sql = "SELECT * FROM curated.population_trend WHERE period <= ? ORDER BY period DESC LIMIT ?"
    months = read_rows(con, sql, [period, MONTHS_SHOWN])[::-1]
    end = book.table(sheet, TOP, TREND_COLUMNS, (_trend_row(month) for month in months))
    sheet.freeze_panes(TOP + 1, 1)
    if months:
        people = {"People reported": (6, BLUE), "Carried forward from the last report": (7, "#B9C7D3")}
        reports = {"In time": (2, "#6FA87A"), "Late": (3, "#E3B34C"), "Not reported": (4, "#C9635A")}
        _chart(book, sheet, end, (end + 1, 0), "People in camps", people)
        _chart(book, sheet, end, (end + 1, 6), "Camps by reporting", reports)


def write_months(book: Book, con: Connection, period: str, subtitle: str) -> None:
    """Write the matrix of camps and months: people reported, coloured where late or missing."""
    sheet = book.sheet(BY_MONTH, subtitle, title="People by camp and month")
    months = _months(con, period)
    columns = (*CAMP, *(Column(month, 9.5, "count") for month in months))
    end = book.table(sheet, TOP, columns, _camp_rows(con, months))
    sheet.autofilter(TOP, 0, max(end - 1, TOP + 1), len(CAMP) - 1)
    for number, month in enumerate(months, start=len(CAMP)):
        book.put(sheet, TOP, number, first_day(month), "head_month")
    if months:
        book.rows(sheet, end, columns, [_totals(con, months)])
    sheet.freeze_panes(TOP + 1, 3)
    sheet.repeat_rows(TOP)


def _trend_row(month: Mapping[str, Any]) -> Row:
    return (
        first_day(month["period"]),
        month["camps_expected"],
        month["camps_reporting"] - month["camps_late"],
        month["camps_late"],
        month["camps_missing"],
        month["families"],
        month["individuals"],
        (month["individuals_estimated"] or 0) - (month["individuals"] or 0),
        month["individuals_estimated"],
        month["change_individuals"],
        month["change_percent"],
        month["camps_compared"],
    )


def _chart(
    book: Book, sheet: Sheet, end: int, place: tuple[int, int], title: str, series: Mapping[str, tuple[int, str]]
) -> None:
    """Draw one stacked column chart of the rows up to `end` at `place`; `series` gives each column and its colour."""
    chart = book.workbook.add_chart({"type": "column", "subtype": "stacked"})
    for name, (column, colour) in series.items():
        chart.add_series({
            "name": name,
            "categories": cells(TREND, (TOP + 1, 0), (end - 1, 0)),
            "values": cells(TREND, (TOP + 1, column), (end - 1, column)),
            "fill": {"color": colour},
            "gap": 60,
        })  # fmt: skip
    chart.set_title({"name": title, "name_font": {**CHART_FONT, "size": 12}, "overlay": False})
    chart.set_x_axis({"num_font": CHART_FONT, "num_format": "mmm yyyy", "text_axis": True})
    chart.set_y_axis({
        "num_font": CHART_FONT, "num_format": "#,##0", "major_gridlines": {"visible": True, "line": {"color": LINE}},
        "line": {"none": True}, "min": 0,
    })  # fmt: skip
    chart.set_legend({"position": "bottom", "font": CHART_FONT})
    chart.set_size({"width": 500, "height": 320})
    sheet.insert_chart(*place, chart, {"x_offset": 4, "y_offset": 12, "description": title})


def _months(con: Connection, period: str) -> list[str]:
    sql = "SELECT DISTINCT period FROM curated.camp_population WHERE period <= ? ORDER BY period DESC LIMIT ?"
    return [row["period"] for row in read_rows(con, sql, [period, MONTHS_SHOWN])][::-1]


def _camp_rows(con: Connection, months: list[str]) -> Iterator[Row]:
    sql = """
        SELECT adm1_name, adm2_name, site_name, site_name_ar, site, period, status, individuals
        FROM curated.camp_population WHERE period BETWEEN ? AND ?
        ORDER BY adm1_name NULLS LAST, adm2_name NULLS LAST, site_name, site, period"""
    camps: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for row in read_rows(con, sql, [months[0], months[-1]]) if months else ():
        camps[row["site"]][row["period"]] = row
    for reports in camps.values():
        names = camp_cells(next(iter(reports.values())))
        yield (*names, *(_month_cell(reports.get(month)) for month in months))


def _month_cell(report: Mapping[str, Any] | None) -> Cell | Styled:
    """People reported; amber where late, red where missing, plain and empty where nothing was expected."""
    if report is None:
        return None
    style = {"reported": "count", "late": "warn_count", "missing": "bad_count"}[report["status"]]
    return Styled(report["individuals"], style)


def _totals(con: Connection, months: list[str]) -> Row:
    people = {row["period"]: row["individuals"] for row in read_rows(con, "FROM curated.population_trend")}
    return (
        Styled("Total of the camps that reported", "total"),
        *(Styled(None, "total") for _ in CAMP[1:]),
        *(Styled(people[month], "total_count") for month in months),
    )
