"""The shared population sheet: the latest month by camp, the trend, every month, and who has not reported.

What is said about the product stands here; its sheets are laid out in population_camps.py and population_months.py.
What counts as late, missing or changed is warehouse/curated/camp_population.sql.
"""

from pathlib import Path

from pipelines.products.population_camps import write_camps, write_not_reported
from pipelines.products.population_months import write_months, write_trend
from pipelines.products.product import Context, Notes, Product, write_read_me
from pipelines.products.workbook import day_name, month_name, new_book
from pipelines.store.duck import Connection, read_rows, read_value

TITLE = "Camp population"

NOTES = Notes(
    about="People living in the formal camps, month by month, as camp managers reported them.",
    reading=(
        ("Reported (green)", "received by the due date or within the days of grace"),
        ("Late (amber)", "received after the days of grace"),
        ("Missing (red)", "not received: the camp has no figure for the month and is in no total"),
        ("Last known figure", "the last report of a missing camp, carried forward: an estimate, never a count"),
        ("Change", "against the report of the month before; in totals, over the camps that reported both months"),
        (
            "Families and people in amber",
            "more families than people: probably exchanged, so the totals are wrong by it",
        ),
        ("Change in amber", "more than 20 per cent and more than 50 people: worth a question to the camp"),
    ),
    caveats=(
        "Figures are reported by camp managers; no count has verified them.",
        "Totals add up only the camps that reported. Compare months by the change, or by the line that carries missing "
        "camps forward, not by the totals alone.",
        "Where a camp left an age band blank, that camp is in no total of women, men, girls and boys.",
        "Governorate and district are those of the master list, which may differ from the administration in charge.",
        "A small number in an age band may point to one person: do not publish the bands of single camps.",
    ),
    tables=("camp_population", "population_trend"),
)


def write(con: Connection, path: Path, context: Context) -> None:
    """Write the workbook for the last month that was due, not later than the period it is published for."""
    period = read_value(con, "SELECT max(period) FROM curated.camp_population WHERE period <= ?", [context.period])
    subtitle = _subtitle(context, period or "")
    with new_book(path, TITLE, context.as_of) as book:
        write_camps(book, con, period or "", subtitle)
        write_trend(book, con, period or "", subtitle)
        write_months(book, con, period or "", subtitle)
        write_not_reported(book, con, period or "", subtitle)
        sources = [("Form", "monthly camp population, one report for each camp"), *_sources(con, period or "")]
        write_read_me(book, con, context, NOTES, sources)


POPULATION_SHEET = Product(
    name="population_sheet",
    title=TITLE,
    tables=frozenset({"curated.camp_population", "curated.population_trend", "curated.site"}),
    write=write,
)


def _subtitle(context: Context, period: str) -> str:
    if not period:
        return f"No month that is due has been reported yet. Data as of {day_name(context.as_of)}."
    return (
        f"CCCM Cluster. Data as of {day_name(context.as_of)}, reported by camp managers. Camps that have not reported "
        "are in no total. Sources and caveats: sheet “Read me”."
    )


def _sources(con: Connection, period: str) -> list[tuple[str, str]]:
    sql = """
        SELECT source, form_version, count(*) AS reports FROM curated.camp_population
        WHERE period = ? AND record IS NOT NULL GROUP BY ALL ORDER BY ALL"""
    return [
        (month_name(period), f"{row['reports']} reports through {row['source']}, form version {row['form_version']}")
        for row in read_rows(con, sql, [period])
    ]
