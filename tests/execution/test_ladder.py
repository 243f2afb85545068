"""The price ladder: on the tick, inside its bound, from mid to marketable."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import quote, shipped
from volguard.execution.ladder import ladder_price, patience_s, rungs
from volguard.model.instrument import Side
from volguard.model.market import Quote
from volguard.model.order import Purpose, Urgency

TICK = Decimal("0.05")
EXECUTION = shipped().execution


def price(
    touch: Quote,
    side: Side = Side.BUY,
    purpose: Purpose = Purpose.OPEN,
    urgency: Urgency = Urgency.LOW,
    rung: int = 0,
    rung_count: int = 6,
) -> Decimal | None:
    """The price of one rung at the shipped settings."""
    return ladder_price(
        touch,
        side=side,
        purpose=purpose,
        urgency=urgency,
        rung=rung,
        rung_count=rung_count,
        tick=TICK,
        settings=EXECUTION,
    )


def test_an_entry_walks_from_mid_to_the_touch_and_ends_at_its_bound() -> None:
    """Six rungs between 99 and 101: mid first, the ask towards the end, 2 % beyond mid at the last."""
    bought = [price(quote("99.00", "101.00"), rung=rung) for rung in range(6)]
    assert bought == [Decimal(p) for p in ("100.00", "100.20", "100.40", "100.60", "100.80", "102.00")]
    sold = [price(quote("99.00", "101.00"), side=Side.SELL, rung=rung) for rung in range(6)]
    assert sold == [Decimal(p) for p in ("100.00", "99.80", "99.60", "99.40", "99.20", "98.00")]


def test_one_rung_is_marketable_at_once() -> None:
    """Where snapshots are rare there is time for a single price: the bound."""
    assert price(quote("99.00", "101.00"), rung_count=1) == Decimal("102.00")


@pytest.mark.parametrize("purpose", list(Purpose))
@pytest.mark.parametrize("side", list(Side))
def test_a_one_sided_quote_carries_no_entry(purpose: Purpose, side: Side) -> None:
    """Without a mid an exit may still take the side that it needs; nothing is priced without that side."""
    only_ask, only_bid = quote(None, "101.00"), quote("99.00", None)
    needed, other = (only_ask, only_bid) if side is Side.BUY else (only_bid, only_ask)
    assert price(other, side=side, purpose=purpose) is None
    touch = Decimal("101.00") if side is Side.BUY else Decimal("99.00")
    assert price(needed, side=side, purpose=purpose) == (touch if purpose is Purpose.CLOSE else None)
    assert price(quote(None, None), side=side, purpose=purpose) is None


def test_high_urgency_widens_rung_by_rung_up_to_the_band() -> None:
    """A stop starts 5 % beyond mid and doubles until the exchange's 40 %, never a naked market order."""
    seen = [
        price(quote("99.00", "101.00"), purpose=Purpose.CLOSE, urgency=Urgency.HIGH, rung=rung, rung_count=1)
        for rung in range(6)
    ]
    assert seen == [Decimal(p) for p in ("105.00", "110.00", "120.00", "140.00", "140.00", "140.00")]


def test_below_fifty_rupees_the_band_is_twenty_rupees() -> None:
    """The exchange's limit-price protection of cheap options is a sum, not a share."""
    far = price(quote("9.90", "10.10"), purpose=Purpose.CLOSE, urgency=Urgency.HIGH, rung=30, rung_count=1)
    assert far == Decimal("30.00")


@pytest.mark.parametrize("side", list(Side))
def test_an_exit_that_nobody_fills_for_hours_is_still_priced(side: Side) -> None:
    """Thousands of rungs later the price is at the band; arithmetic does not overflow."""
    stuck = price(quote("99.00", "101.00"), side, Purpose.CLOSE, Urgency.HIGH, rung=5_000, rung_count=1)
    assert stuck == (Decimal("140.00") if side is Side.BUY else Decimal("60.00"))


TICKS = st.integers(1, 40_000)


@settings(derandomize=True, max_examples=500, deadline=None)
@given(
    bid=TICKS,
    width=st.integers(0, 400),
    side=st.sampled_from(list(Side)),
    purpose=st.sampled_from(list(Purpose)),
    urgency=st.sampled_from(list(Urgency)),
    rung=st.integers(0, 20),
    rung_count=st.integers(1, 12),
)
def test_every_price_is_on_the_tick_and_inside_its_bound(
    bid: int, width: int, side: Side, purpose: Purpose, urgency: Urgency, rung: int, rung_count: int
) -> None:
    """For any two-sided quote: a positive multiple of the tick, no further from mid than the bound."""
    touch = quote(str(bid * TICK), str((bid + width) * TICK))
    got = price(touch, side, purpose, urgency, rung, rung_count)
    assert got is not None and got > 0 and got % TICK == 0
    mid = (2 * bid + width) * 0.025
    if purpose is Purpose.OPEN:
        bound = max(0.02 * mid, 0.10)
    elif urgency is Urgency.HIGH:
        bound = min(max(0.05 * mid, 0.10) * 2.0**rung, 20.0 if mid <= 50.0 else 0.4 * mid)
    else:
        bound = max(0.05 * mid, 0.10)
    beyond = side.sign * (float(got) - mid)
    assert beyond <= bound + 1e-9 or got == TICK


@settings(derandomize=True, max_examples=200, deadline=None)
@given(bid=st.integers(100, 4_000), width=st.integers(0, 100), side=st.sampled_from(list(Side)))
def test_each_rung_is_at_least_as_eager_as_the_one_before(bid: int, width: int, side: Side) -> None:
    """A ladder climbs: a buy never asks for less at a later rung, a sell never for more."""
    for purpose, urgency, count in (
        (Purpose.OPEN, Urgency.LOW, 6),
        (Purpose.CLOSE, Urgency.MEDIUM, 4),
        (Purpose.CLOSE, Urgency.HIGH, 1),
    ):
        touch = quote(str(bid * TICK), str((bid + width) * TICK))
        seen = [price(touch, side, purpose, urgency, rung, count) for rung in range(8)]
        eager = [side.sign * float(p) for p in seen if p is not None]
        assert len(eager) == 8 and eager == sorted(eager)


@pytest.mark.parametrize(
    ("urgency", "cadence_s", "patience", "count"),
    [
        (Urgency.LOW, 3.0, 10.0, 6),
        (Urgency.MEDIUM, 3.0, 3.0, 20),
        (Urgency.HIGH, 3.0, 3.0, 1),
        (Urgency.LOW, 15.0, 15.0, 4),
        (Urgency.LOW, 75.0, 75.0, 1),
        (Urgency.HIGH, 0.5, 1.0, 1),
    ],
)
def test_patience_is_at_least_one_snapshot(
    urgency: Urgency, cadence_s: float, patience: float, count: int
) -> None:
    """Waiting less than the source's cadence would expire unseen; as many rungs as fit the time-out."""
    assert patience_s(urgency, cadence_s, EXECUTION) == patience
    assert rungs(urgency, cadence_s, EXECUTION) == count
    assert math.isfinite(patience)
