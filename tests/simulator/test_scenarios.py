"""Every scenario of the protocol's model, played with the product's own code: it holds, without its rule it does not.

The names are those of the model, and a few more. Three of its variants have no script here, because the product has
nothing that could be turned: `nolock-renew` (whoever has the drain lock rescues at once and asks no lease, so a renewed
lease protects nobody without the lock), the choice of the model in which a rescue waits for the lease to end (`good`
against `good-early`: here it is always early), and `reissue` (no call gives a new upload URL). The `live` scenarios ask
for an end in the model's sense; here each script comes to its end, and the explorer asks the same of every story.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from tests.simulator import scenarios_of_doubt, scenarios_of_life, scenarios_of_locks, scenarios_of_persons
from tests.simulator.script import THE_END, Scenario, perform
from tests.simulator.world import Violation

SCENARIOS = [
    *scenarios_of_doubt.SCENARIOS,
    *scenarios_of_locks.SCENARIOS,
    *scenarios_of_persons.SCENARIOS,
    *scenarios_of_life.SCENARIOS,
]


def named(chosen: list[Scenario]) -> Any:
    return pytest.mark.parametrize("scenario", chosen, ids=[scenario.name for scenario in chosen])


@named([each for each in SCENARIOS if not each.beyond])
def test_scenario_holds(scenario: Scenario) -> None:
    perform(scenario)


@named([each for each in SCENARIOS if each.without and each.breaks])
def test_scenario_breaks_without_its_rule(scenario: Scenario) -> None:
    """What cannot fail proves nothing."""
    judged = frozenset(scenario.breaks.split("|"))
    with pytest.raises(Violation, match=f"^{re.escape(scenario.name)}: ({scenario.breaks})"):
        perform(scenario, taken_out=scenario.without, judged=judged)


@named([each for each in SCENARIOS if each.without and not each.breaks])
def test_rule_is_not_what_carries_this_scenario(scenario: Scenario) -> None:
    """The model says so too: a second line of defence, or another case of it."""
    perform(scenario, taken_out=scenario.without, judged=THE_END)


@named([each for each in SCENARIOS if each.beyond])
def test_promise_ends_where_its_assumption_ends(scenario: Scenario) -> None:
    """Known, written down, and the reason for `hold` and for longer waits."""
    with pytest.raises(Violation, match=f"^{re.escape(scenario.name)}: {scenario.breaks}"):
        perform(scenario)


@pytest.mark.parametrize(
    ("scenario", "settings"),
    [
        pytest.param(each, settings, id=f"{each.name}-{'-'.join(settings)}")
        for each in SCENARIOS
        for settings in each.safe
    ],
)
def test_other_settings_carry_further(scenario: Scenario, settings: Mapping[str, Any]) -> None:
    perform(scenario, judged=THE_END - {"ENDS OTHERWISE"}, **settings)
