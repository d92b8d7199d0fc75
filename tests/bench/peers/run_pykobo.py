"""pykobo: a form's data and its repeats as data frames, columns by name."""

import json
import sys
from collections.abc import Iterator

import pandas as pd
import pykobo


def main(url: str, token: str, assets: list[str]) -> None:
    manager = pykobo.Manager(url=url, api_version=2, token=token)
    print(json.dumps({asset: made_of(manager, asset) for asset in assets}, default=str))


def made_of(manager: "pykobo.Manager", asset: str) -> dict[str, object]:
    try:
        form = manager.get_form(asset)
        form.separator = " "  # what stands between codes is a matter of taste
        form.fetch_data()
        ids = [number for name, number in numbers(form.data, "_id")]
        found = list(rows("", form.data, ids))
        for repeat, frame in form.repeats.items():
            parents = [ids[int(number) - 1] for _, number in numbers(frame, "_parent_index")]
            found += rows(repeat, frame, parents)
    except Exception as error:  # noqa: BLE001 - whatever it is, the tool could not
        return {"rows": [], "error": f"{type(error).__name__}: {error}"}
    return {"rows": found, "error": ""}


def numbers(frame: pd.DataFrame, column: str) -> Iterator[tuple[str, object]]:
    return ((column, value) for value in frame[column])


def rows(table: str, frame: pd.DataFrame, ids: list[object]) -> Iterator[list[object]]:
    """The rows as they stand, columns of one name too."""
    for server_id, values in zip(ids, frame.itertuples(index=False, name=None), strict=True):
        cells = [[name, value] for name, value in zip(frame.columns, values, strict=True) if there(value)]
        yield [table, int(server_id), cells]


def there(value: object) -> bool:
    return isinstance(value, list | dict) or not pd.isna(value)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
