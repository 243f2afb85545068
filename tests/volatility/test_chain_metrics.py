"""What one expiry's chain shows, and nothing where the chain does not show it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.pricing.real_chain import REAL, real_snapshots
from volguard.pricing.black76 import greeks
from volguard.pricing.forward import imply_forwards
from volguard.volatility.chain_metrics import ExpiryRows, chain_metrics, max_pain

STRIKES = np.array([24_800.0, 24_900.0, 25_000.0, 25_100.0, 25_200.0])
CALL_OI = np.array([10.0, 20.0, 40.0, 90.0, 60.0])
PUT_OI = np.array([70.0, 100.0, 50.0, 20.0, 10.0])
YEARS, SIGMA, FORWARD = 5 / 365, 0.12, 25_030.0


def chain() -> ExpiryRows:
    strike = np.repeat(STRIKES, 2)
    is_call = np.tile([True, False], len(STRIKES))
    values = greeks(FORWARD, strike, YEARS, SIGMA, is_call, 1.0)
    oi = np.column_stack([CALL_OI, PUT_OI]).ravel()
    return ExpiryRows(
        strike=strike,
        is_call=is_call,
        mid=values.price,
        gamma=values.gamma,
        oi=oi,
        volume=3.0 * oi,
        forward=FORWARD,
        spot=FORWARD,
    )


def test_the_straddle_at_the_forward_is_the_expected_move() -> None:
    found = chain_metrics(chain())
    at_forward = 2 * float(greeks(FORWARD, FORWARD, YEARS, SIGMA, True, 1.0).price)
    assert found.atm_strike == 25_000.0
    assert found.straddle == pytest.approx(at_forward, rel=0.03)
    assert found.missing == ()


def test_put_call_ratios_are_puts_over_calls() -> None:
    found = chain_metrics(chain())
    assert found.pcr_oi == pytest.approx(250 / 220)
    assert found.pcr_volume == pytest.approx(250 / 220)


def test_walls_are_the_largest_interest_above_for_calls_and_below_for_puts() -> None:
    found = chain_metrics(chain())
    assert found.call_wall is not None and found.put_wall is not None
    assert (found.call_wall.strike, found.call_wall.share) == pytest.approx((25_100.0, 90 / 220))
    assert (found.put_wall.strike, found.put_wall.oi) == pytest.approx((24_900.0, 100.0))
    assert found.wall_distance(25_090.0) == pytest.approx(10 / 25_090)
    assert found.wall_distance(math.nan) is None


def test_max_pain_is_where_holders_are_paid_least() -> None:
    def paid(level: float) -> float:
        return float(np.maximum(level - STRIKES, 0.0) @ CALL_OI + np.maximum(STRIKES - level, 0.0) @ PUT_OI)

    assert max_pain(STRIKES, CALL_OI, PUT_OI) == min(STRIKES.tolist(), key=paid)
    assert max_pain(STRIKES, 0 * CALL_OI, 0 * PUT_OI) is None
    assert max_pain(np.empty(0), np.empty(0), np.empty(0)) is None


def test_gamma_exposure_is_the_rupees_of_delta_that_one_percent_moves() -> None:
    rows = chain()
    found = chain_metrics(rows)
    each = rows.gamma * rows.oi * FORWARD**2 / 100
    assert found.gamma_gross_inr_per_pct == pytest.approx(float(each.sum()))
    net = float(each[rows.is_call].sum() - each[~rows.is_call].sum())
    assert found.gamma_exposure_inr_per_pct == pytest.approx(net)


def test_order_and_doubled_rows_change_nothing_that_counts_a_contract_once() -> None:
    rows = chain()
    order = np.random.default_rng(2).permutation(len(rows.strike))
    columns = ("strike", "is_call", "mid", "gamma", "oi", "volume")
    shuffled = replace(rows, **{name: getattr(rows, name)[order] for name in columns})
    assert chain_metrics(shuffled).max_pain == chain_metrics(rows).max_pain
    assert chain_metrics(shuffled).straddle == chain_metrics(rows).straddle
    twice = replace(
        rows, **{name: np.append(getattr(rows, name), getattr(rows, name)[:1]) for name in columns}
    )
    assert chain_metrics(twice).pcr_oi == chain_metrics(rows).pcr_oi


def test_an_empty_chain_or_one_without_quotes_abstains_figure_by_figure() -> None:
    rows = chain()
    nothing = np.full(len(rows.strike), math.nan)
    unquoted = chain_metrics(replace(rows, mid=nothing, gamma=nothing))
    assert unquoted.straddle is unquoted.gamma_exposure_inr_per_pct is None
    assert unquoted.max_pain is not None
    idle = chain_metrics(replace(rows, oi=0 * rows.oi, volume=0 * rows.volume))
    assert idle.pcr_oi is idle.pcr_volume is idle.max_pain is idle.call_wall is None
    blind = chain_metrics(replace(rows, forward=math.nan))
    assert blind.atm_strike is blind.straddle is blind.call_wall is blind.put_wall is None
    empty = np.empty(0)
    bare = chain_metrics(
        ExpiryRows(
            strike=empty,
            is_call=np.empty(0, dtype=np.bool_),
            mid=empty,
            gamma=empty,
            oi=empty,
            volume=empty,
            forward=FORWARD,
            spot=FORWARD,
        )
    )
    assert bare.missing == (
        "no straddle on both sides of the forward",
        "no calls listed",
        "no puts listed",
        "no gamma where there is open interest",
    )
    assert bare.atm_strike is None


@pytest.mark.parametrize(("is_call", "reason"), [(True, "no puts listed"), (False, "no calls listed")])
def test_an_expiry_that_lists_one_side_has_no_ratio_and_no_max_pain(is_call: bool, reason: str) -> None:
    rows = chain()
    mine = rows.is_call == is_call
    columns = ("strike", "is_call", "mid", "gamma", "oi", "volume")
    found = chain_metrics(replace(rows, **{name: getattr(rows, name)[mine] for name in columns}))
    assert found.pcr_oi is found.pcr_volume is found.max_pain is None
    assert reason in found.missing and not any("interest in calls" in text for text in found.missing)


@pytest.mark.skipif(not REAL.exists(), reason="the recorded day is not beside the project")
def test_on_a_real_snapshot_the_straddle_is_a_plausible_move_of_two_sessions() -> None:
    snapshot = next(iter(real_snapshots(100)))
    rows = snapshot.listing.rows_of(snapshot.listing.expiries[0])
    forward = float(imply_forwards(snapshot.listing, snapshot.bid, snapshot.ask, snapshot.years).forward[0])
    count = rows.stop - rows.start
    found = chain_metrics(
        ExpiryRows(
            strike=snapshot.listing.strike[rows],
            is_call=snapshot.listing.is_call[rows],
            mid=0.5 * (snapshot.bid + snapshot.ask)[rows],
            gamma=np.full(count, math.nan),
            oi=np.zeros(count),
            volume=np.zeros(count),
            forward=forward,
            spot=forward,
        )
    )
    assert found.straddle is not None and 0.004 < found.straddle / forward < 0.02
