"""dlt: its REST source into DuckDB, merged by `_id`, with the naming and nesting that it chooses by itself."""

import json
import sys
import tempfile
from pathlib import Path

import dlt
from dlt.sources.rest_api import rest_api_source

OWN = ("_dlt_id", "_dlt_load_id", "_dlt_parent_id", "_dlt_root_id", "_dlt_list_idx")


def main(url: str, token: str, assets: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps({asset: made_of(url, token, asset, Path(folder) / asset) for asset in assets}, default=text))


def made_of(url: str, token: str, asset: str, folder: Path) -> dict[str, object]:
    folder.mkdir()
    pipeline = dlt.pipeline(
        "drift",
        pipelines_dir=str(folder),
        destination=dlt.destinations.duckdb(str(folder / "made.duckdb")),
        dataset_name="drift",
    )
    try:
        pipeline.run(source(url, token, asset))
        return {"rows": rows(pipeline, asset), "error": ""}
    except Exception as error:  # noqa: BLE001 - whatever it is, the tool could not
        return {"rows": [], "error": f"{type(error).__name__}: {error}"}
    finally:
        pipeline.drop()


def source(url: str, token: str, asset: str) -> object:
    return rest_api_source(
        {
            "client": {
                "base_url": f"{url}/api/v2/",
                "headers": {"Authorization": f"Token {token}"},
                "paginator": {"type": "json_link", "next_url_path": "next"},
            },
            "resource_defaults": {"primary_key": "_id", "write_disposition": "merge"},
            "resources": [{"name": asset, "endpoint": {"path": f"assets/{asset}/data/", "data_selector": "results"}}],
        },
        name="drift",
    )


def rows(pipeline: dlt.Pipeline, asset: str) -> list[list[object]]:
    """Every row of the asset's table and of those nested in it, each with the `_id` at its root."""
    schema = pipeline.default_schema
    top = schema.naming.normalize_table_identifier(asset)
    mine = [name for name, table in schema.tables.items() if root(schema, name) == top and table["columns"]]
    found: list[list[object]] = []
    ids: dict[str, object] = {}
    with pipeline.sql_client() as client:
        for name in sorted(mine, key=lambda name: name != top):
            if not client.execute_sql("SELECT 1 FROM information_schema.tables WHERE table_name = %s", name):
                continue
            with client.execute_query(f"SELECT * FROM {client.make_qualified_table_name(name)}") as cursor:
                columns = [column for column, *_ in cursor.description]
                for values in cursor.fetchall():
                    row = dict(zip(columns, values, strict=True))
                    if name == top:
                        ids[row["_dlt_id"]] = row["_id"]
                    server_id = row["_id"] if name == top else ids[row["_dlt_root_id"]]
                    cells = [[column, row[column]] for column in columns if column not in OWN]
                    found.append([name.removeprefix(top).removeprefix("__"), server_id, cells])
    return found


def root(schema: dlt.Schema, name: str) -> str:
    while parent := schema.tables[name].get("parent"):
        name = parent
    return name


def text(value: object) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
