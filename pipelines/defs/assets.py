"""The asset factory: each tool's assets from its folder, each curated table's from its SQL, each product's by name.

Dependencies of curated tables are those their SQL reads. Every asset that writes stands in the one pool: DuckDB has one
writer.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, timedelta

import dagster as dg

from pipelines.archive.reading import last_sync_failed
from pipelines.curate import CuratedTable, read_tables
from pipelines.defs import steps
from pipelines.defs.journal import Outcome, journal
from pipelines.defs.slots import mine
from pipelines.defs.syncing import sync
from pipelines.errors import CccmError, ConfigError
from pipelines.products import PRODUCTS
from pipelines.project import Project, Source, Tool
from pipelines.sources.sync import Wish

WRITER = "writer"
"""The pool of one slot for whoever writes."""


class Asked(dg.ConfigurableResource):  # type: ignore[type-arg]
    """What the IMO asks of a run: which tools and sources (empty means all), whether to read everything again, whether
    mass deletion is to be believed, and the day to build as of (empty means the last sync's).
    """

    tools: list[str] = []  # noqa: RUF012 - the launchpad shows a default that stands here, and no default_factory
    sources: list[str] = []  # noqa: RUF012
    full: bool = False
    accept_deletions: bool = False
    as_of: str = ""

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Write down which process this run is, so that the writer's slot of one that was killed can be given back."""
        if context.run_id and context.instance:
            context.instance.add_run_tags(context.run_id, mine())

    def wants(self, tool: str, source: str) -> bool:
        """Whether this source of this tool is to be synced."""
        return (not self.tools or tool in self.tools) and (not self.sources or source in self.sources)


def day_of(text: str) -> date | None:
    """The day that `text` writes; None for no text; ConfigError for what is no day."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise ConfigError(f"as of {text!r}: this is no day; write it as 2026-11-20.") from error


def key(step: str) -> dg.AssetKey:
    """The asset key of a step: its name, parted at the slashes."""
    return dg.AssetKey(step.split("/"))


def assets_of(project: Project) -> Iterator[dg.AssetsDefinition | dg.AssetSpec]:
    """Every asset of the project."""
    synced: dict[str, list[str]] = {}
    for source in project.sources():
        for name in sorted({asset.tool for asset in source.assets}):
            synced.setdefault(name, []).append(f"archive/{source.name}/{name}")
            yield _server(source, project.tool(name))
            yield _archive(project, source, project.tool(name))
    yield _built(
        "reference",
        lambda _asked, _run: steps.reference(project),
        deps=[],
        group="reference",
        kinds={"csv", "duckdb"},
        description="Places, sites, organisations.",
    )
    yield _built(
        "as_of",
        lambda asked, _run: steps.set_day(project, day_of(asked.as_of)),
        deps=[name for names in synced.values() for name in names],
        group="curated",
        kinds={"duckdb"},
        description="The day that builds read instead of a clock: that of the last complete sync.",
    )
    yield from _tools(project, synced)
    yield from _warehouse(project, read_tables(project.curated))


def _server(source: Source, tool: Tool) -> dg.AssetSpec:
    """What a server has, as an asset of its own: it counts as fresh only when a sync has seen all of it."""
    days = tool.freshness_days
    return dg.AssetSpec(
        key=key(f"server/{source.name}/{tool.name}"),
        group_name=tool.name,
        kinds={source.kind},
        description=f"The submissions of {tool.title} on {source.name}. Fresh when a sync has seen them all.",
        freshness_policy=dg.FreshnessPolicy.time_window(timedelta(days=days)) if days else None,
    )


def _archive(project: Project, source: Source, tool: Tool) -> dg.AssetsDefinition:
    mine = key(f"archive/{source.name}/{tool.name}")
    server = key(f"server/{source.name}/{tool.name}")

    @dg.asset(
        key=mine,
        deps=[server],
        group_name=tool.name,
        kinds={source.kind},
        pool=WRITER,
        description=f"Every submission of {tool.title} that {source.name} has shown, as sent.",
        check_specs=[dg.AssetCheckSpec("complete", asset=mine, description="The last sync saw all the server has.")],
    )
    def archive(context: dg.AssetExecutionContext, asked: Asked) -> dg.MaterializeResult:  # type: ignore[type-arg]
        if not asked.wants(tool.name, source.name):
            stands = last_sync_failed(project.archive_file(tool.name), source.name)
            check = _complete(stands, failed=bool(stands))
            return dg.MaterializeResult(metadata={"done": "nothing: not asked for in this run"}, check_results=[check])
        wish = Wish(full=asked.full, accept_deletions=asked.accept_deletions)
        outcomes = [sync(project, source, asset, wish) for asset in source.assets if asset.tool == tool.name]
        troubles = [str(outcome.error or outcome.warning) for outcome in outcomes if outcome.error or outcome.warning]
        for trouble in troubles:
            context.log.warning(trouble)
        failed = any(outcome.error for outcome in outcomes)
        if not failed:
            context.log_event(dg.AssetMaterialization(server, metadata=_sum(outcomes)))
        check = _complete("; ".join(troubles), failed=failed)
        metadata = {**_sum(outcomes), **({"trouble": "; ".join(troubles)} if troubles else {})}
        return dg.MaterializeResult(metadata=metadata, check_results=[check])

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
        outcome = _tried(name, lambda: step(asked, context.run.run_id))
        if outcome.error and not goes_on:
            raise dg.Failure(str(outcome.error), allow_retries=False)
        return dg.MaterializeResult(metadata=_shown(outcome), check_results=[_was_built(outcome)] if goes_on else None)

    return built


def _tried(name: str, step: steps.Step) -> Outcome:
    """What `step` came to. Its error stays behind: Dagster would keep its causes, and the answers they quote."""
    try:
        return step()
    except CccmError as error:
        return journal().add(Outcome(name, anew=False, error=error))


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
    curated = {f"curated.{table.name}" for table in tables}
    for name, product in PRODUCTS.items():
        if not {table for table in product.tables if table.startswith("curated.")} <= curated:
            continue  # a cluster that does not curate what it shows does not publish it
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
    stale = {"stale": outcome.warning} if outcome.warning else {}
    if not outcome.anew:
        return {"done": "nothing: it stands as it was", **outcome.figures, **stale}
    figures = {**outcome.figures, **stale}
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


def _complete(trouble: str, *, failed: bool) -> dg.AssetCheckResult:
    severity = dg.AssetCheckSeverity.ERROR if failed else dg.AssetCheckSeverity.WARN
    metadata = {"why": trouble} if trouble else {}
    return dg.AssetCheckResult(passed=not trouble, check_name="complete", severity=severity, metadata=metadata)
