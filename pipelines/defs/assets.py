"""The asset factory: each tool's assets from its folder, each curated table's from its SQL, each product's by name.

Dependencies of curated tables are those their SQL reads. Every asset that writes stands in the one pool: DuckDB has one
writer.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, timedelta

import dagster as dg
from pydantic import Field

from pipelines.curate import CuratedTable, read_tables
from pipelines.defs import steps
from pipelines.defs.journal import Outcome, journal
from pipelines.defs.syncing import sync
from pipelines.errors import CccmError
from pipelines.products import PRODUCTS
from pipelines.project import Project, Source, Tool
from pipelines.sources.sync import Wish

WRITER = "writer"
"""The pool of one slot for whoever writes."""


class Asked(dg.ConfigurableResource):  # type: ignore[type-arg]
    """What the IMO asks of a run: which tools and sources (empty means all), whether to read everything again, whether
    mass deletion is to be believed, and the day to build as of (empty means the last sync's).
    """

    tools: list[str] = Field(default_factory=list)
    sources: list[str] = Field(default_factory=list)
    full: bool = False
    accept_deletions: bool = False
    as_of: str = ""

    def wants(self, tool: str, source: str) -> bool:
        """Whether this source of this tool is to be synced."""
        return (not self.tools or tool in self.tools) and (not self.sources or source in self.sources)


def key(step: str) -> dg.AssetKey:
    """The asset key of a step: its name, parted at the slashes."""
    return dg.AssetKey(step.split("/"))


def assets_of(project: Project) -> Iterator[dg.AssetsDefinition]:
    """Every asset of the project."""
    synced: dict[str, list[str]] = {}
    for source in project.sources():
        for name in sorted({asset.tool for asset in source.assets}):
            synced.setdefault(name, []).append(f"archive/{source.name}/{name}")
            yield _archive(project, source, project.tool(name))
    yield _built(
        "reference",
        lambda asked, _run: steps.prepare(project, date.fromisoformat(asked.as_of) if asked.as_of else None),
        deps=[name for names in synced.values() for name in names],
        group="reference",
        kinds={"csv", "duckdb"},
        description="Places, sites, organisations; and the day that builds read instead of a clock.",
    )
    yield from _tools(project, synced)
    yield from _warehouse(project, read_tables(project.curated))


def _archive(project: Project, source: Source, tool: Tool) -> dg.AssetsDefinition:
    mine = key(f"archive/{source.name}/{tool.name}")
    days = tool.freshness_days

    @dg.asset(
        key=mine,
        group_name=tool.name,
        kinds={source.kind},
        pool=WRITER,
        description=f"Every submission of {tool.title} that {source.name} has shown, as sent.",
        freshness_policy=dg.FreshnessPolicy.time_window(timedelta(days=days)) if days else None,
        check_specs=[dg.AssetCheckSpec("complete", asset=mine, description="The last sync saw all the server has.")],
    )
    def archive(context: dg.AssetExecutionContext, asked: Asked) -> dg.MaterializeResult:  # type: ignore[type-arg]
        if not asked.wants(tool.name, source.name):
            return dg.MaterializeResult(
                metadata={"done": "nothing: not asked for in this run"}, check_results=[_passed()]
            )
        wish = Wish(full=asked.full, accept_deletions=asked.accept_deletions)
        outcomes = [sync(project, source, asset, wish) for asset in source.assets if asset.tool == tool.name]
        for outcome in outcomes:
            if outcome.error or outcome.warning:
                context.log.warning(str(outcome.error or outcome.warning))
        return dg.MaterializeResult(metadata=_sum(outcomes), check_results=[_complete(outcomes)])

    return archive


def _built(
    name: str,
    step: Callable[[Asked, str], Outcome],
    *,
    deps: Iterable[str],
    group: str,
    kinds: set[str],
    description: str,
    goes_on: bool = False,
) -> dg.AssetsDefinition:
    """An asset that is built by `step`, from what Asked says and the run's id.

    Where it `goes_on`, an error of ours fails its check "built" and not its step: the last good tables stand, and what
    rests on other tools is built all the same.
    """

    @dg.asset(
        key=key(name),
        deps=[key(dep) for dep in sorted(set(deps))],
        group_name=group,
        kinds=kinds,
        pool=WRITER,
        description=description,
        check_specs=[dg.AssetCheckSpec("built", asset=key(name), description=BUILT)] if goes_on else None,
    )
    def built(context: dg.AssetExecutionContext, asked: Asked) -> dg.MaterializeResult:  # type: ignore[type-arg]
        try:
            outcome = step(asked, context.run_id)
        except CccmError as error:
            if not goes_on:
                raise dg.Failure(str(error), allow_retries=False) from error
            outcome = journal().add(Outcome(name, anew=False, error=error))
        return dg.MaterializeResult(metadata=_shown(outcome), check_results=[_was_built(outcome)] if goes_on else None)

    return built


BUILT = "The tables are those of this run; where this fails, the last good ones stand."


def _tools(project: Project, synced: Mapping[str, list[str]]) -> Iterator[dg.AssetsDefinition]:
    for tool in project.tools():
        name = tool.name
        yield _built(
            f"harmonized/{name}",
            lambda _asked, _run, name=name: steps.harmonize(project, name),  # type: ignore[misc]
            deps=[*synced.get(name, []), "reference"],
            group=name,
            kinds={"duckdb"},
            description=f"{tool.title}: one typed column for every question that any version ever asked.",
            goes_on=True,
        )
        yield _built(
            f"clean/{name}",
            lambda _asked, _run, name=name: steps.clean(project, name),  # type: ignore[misc]
            deps=[f"harmonized/{name}"],
            group=name,
            kinds={"duckdb"},
            description=f"{tool.title}: decisions applied, one current record for each unit and period.",
            goes_on=True,
        )


def _warehouse(project: Project, tables: tuple[CuratedTable, ...]) -> Iterator[dg.AssetsDefinition]:
    for table in tables:
        yield _built(
            f"curated/{table.name}",
            lambda _asked, _run, table=table: steps.curated(project, table),  # type: ignore[misc]
            deps=[step for name in table.depends for step in steps.makers(project, name)],
            group="curated",
            kinds={"sql", "duckdb"},
            description=table.description,
        )
    yield _built(
        "published/warehouse",
        lambda _asked, _run: steps.publish_warehouse(project),
        deps=[*(f"clean/{tool.name}" for tool in project.tools()), *(f"curated/{table.name}" for table in tables)],
        group="published",
        kinds={"duckdb"},
        description="The file that analysts open, and the IMO's own with every column.",
    )
    for name, product in PRODUCTS.items():
        yield _built(
            f"products/{name}",
            lambda _asked, run, name=name: steps.product(project, name, run),  # type: ignore[misc]
            deps=["published/warehouse"],
            group="products",
            kinds={"excel"},
            description=product.title,
        )


def _shown(outcome: Outcome) -> dict[str, int | str]:
    """The metadata of a step."""
    if outcome.error:
        return {"done": f"nothing: {outcome.error}"}
    if not outcome.anew:
        return {"done": "nothing: it stands as it was", **outcome.figures}
    figures = dict(outcome.figures)
    rows = figures.pop("rows", figures.get("submissions"))
    return figures if rows is None else {**figures, "dagster/row_count": rows}


def _was_built(outcome: Outcome) -> dg.AssetCheckResult:
    why = {"why": str(outcome.error)} if outcome.error else {}
    return dg.AssetCheckResult(passed=not outcome.error, check_name="built", metadata=why)


def _sum(outcomes: list[Outcome]) -> dict[str, int | str]:
    total: dict[str, int | str] = {}
    for outcome in outcomes:
        for name, figure in outcome.figures.items():
            standing = total.get(name, 0)
            total[name] = standing + figure if isinstance(figure, int) and isinstance(standing, int) else figure
    return total


def _passed() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True, check_name="complete")


def _complete(outcomes: list[Outcome]) -> dg.AssetCheckResult:
    troubles = [str(outcome.error or outcome.warning) for outcome in outcomes if outcome.error or outcome.warning]
    failed = any(outcome.error for outcome in outcomes)
    severity = dg.AssetCheckSeverity.ERROR if failed else dg.AssetCheckSeverity.WARN
    metadata = {"why": "; ".join(troubles)} if troubles else {}
    return dg.AssetCheckResult(passed=not troubles, check_name="complete", severity=severity, metadata=metadata)
