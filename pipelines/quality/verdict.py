"""What Great Expectations says about rules that SQL has computed already: the rows that fail each of them.

The only module that imports Great Expectations; import it only when it is needed, because that takes seconds. It gets
one boolean column a rule and nothing else: no answer, no key. Which submission a row number means is check.py.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import great_expectations as gx
import pandas as pd
from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.expectations.core.expect_column_values_to_be_in_set import ExpectColumnValuesToBeInSet
from great_expectations.expectations.metadata_types import FailureSeverity

from pipelines.errors import DataError
from pipelines.quality.expectations import Rule

WITH_EVERY_ROW = {"result_format": "COMPLETE", "return_unexpected_index_query": False}
"""Rows come back by position; with named key columns Great Expectations looks up cell by cell, five times slower."""


def rows_failing(frame: pd.DataFrame, rules: Sequence[Rule]) -> dict[str, list[int]]:
    """For each rule, by name, the positions of the rows of `frame` for which it does not hold."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    asset = context.data_sources.add_pandas("rules").add_dataframe_asset(rules[0].table)
    batch = asset.add_batch_definition_whole_dataframe("rows").get_batch({"dataframe": frame})
    results = batch.validate(_suite(rules), result_format=WITH_EVERY_ROW).results
    failing = {_column(result): _positions(result, rules) for result in results}
    return {rule.name: failing[rule.name] for rule in rules}


def _suite(rules: Sequence[Rule]) -> gx.ExpectationSuite:
    """The suite, made whole at once: adding expectations one by one takes seconds."""
    return gx.ExpectationSuite(
        name=f"{rules[0].layer}.{rules[0].table}",
        expectations=[
            ExpectColumnValuesToBeInSet(column=rule.name, value_set=[True], severity=FailureSeverity(rule.severity))
            for rule in rules
        ],
    )


def _positions(result: ExpectationValidationResult, rules: Sequence[Rule]) -> list[int]:
    """The failing rows of one result; a verdict that ended in an exception says nothing about the data."""
    if _raised(result.exception_info or {}):
        where = next((rule.where for rule in rules if rule.name == _column(result)), rules[0].file)
        raise DataError(f"{where}: Great Expectations could not judge it; run again, and report it if it stays.")
    return [int(position) for position in result.result["unexpected_index_list"] or []]


def _column(result: ExpectationValidationResult) -> str:
    return str(result.expectation_config.kwargs["column"]) if result.expectation_config else ""


def _raised(info: Mapping[str, Any]) -> bool:
    """Whether `info`, flat or with a block for each metric, tells of an exception."""
    blocks = [info, *(block for block in info.values() if isinstance(block, Mapping))]
    return any(block.get("raised_exception") for block in blocks)
