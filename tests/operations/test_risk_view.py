"""The risk document of books made by hand on a chain with known answers."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from tests.chains import FORWARD, LOT, MONTHLY, WEEKLY, flat_vol_snapshot, put, view_of, with_cells
from tests.operations.portfolios import SETTINGS, exact_view, session, two_trades
from volguard.model.decision import Phase
from volguard.model.errors import UsageError
from volguard.operations.journal_state import JournalState
from volguard.operations.margin_view import margin_document
from volguard.operations.portfolio import portfolio_of_book
from volguard.operations.risk_view import risk_document
from volguard.operations.stress_view import stress_document
from volguard.volatility.outlook import NO_OUTLOOK


def document(found: JournalState) -> dict[str, Any]:
    made = risk_document(found)
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    return made


def limits(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in found["limits"]}


@pytest.fixture(scope="module")
def held() -> dict[str, Any]:
    return document(session(*two_trades()))


def test_exposure_is_units_times_greeks_and_adds_up(held: dict[str, Any]) -> None:
    view = exact_view()
    delta = 0.0
    for strike, is_call, units in (
        (24_300, False, 2),
        (24_500, False, -2),
        (25_100, True, -2),
        (25_300, True, 2),
    ):
        rows = [
            row
            for row in range(view.listing.rows_of(WEEKLY).start, view.listing.rows_of(WEEKLY).stop)
            if view.listing.strike[row] == strike and bool(view.listing.is_call[row]) is is_call
        ]
        delta += units * LOT * float(view.greeks.delta[rows[0]])
    exposure = held["exposure"]
    weekly = exposure["by_trade"][0]
    assert (weekly["trade_id"], weekly["bucket"], weekly["lots"]) == ("T1", "WEEKLY", 2)
    assert weekly["greeks"]["delta"] == pytest.approx(delta, rel=1e-6)
    assert weekly["greeks"]["delta_pnl_1pct_inr"] == pytest.approx(delta * 0.01 * FORWARD, rel=1e-6)
    for groups in ("by_trade", "by_bucket", "by_expiry"):
        for name, total in exposure["portfolio"].items():
            parts = sum(row["greeks"][name] for row in exposure[groups])
            assert parts == pytest.approx(total, rel=1e-6, abs=1e-6)
    assert [row["expiry"] for row in exposure["by_expiry"]] == [WEEKLY.isoformat(), MONTHLY.isoformat()]


def test_every_limit_has_its_value_its_bound_and_the_share_used(held: dict[str, Any]) -> None:
    rows, shares = limits(held), SETTINGS.limits
    account = 2_000_000.0
    stress = rows["stress, worst cell"]
    assert stress["value"] == float(held["stress"]["stressed_loss_inr"]) > 0.0
    assert stress["limit"] == pytest.approx(shares.stress_loss_share_max * account)
    assert stress["share_used"] == pytest.approx(stress["value"] / stress["limit"])
    assert rows["margin"]["value"] == pytest.approx(float(held["margin"]["total_inr"]), abs=0.01)
    both = [float(row["total_inr"]) for row in held["moves"] if abs(row["move_share"]) == 0.03]
    assert rows["margin after 3 %"]["value"] == pytest.approx(max(both), abs=0.01)
    assert rows["open risk"]["value"] == 47_000.0
    assert rows["capital used"]["value"] == 25_000.0 + 90_000.0
    assert rows["concentration"]["value"] == 25_000.0
    assert rows["day's loss, soft stop"]["share_used"] == pytest.approx(10_000.0 / 40_000.0)
    assert rows["data quality"]["share_used"] == pytest.approx(shares.quality_new_trades_min / 0.9)
    assert not rows["data quality"]["is_breached"] and rows["data quality"]["is_floor"]
    breached = {name for name, row in rows.items() if row["is_breached"]}
    assert breached == {
        name for name, row in rows.items() if not row["is_floor"] and row["value"] > row["limit"]
    }


def test_full_auto_halves_what_caps_a_size_and_not_the_stops() -> None:
    whole = limits(document(session(*two_trades(), phase=Phase.SHADOW)))
    half = limits(document(session(*two_trades(), phase=Phase.FULL_AUTO)))
    for name in ("stress, worst cell", "margin", "open risk", "delta, P&L of 1 %"):
        assert half[name]["limit"] == pytest.approx(0.5 * whole[name]["limit"])
    for name in ("day's loss, hard stop", "capital used"):
        assert half[name]["limit"] == whole[name]["limit"]


def test_stress_and_margin_are_those_of_their_own_commands(held: dict[str, Any]) -> None:
    portfolio = portfolio_of_book(session(*two_trades()))
    assert held["stress"]["worst_cells"] == stress_document(portfolio, None)["worst_cells"]
    assert held["margin"] == margin_document(portfolio, None)["margin"]


def test_capital_used_is_the_larger_of_margin_and_risk_by_bucket(held: dict[str, Any]) -> None:
    weekly, monthly, intraday = held["buckets"]
    assert (intraday["bucket"], intraday["capital_inr"], intraday["capital_used_inr"]) == (
        "INTRADAY",
        "200000.00",
        "0.00",
    )
    assert (weekly["bucket"], weekly["capital_inr"], weekly["capital_used_inr"]) == (
        "WEEKLY",
        "800000.00",
        "25000.00",
    )
    assert (monthly["capital_used_inr"], monthly["open_risk_inr"]) == ("90000.00", "22000.00")
    assert monthly["share_used"] == pytest.approx(0.09)
    assert float(weekly["margin_now"]["total_inr"]) > 0.0


def test_the_cost_to_be_flat_is_half_spreads_and_charges(held: dict[str, Any]) -> None:
    flat = held["flat_now"]
    # Eight legs at half a spread of 0.05: four of 150 units, four of 75.
    assert sum(float(leg["half_spread_inr"]) for leg in flat["legs"]) == pytest.approx(0.05 * 900, abs=1e-6)
    costs = [float(leg["cost_inr"]) for leg in flat["legs"]]
    assert float(flat["cost_inr"]) == pytest.approx(sum(costs), abs=0.01)
    assert flat["orders"] == 8 and flat["shorts_seconds"] < flat["seconds"]
    assert not flat["is_infinite"]


def test_a_leg_that_nobody_quotes_costs_more_than_any_price() -> None:
    view = view_of(with_cells(flat_vol_snapshot(), put(24_500), ask=math.nan))
    found = document(session(*two_trades(), view=view))
    assert found["flat_now"]["is_infinite"] and found["flat_now"]["cost_inr"] is None
    assert "24500 PE" in found["missing"]["flat_now"]


def test_an_empty_book_says_so_with_zeros() -> None:
    found = document(session())
    assert (found["positions"], found["open_trades"], found["missing"]) == ([], 0, {})
    assert set(found["exposure"]["portfolio"].values()) == {0.0}
    assert (found["stress"]["stressed_loss_inr"], found["stress"]["worst"]) == ("0.00", None)
    assert found["margin"]["total_inr"] == found["flat_now"]["cost_inr"] == "0.00"
    rows = limits(found)
    for name in ("stress, worst cell", "margin", "margin after 3 %", "open risk", "concentration"):
        assert (rows[name]["value"], rows[name]["share_used"]) == (0.0, 0.0)
    assert found["concentration"] == []


def test_what_the_session_does_not_know_is_not_available_with_the_reason() -> None:
    found = document(session(*two_trades(), outlook=NO_OUTLOOK, quality=None, pnl_net_inr=None))
    rows = limits(found)
    for name, reason in (
        ("margin", "no daily history"),
        ("margin after 3 %", "no daily history"),
        ("data quality", "no snapshot"),
        ("day's loss, soft stop", "cannot be closed"),
    ):
        assert rows[name]["value"] is rows[name]["share_used"] is rows[name]["is_breached"] is None
        assert reason in rows[name]["reason"]
    assert found["margin"] is None and "no daily history" in found["missing"]["margin"]
    assert rows["stress, worst cell"]["value"] is not None


def test_a_history_that_ends_too_early_gives_no_margin() -> None:
    base = session(*two_trades())
    old = replace(base.state.outlook, last_day=date(2025, 8, 29))
    found = document(session(*two_trades(), outlook=old))
    assert "ends on 2025-08-29, the session before was 2025-09-02" in found["missing"]["margin"]


def test_before_the_first_snapshot_there_is_nothing_to_measure_on() -> None:
    base = session()
    early = replace(base, state=replace(base.state, market=None))
    with pytest.raises(UsageError, match="has seen no snapshot up to 11:00:00"):
        risk_document(early)
