"""What a bucket may still put at risk: the least of all caps, from the book alone."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import CONDOR, EXPIRY, TS, shipped
from volguard.model.book import Book, Bucket, StructureKind, Trade, TradeState
from volguard.risk.buckets import bucket_capital_inr, budget_of, open_risk_inr

ACCOUNT = Decimal(2_000_000)
LIMITS = shipped().limits
WEEKLY = shipped().bucket_limits["weekly"]  # 40 %: 8,00,000; a trade 20,000; open 40,000


def trade(reserved: int, bucket: Bucket = Bucket.WEEKLY, state: TradeState = TradeState.OPEN) -> Trade:
    """A trade that reserved so many rupees."""
    return Trade(
        trade_id="T001",
        bucket=bucket,
        structure=StructureKind.IRON_CONDOR,
        legs=CONDOR,
        lots=1,
        lot_size=65,
        state=state,
        proposed_at=TS,
        credit_per_unit=20.0,
        max_loss_inr=Decimal(reserved),
        reserved_inr=Decimal(reserved),
    )


def risk_left(*trades: Trade, **changes: object) -> Decimal:
    """Rupees that one more weekly trade may risk."""
    limits = replace(WEEKLY, **changes)
    budget = budget_of(
        Book(trades=trades), Bucket.WEEKLY, account_inr=ACCOUNT, bucket_limits=limits, limits=LIMITS
    )
    return budget.trade_risk_max_inr


def test_an_empty_bucket_may_risk_one_trade() -> None:
    """2.5 % of 40 % of 20 lakh."""
    assert bucket_capital_inr(ACCOUNT, WEEKLY) == Decimal("800000.00")
    assert risk_left() == Decimal("20000.00")


def test_a_preset_in_rupees_binds_when_it_is_lower() -> None:
    """`cautious` caps a trade in rupees; 0 means that the share alone decides."""
    assert risk_left(trade_risk_inr_max=Decimal(8000)) == Decimal("8000.00")
    assert risk_left(trade_risk_inr_max=Decimal(90000)) == Decimal("20000.00")
    assert risk_left(trade_risk_inr_max=Decimal(0)) == Decimal("20000.00")


def test_open_risk_of_the_bucket_binds() -> None:
    """5 % of the bucket over all its live trades."""
    assert risk_left(trade(19000), trade(15000)) == Decimal("6000.00")
    assert risk_left(trade(40000)) == 0
    assert risk_left(trade(41000)) == 0  # never below nothing


def test_open_risk_of_the_account_binds_across_buckets() -> None:
    """5 % of the account is 1,00,000, whoever took it."""
    assert risk_left(trade(95000, Bucket.MONTHLY)) == Decimal("5000.00")


def test_capital_in_use_binds_when_open_risk_may_be_all_of_it() -> None:
    """No trade risks more than what is left of its bucket."""
    book = Book(trades=(trade(790_000),))
    budget = budget_of(
        book,
        Bucket.WEEKLY,
        account_inr=ACCOUNT,
        bucket_limits=replace(WEEKLY, open_risk_share_max=1.0, trade_risk_share_max=1.0),
        limits=replace(LIMITS, open_risk_share_max=1.0),
    )
    assert budget.trade_risk_max_inr == budget.capital_free_inr == Decimal(10_000)


@pytest.mark.parametrize("state", list(TradeState))
def test_only_live_trades_hold_a_reserve(state: TradeState) -> None:
    """A reserve is made with the decision and released on exit."""
    budget = budget_of(
        Book(trades=(trade(15000, state=state),)),
        Bucket.WEEKLY,
        account_inr=ACCOUNT,
        bucket_limits=WEEKLY,
        limits=LIMITS,
    )
    live = state in (TradeState.OPENING, TradeState.OPEN, TradeState.CLOSING)
    assert budget.capital_free_inr == Decimal(800000 - 15000 * live)
    assert budget.open_trades == int(live)
    assert budget.held == (((EXPIRY, StructureKind.IRON_CONDOR),) if live else ())


@settings(derandomize=True, max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60_000), st.sampled_from(list(Bucket)[:2])), max_size=5))
def test_a_budget_spent_whole_passes_no_limit(held: list[tuple[int, Bucket]]) -> None:
    """Whatever is held, a trade of the whole budget keeps bucket and account inside their open risk."""
    trades = tuple(trade(reserved, bucket) for reserved, bucket in held)
    left = risk_left(*trades)
    mine = tuple(t for t in trades if t.bucket is Bucket.WEEKLY)
    assert 0 <= left <= 20000
    if left:
        assert open_risk_inr(mine) + left <= 40000
        assert open_risk_inr(trades) + left <= 100000


def test_what_is_left_of_a_condor_keeps_the_place_of_both() -> None:
    """As the spread that it is, and as the condor that it was a side of."""
    rest = replace(trade(9000), structure=StructureKind.BEAR_CALL_SPREAD, part_of=StructureKind.IRON_CONDOR)
    budget = budget_of(
        Book(trades=(rest,)), Bucket.WEEKLY, account_inr=ACCOUNT, bucket_limits=WEEKLY, limits=LIMITS
    )
    assert budget.held == (
        (EXPIRY, StructureKind.BEAR_CALL_SPREAD),
        (EXPIRY, StructureKind.IRON_CONDOR),
    )
    assert budget.open_trades == 1
