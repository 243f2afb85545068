"""Settings of the stress are complete and possible, and named scenarios are what the market really did."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.measure.stress_samples import shipped_stress
from volguard.measure.stress_settings import ScenarioBasis, StressScenario

DATA = Path(__file__).parents[3] / "shared" / "data"
NIFTY, VIX = DATA / "nifty_daily.csv.gz", DATA / "india_vix_daily.csv.gz"
MEASURED = [one for one in shipped_stress().scenarios if one.day is not None]


def test_the_shipped_grid_reaches_twenty_percent_both_ways_over_three_days() -> None:
    shipped = shipped_stress()
    assert (shipped.spot_move_shares[0], shipped.spot_move_shares[-1]) == (-0.20, 0.20)
    assert (shipped.iv_shifts[0], shipped.iv_shifts[-1]) == (-0.05, 0.20)
    assert shipped.horizons_days == (0, 1, 3)
    assert (shipped.near_spot_move_share, shipped.near_iv_shift) == (0.03, 0.03)


def test_the_shipped_scenarios_are_the_three_days_and_a_gap_that_cannot_be_left_for_a_day() -> None:
    assert [one.name for one in shipped_stress().scenarios] == [
        "2020-03-23",
        "2024-06-04",
        "2025-04-07",
        "gap and halt",
    ]
    assert [one.day for one in MEASURED] == [date(2020, 3, 23), date(2024, 6, 4), date(2025, 4, 7)]
    halt = shipped_stress().scenarios[-1]
    assert halt.spot_move_share <= -0.15 and halt.iv_shift > 0 and halt.horizon_days == 1


@pytest.mark.parametrize("scenario", MEASURED, ids=lambda scenario: scenario.name)
def test_a_day_of_the_past_moves_as_daily_history_says(scenario: StressScenario) -> None:
    """Close to close, or the open gap where that is the larger; India VIX close to close; to four digits."""
    if not (NIFTY.exists() and VIX.exists()):
        pytest.skip("the daily history is not beside the project")
    index, vix = (pd.read_csv(path, index_col="date") for path in (NIFTY, VIX))
    assert scenario.day is not None
    row, fear = (frame.index.get_loc(scenario.day.isoformat()) for frame in (index, vix))
    before = index["close"].iloc[row - 1]
    closed, gap = index["close"].iloc[row] / before - 1, index["open"].iloc[row] / before - 1
    is_gap = abs(gap) > abs(closed)
    assert scenario.basis is (ScenarioBasis.OPEN_GAP if is_gap else ScenarioBasis.CLOSE_TO_CLOSE)
    assert scenario.spot_move_share == pytest.approx(gap if is_gap else closed, abs=5e-5)
    change = (vix["close"].iloc[fear] - vix["close"].iloc[fear - 1]) / 100.0
    assert scenario.iv_shift == pytest.approx(change, abs=5.1e-5)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"spot_move_shares": (0.0, -0.1)}, "spot_move_shares was (0.0, -0.1), must ascend"),
        ({"spot_move_shares": (-0.1, 0.1)}, "spot_move_shares was (-0.1, 0.1), must ascend and hold 0"),
        ({"spot_move_shares": (-1.0, 0.0)}, "spot_move_shares was (-1.0, 0.0), must be in [-0.99, 1]"),
        ({"spot_move_shares": (0.0, float("nan"))}, "spot_move_shares was (0.0, nan), must ascend"),
        ({"iv_shifts": ()}, "iv_shifts was (), must ascend and hold 0"),
        ({"iv_shifts": (0.0, 10.0)}, "iv_shifts was (0.0, 10.0), must be in [-1.0, 1]"),
        ({"horizons_days": (-1, 0)}, "horizons_days was (-1, 0), must be 0 or more"),
        ({"horizons_days": (0, 0)}, "horizons_days was (0, 0), must ascend"),
        ({"skew_iv_per_spot_fall": -0.1}, "skew_iv_per_spot_fall was -0.1, must be 0 or more"),
        ({"skew_iv_per_spot_fall": float("nan")}, "skew_iv_per_spot_fall was nan"),
        ({"iv_floor": 0.0}, "iv_floor was 0.0, must be above 0 and below 1"),
        ({"near_spot_move_share": 1.0}, "near_spot_move_share was 1.0, must be above 0 and below 1"),
        ({"near_iv_shift": float("nan")}, "near_iv_shift was nan"),
        ({"scenarios": MEASURED[:1] * 2}, "scenarios had the names 2020-03-23, 2020-03-23"),
    ],
    ids=str,
)
def test_an_impossible_setting_is_refused_with_its_key_and_value(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError) as refused:
        replace(shipped_stress(), **changes)
    assert str(refused.value).startswith(told)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": " "}, "name was ' ', must be words"),
        ({"spot_move_share": -1.0}, "spot_move_share was -1.0"),
        ({"spot_move_share": float("nan")}, "spot_move_share was nan"),
        ({"iv_shift": 5.0}, "iv_shift was 5.0, must be in [-1, 1]"),
        ({"horizon_days": -1}, "horizon_days was -1"),
        ({"day": None}, "day was None, must be given unless basis is assumed, not close_to_close"),
        ({"basis": ScenarioBasis.ASSUMED}, "day was 2020-03-23"),
    ],
    ids=str,
)
def test_an_impossible_scenario_is_refused_with_its_key_and_value(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError) as refused:
        replace(MEASURED[0], **changes)
    assert str(refused.value).startswith(told)
