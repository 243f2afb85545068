"""Our margin stands within 5 % of the published figures of 29 May 2026; the rest is told, not claimed."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
import pytest

from volguard.measure.margin import Margin
from volguard.measure.margin_published import (
    JULY_2023,
    MAY_2026,
    PUBLISHED,
    TOLERANCE,
    margin_of_scene,
    published_margin_table,
)
from volguard.nse.margin_rules import MarginRules, MarginTables

CONFIG = Path(__file__).parents[2] / "config" / "margin.toml"
RULES = MarginRules(msgspec.convert(tomllib.loads(CONFIG.read_text()), MarginTables))
TABLE = published_margin_table(RULES)


def test_the_table_has_every_published_figure_in_order_and_each_has_ours() -> None:
    assert [row.margin for row in TABLE] == list(PUBLISHED)
    assert all(row.reason == "" and row.ours_inr > 0.0 for row in TABLE)


@pytest.mark.parametrize(
    "row",
    [row for row in TABLE if row.margin.is_held],
    ids=lambda row: f"{row.margin.name} {row.margin.component}",
)
def test_the_settlement_file_of_29_may_2026_is_met_within_five_percent(row: object) -> None:
    assert abs(row.difference) <= TOLERANCE  # type: ignore[attr-defined]


def test_the_four_positions_of_29_may_2026_are_all_held_to_the_tolerance() -> None:
    held = {row.margin.name for row in TABLE if row.margin.is_held}
    assert held == {
        "long 1 future",
        "short 23700 CE",
        "short straddle 23700",
        "long future, long 23000 PE",
    }


def test_figures_with_an_unknown_input_are_shown_and_not_held() -> None:
    shown = {row.margin.name for row in TABLE if not row.margin.is_held}
    assert "short 20600 CE" in shown and "calendar spread of futures" in shown
    assert all(row.margin.scene.assumed for row in TABLE)


def test_the_broker_figure_of_july_2023_is_that_of_75_units_at_two_percent() -> None:
    exposure = next(row for row in TABLE if row.margin.published_inr == 29151.225)
    assert exposure.ours_inr == pytest.approx(29151.225, abs=1e-6)
    assert exposure.margin.scene is JULY_2023


def test_a_third_of_the_extreme_move_explains_the_naked_call_of_july_2023() -> None:
    call = next(row for row in TABLE if row.margin.published_inr == 66832.5)
    margin = margin_of_scene(JULY_2023, call.margin.legs, RULES)
    assert isinstance(margin, Margin)
    assert margin.worst_scenario == "extreme move up"
    assert 0.0 < call.difference < TOLERANCE


def test_the_premium_assumed_is_the_premium_published() -> None:
    call = next(row for row in TABLE if row.margin.published_inr == 141673.0)
    margin = margin_of_scene(MAY_2026, call.margin.legs, RULES)
    assert isinstance(margin, Margin)
    assert margin.net_option_value_inr == pytest.approx(-28447.0, abs=1e-6)
