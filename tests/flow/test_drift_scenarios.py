"""Every scenario of tests/golden/drift/ through our own pipeline, judged by an oracle that knows nothing of it."""

import pytest

from tests.drift.oracle import APART, columns_of_tokens, score
from tests.drift.ours import Ours, run_ours
from tests.drift.scenario import Scenario, Token, scenarios
from tests.drift.stage import staged

SCENARIOS = scenarios()
OF_A_POINT = ("_lat", "_lon", "_alt", "_acc")


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Ours:
    folder = tmp_path_factory.mktemp("drift")
    with staged(SCENARIOS, folder) as stage:
        return run_ours(SCENARIOS, stage, folder)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_no_answer_is_lost_leaked_or_doubled_and_the_old_stand_with_the_new(scenario: Scenario, ours: Ours) -> None:
    assert ours.failed.get(scenario.name, "") == ""
    assert ours.reports[scenario.name].balanced
    found = score(scenario, ours.rows[scenario.name])
    assert found.wrong == ()
    assert found.whole


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_answer_stands_in_the_column_that_the_scenario_names(scenario: Scenario, ours: Ours) -> None:
    columns = columns_of_tokens(scenario, ours.rows[scenario.name])
    assert {token.word: columns[token.word] for token in scenario.tokens()} == {
        token.word: expected(token, columns[token.word]) for token in scenario.tokens()
    }


def expected(token: Token, found: set[str]) -> set[str]:
    """The one place where a token must be found, and a column that is computed of it; of a point, that of its part."""
    if token.computed[0] and token.computed[0] in found:
        return {token.today, token.computed[0]}
    if token.apart:
        return {f"{APART}.{token.path} {token.index}".strip()}
    if token.retyped:
        return {token.retyped}
    return found if found in [{token.today + part} for part in OF_A_POINT] else {token.today}
