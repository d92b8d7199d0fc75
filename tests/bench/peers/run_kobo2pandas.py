"""kobo2pandas: an asset's data as data frames, one for the submissions and one for each repeat."""

import json
import sys
from collections.abc import Iterator

import pandas as pd
from kobo2pandas import KoboAPI


def main(url: str, token: str, assets: list[str]) -> None:
    api = KoboAPI(token, endpoint=url)
    print(json.dumps({asset: made_of(api, asset) for asset in assets}, default=str))


def made_of(api: KoboAPI, asset: str) -> dict[str, object]:
    try:
        # what get_dataframes() returns too, but with the names of the tables
        frames = api._get_processed_data(asset)
        if frames is None:
            return {"rows": [], "error": "it returned nothing"}
        return {"rows": list(rows(frames)), "error": ""}
    except Exception as error:  # noqa: BLE001 - whatever it is, the tool could not
        return {"rows": [], "error": f"{type(error).__name__}: {error}"}


def rows(frames: dict[str, pd.DataFrame]) -> Iterator[list[object]]:
    """Every row with the `_id` of its submission, which a row of a repeat is led to by its parents."""
    ids: dict[tuple[str, int], object] = {}
    for table, frame in frames.items():
        parent = max((name for name in frames if table.startswith(f"{name}_")), key=len, default="")
        names = list(frame.columns)
        for number, values in enumerate(frame.itertuples(index=False, name=None), start=1):
            row = dict(zip(names, values, strict=True))
            server_id = ids[parent, int(row["_parent_index"])] if parent else row["_id"]
            ids[table, number] = server_id
            cells = [[name, value] for name, value in zip(names, values, strict=True) if there(value)]
            yield [table, int(server_id), cells]


def there(value: object) -> bool:
    return isinstance(value, list | dict) or not pd.isna(value)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
