"""The stress document of structures on a chain of one known volatility, against arithmetic done here."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from tests.chains import FORWARD, LOT, SIGMA, flat_vol_snapshot, view_of, with_column
from tests.operations.portfolios import CONDOR, SETTINGS, black_call, of_legs
from volguard.model.errors import UsageError
from volguard.operations.portfolio import Portfolio
from volguard.operations.stress_view import stress_document


def document(portfolio: Portfolio, horizon: int | None = None) -> dict[str, Any]:
    found = stress_document(portfolio, horizon)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return found


@pytest.fixture(scope="module")
def condor() -> dict[str, Any]:
    return document(of_legs(lots=2))


def test_one_cell_of_a_naked_call_is_blacks_formula_twice() -> None:
    """The spot up 3 %, volatility up 5 points, one day ahead: priced here with the chain's own inputs."""
    portfolio = of_legs("-25000CE")
    view = portfolio.view
    years, discount = float(view.years[0]), float(view.forwards.discount[0])
    forward = float(view.forwards.forward[0])
    row = view.row(portfolio.positions[0].contract)
    sigma = float(view.sigma[row])
    assert (forward, sigma) == (pytest.approx(FORWARD, rel=1e-6), pytest.approx(SIGMA, rel=1e-5))
    found = document(portfolio)
    (leg,) = found["legs"]
    assert leg["confidence"] == pytest.approx(1.0, abs=1e-3)
    later = years - 1.0 / 365.0
    shift = 0.05 * (2.0 - leg["confidence"])  # doubt widens it
    now = black_call(forward, 25_000.0, years, sigma, discount)
    then = black_call(forward * 1.03, 25_000.0, later, sigma + shift, discount ** (later / years))
    grid = found["grid"]
    place = (
        grid["horizons_days"].index(1),
        grid["spot_move_shares"].index(0.03),
        grid["iv_shifts"].index(0.05),
        grid["shapes"].index("parallel"),
    )
    assert np.array(grid["pnl_inr"])[place] == pytest.approx(-LOT * (then - now), rel=1e-6)
    assert float(found["value_inr"]) == pytest.approx(-LOT * now, abs=0.01)


def test_the_settlement_of_a_condor_is_its_payoff_less_its_value(condor: dict[str, Any]) -> None:
    rows = condor["settlement"]["rows"]
    levels = np.array([row["level"] for row in rows])
    width = np.maximum(24_500 - levels, 0.0) - np.maximum(24_300 - levels, 0.0)
    width += np.maximum(levels - 25_100, 0.0) - np.maximum(levels - 25_300, 0.0)
    expected = -2 * LOT * width - float(condor["value_inr"])
    assert [row["pnl_inr"] for row in rows] == pytest.approx(expected.tolist(), abs=0.01)
    strikes = (24_300.0, 24_500.0, 25_100.0, 25_300.0)
    assert all(min(abs(levels - strike)) < 1e-3 for strike in strikes)


def test_the_worst_cell_is_the_least_of_all_and_heads_the_five(condor: dict[str, Any]) -> None:
    five = condor["worst_cells"]
    assert len(five) == 5 and five[0]["pnl_inr"] == condor["worst"]["pnl_inr"]
    figures = [float(one["pnl_inr"]) for one in five]
    assert figures == sorted(figures)
    every = np.array(condor["grid"]["pnl_inr"]).ravel().tolist()
    every += [row["pnl_inr"] for row in condor["settlement"]["rows"]]
    every += [float(one["pnl_inr"]) for one in (*condor["near"], *condor["scenarios"])]
    assert figures == pytest.approx(sorted(every)[:5], abs=0.01)
    assert float(condor["stressed_loss_inr"]) == -figures[0]


def test_scenarios_are_the_configured_ones_with_their_origin(condor: dict[str, Any]) -> None:
    told = {one["name"].split(",")[0]: (one["basis"], one["day"]) for one in condor["scenarios"]}
    assert told["2020-03-23"] == ("close_to_close", "2020-03-23")
    assert told["gap and halt"] == ("assumed", None)
    assert len(condor["scenarios"]) == len(SETTINGS.stress.scenarios)
    assert len(condor["near"]) == 4 * len(SETTINGS.stress.horizons_days)


def test_a_chosen_horizon_is_shown_and_the_array_stays_whole() -> None:
    found = document(of_legs(), 1)
    assert found["shown_horizons_days"] == [1]
    assert np.array(found["grid"]["pnl_inr"]).shape == (3, 19, 5, 2)
    with pytest.raises(UsageError, match="--horizon was 2, must be one of 0, 1, 3 days"):
        stress_document(of_legs(), 2)


def test_twice_the_lots_lose_twice_as_much(condor: dict[str, Any]) -> None:
    one = document(of_legs(CONDOR))
    half = np.array(condor["grid"]["pnl_inr"]) / 2.0
    assert np.array(one["grid"]["pnl_inr"]) == pytest.approx(half, rel=1e-6, abs=1e-6)


def test_without_quotes_there_is_no_stress_and_the_legs_are_named() -> None:
    snapshot = flat_vol_snapshot()
    nothing = np.full(len(snapshot.bid), math.nan)
    found = document(of_legs(view=view_of(with_column(snapshot, bid=nothing, ask=nothing.copy()))))
    assert found["worst"] is None and found["stressed_loss_inr"] is None
    assert found["grid"]["pnl_inr"] is None and found["scenarios"] == []
    assert found["missing"]["stress"].count("has no forward") == 4


def test_lots_below_one_are_refused() -> None:
    with pytest.raises(UsageError, match="--lots was 0"):
        of_legs(lots=0)
