"""The day of expiry is short: nothing new, no help from later expiries, flat before the closing auction."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time

import pytest

from tests.chains import (
    LOT,
    MONTHLY,
    WEEKLY,
    at,
    call,
    flat_vol_snapshot,
    shipped_bucket,
    shipped_policy,
    shipped_rules,
    view_of,
)
from tests.strategy.scenes import calm_view
from tests.strategy.test_manage import inputs, make_trade
from volguard.measure.book_risk import MarginInputs, book_margin
from volguard.measure.margin import Margin
from volguard.model.book import Position
from volguard.strategy.manage import deadline_of, exit_signals
from volguard.strategy.select import choose_expiry

TODAY = date(2026, 9, 22)  # a Tuesday: NIFTY expires, the index is in its closing auction from 15:15
SOLD_AT = at("2026-09-17 11:00")
CALENDAR = shipped_rules().calendar
BUCKETS = ("weekly", "monthly", "intraday")
LATE = time(15, 39)


def due(name: str, *, expiry: date = TODAY, flat_at: time | None = None, **changes: object) -> datetime:
    """When a trade is out that only its day of expiry ends."""
    values: dict[str, object] = {"exit_sessions_before": 0, "exit_days_before": 0, "exit_at": LATE}
    bucket = replace(shipped_bucket(name), **values | changes)  # type: ignore[arg-type]
    policy = shipped_policy()
    if flat_at is not None:
        policy = replace(policy, expiry_day_flat_at=flat_at)
    proposed = SOLD_AT.replace(day=expiry.day) if bucket.is_same_day else SOLD_AT
    return deadline_of(expiry, proposed, bucket, policy, CALENDAR)


@pytest.mark.parametrize("name", BUCKETS)
def test_every_bucket_is_flat_before_the_closing_auction(name: str) -> None:
    """At half past two as shipped, whatever the bucket's own hour."""
    session = CALENDAR.session(TODAY)
    assert session is not None and session.closing_auction_from is not None
    assert due(name) == at("2026-09-22 14:30") < session.closing_auction_from
    assert due(name, exit_at=time(11, 0)) == at("2026-09-22 11:00")


@pytest.mark.parametrize("name", BUCKETS)
def test_no_setting_holds_a_trade_into_the_auction(name: str) -> None:
    """A quarter of an hour before it at the latest; before the close where a day has no auction."""
    assert due(name, flat_at=LATE) == at("2026-09-22 15:00")
    if name != "intraday":
        old = replace(make_trade(), proposed_at=at("2025-09-03 11:00"))
        bucket = replace(shipped_bucket(name), exit_sessions_before=0, exit_days_before=0, exit_at=LATE)
        policy = replace(shipped_policy(), expiry_day_flat_at=LATE)
        ends = deadline_of(WEEKLY, old.proposed_at, bucket, policy, CALENDAR)
        assert ends == at("2025-09-09 15:15")


def test_the_rule_of_the_day_does_not_wait_for_a_later_setting() -> None:
    """It asks without patience a quarter of an hour before the end of the day."""
    policy = replace(shipped_policy(), expiry_day_flat_at=LATE)
    patient = replace(shipped_bucket("weekly"), exit_sessions_before=0, exit_at=LATE)

    def rules(text: str) -> list[str]:
        found = inputs(
            now=at(text), session_open=at("2025-09-09 09:15"), policy=policy, bucket_policy=patient
        )
        return [signal.rule for signal in exit_signals(found)]

    assert "expiry" not in rules("2025-09-09 15:14:59") and "expiry" in rules("2025-09-09 15:15:00")


def test_the_rule_asks_no_calendar_before_the_day() -> None:
    """A trade of an expiry that the calendar does not reach yet is looked at like any other."""
    far = date(2031, 1, 7)
    trade = make_trade(expiry=far)
    weekly = replace(shipped_bucket("weekly"), is_same_day=True)
    assert exit_signals(inputs(trade=trade, view=calm_view(), bucket_policy=weekly)) == ()


@pytest.mark.parametrize("name", ["weekly", "monthly"])
def test_what_expires_today_is_not_opened(name: str) -> None:
    """Nor what expires tomorrow."""
    bucket = shipped_bucket(name)
    for day in (TODAY, date(2026, 9, 21)):
        assert choose_expiry(((TODAY, True),), day, bucket, frozenset()) is None


def margin_inr(day: str, *positions: Position) -> float:
    view = view_of(flat_vol_snapshot(at(f"{day} 10:00")))
    found = book_margin(
        view,
        positions,
        MarginInputs(
            rules=shipped_rules().margin,
            trade_date=view.ts.date(),
            previous_close=24_800.0,
            sigma_daily=0.008,
        ),
    )
    assert isinstance(found, Margin)
    return found.span_inr


def test_a_later_option_lowers_no_margin_on_the_day_of_expiry() -> None:
    """The day before it does."""
    short = Position(contract=call(24_800), quantity=-LOT)
    later = Position(contract=call(24_800, MONTHLY), quantity=LOT)
    assert margin_inr("2025-09-08", short, later) < margin_inr("2025-09-08", short)
    alone = margin_inr("2025-09-09", short)
    assert margin_inr("2025-09-09", short, later) == pytest.approx(alone, rel=1e-6)
