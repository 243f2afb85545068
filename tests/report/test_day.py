"""The day's figures: money adds up to the paisa, nothing missing is guessed, every no is counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.report.conftest import LEGS, at, book_of, condor, day_inputs, fill, refused, wait
from volguard.model.book import Book, Bucket, TradeState
from volguard.model.event import FeedGap
from volguard.model.instrument import Side
from volguard.report.day import DayInputs, build_day

MakeDay = Callable[..., DayInputs]
CLOSING = ("5.00", "11.00", "30.00", "12.00")


def test_an_open_trade_is_worth_what_closing_it_would_fetch(make_day: MakeDay) -> None:
    """Unrealised P&L takes longs at the bid and shorts at the ask, leg by leg."""
    report = build_day(make_day())
    by_hand = 75 * (Decimal("6.05") - Decimal("8.10") + Decimal("21.35") - Decimal("15.20")
                    + Decimal("26.40") - Decimal("19.95") + Decimal("6.40") - Decimal("9.65"))  # fmt: skip
    assert report.money.realised == 0
    assert report.money.unrealised == by_hand == sum(p.unrealised_inr or 0 for p in report.positions)
    assert [p.entry_price for p in report.positions] == [
        Decimal("8.10"), Decimal("21.35"), Decimal("26.40"), Decimal("9.65")
    ]  # fmt: skip
    assert report.money.charges == Decimal("97.27")  # 4 x 24.318271, rounded once


def test_a_closed_trade_is_realised_and_has_an_exit(make_day: MakeDay) -> None:
    """Once flat, the trade's gross is its cash, its exit is dated and nothing is held."""
    report = build_day(make_day(book=book_of(condor(closing=CLOSING)), marks={}))
    (trade,) = report.trades
    assert report.positions == () and report.missing_marks == ()
    assert trade.exit_ts == at(13, 40, 3)
    assert trade.entry_cash_inr == Decimal("2250.00")
    assert trade.gross_inr == report.money.realised == report.money.gross == Decimal("450.00")
    assert trade.net_inr == report.money.net == Decimal("450.00") - Decimal("194.55")
    assert trade.legs[0].exit_price == Decimal("5.00")


def test_a_missing_mark_leaves_the_result_untold(make_day: MakeDay) -> None:
    """A held leg that nobody quotes makes unrealised, gross and net None, and is named."""
    marks = {**make_day().marks, LEGS[1].contract: None}
    report = build_day(make_day(marks=marks))
    assert report.missing_marks == (LEGS[1].contract,)
    assert report.money.unrealised is report.money.gross is report.money.net is None
    assert report.trades[0].gross_inr is report.trades[0].net_inr is None
    assert report.positions[0].unrealised_inr == Decimal("-153.75")
    assert report.money.charges == Decimal("97.27")


def test_a_trade_abandoned_before_any_fill_costs_nothing(make_day: MakeDay) -> None:
    """No fill: no entry, no exit, no charges, gross zero."""
    trade = replace(condor(), fills=(), state=TradeState.ABANDONED, opened_at=None)
    (result,) = build_day(make_day(book=Book(trades=(trade,)))).trades
    assert result.entry_ts is None and result.exit_ts is None
    assert result.gross_inr == result.net_inr == 0
    assert result.legs[0].entry_price is None


def test_refusals_count_waits_and_breached_rules(make_day: MakeDay) -> None:
    """A WAIT or REFUSED counts under its reason; a REFUSED counts each breached rule too."""
    report = build_day(make_day())
    assert report.refusals == {"no_forecast_edge": 43, "outside_entry_window": 12, "risk_review": 4}
    assert report.refusals_by_rule == {"bucket_open_risk": 4, "data_quality": 4}
    (open_risk, _) = report.rule_hits
    assert (open_risk.latest.value, open_risk.latest.limit) == (41200.0, 40000.0)


def test_repeated_decisions_are_one_stretch_per_bucket(make_day: MakeDay) -> None:
    """Interleaved buckets do not break each other's stretches; another reason does."""
    decisions = (
        wait(at(10, 0)), wait(at(10, 0), bucket=Bucket.MONTHLY), wait(at(10, 1)),
        wait(at(10, 1), bucket=Bucket.MONTHLY), wait(at(10, 2), "cool_down"), refused(at(10, 2)),
    )  # fmt: skip
    stretches = build_day(make_day(decisions=decisions)).stretches
    assert [(one.last.bucket, one.last.reason, one.count) for one in stretches] == [
        (Bucket.WEEKLY, "no_forecast_edge", 2),
        (Bucket.MONTHLY, "no_forecast_edge", 2),
        (Bucket.WEEKLY, "cool_down", 1),
        (Bucket.MONTHLY, "risk_review", 1),
    ]


def test_a_hole_is_told_once_from_last_to_next_snapshot(make_day: MakeDay) -> None:
    """The feed's alarm and the first snapshot after the hole speak of one hole."""
    report = build_day(make_day())
    assert [(hole.start, hole.end, hole.seconds) for hole in report.holes] == [
        (at(11, 33, 50), at(11, 53, 0), 1150.0)
    ]


def test_a_hole_at_the_end_lasts_until_it_was_noticed(make_day: MakeDay) -> None:
    """Where no snapshot came any more, the hole ends with the alarm."""
    gap = FeedGap(ts=at(15, 29), last_ts=at(15, 20), limit_s=180.0)
    (hole,) = build_day(make_day(seen=(), gaps=(gap,))).holes
    assert (hole.start, hole.end) == (at(15, 20), at(15, 29))


def test_step_times_are_measured_ones(make_day: MakeDay) -> None:
    """p99 by nearest rank; none measured: none told."""
    times = build_day(make_day(step_ms=tuple(float(i) for i in range(1, 201)))).step_ms
    assert times is not None
    assert (times.median, times.p99, times.max) == (100.5, 198.0, 200.0)
    assert build_day(make_day(step_ms=())).step_ms is None


prices = st.decimals(min_value="0.05", max_value="900", places=2)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(
    moves=st.lists(
        st.tuples(st.sampled_from(LEGS[:2]), st.sampled_from(Side), prices, st.integers(1, 7)), max_size=12
    ),
    marks=st.tuples(prices, prices),
)
def test_realised_and_unrealised_always_add_up(
    moves: list[tuple[object, Side, Decimal, int]], marks: tuple[Decimal, Decimal]
) -> None:
    """Whatever was traded, gross is the cash plus what is held at its mark, to the paisa."""
    fills = tuple(
        fill(f"x{i}", leg, side, str(price), at(10, 0, i), quantity=75 * lots)  # type: ignore[arg-type]
        for i, (leg, side, price, lots) in enumerate(moves)
    )
    book = Book(trades=(replace(condor(), fills=fills),))
    closing = {leg.contract: mark for leg, mark in zip(LEGS[:2], marks, strict=True)}
    report = build_day(day_inputs(book=book, marks=closing))
    cash = sum((one.cash_inr for one in fills), Decimal(0))
    held = sum((p.quantity * closing[p.contract] for p in book.positions), Decimal(0))
    assert report.money.gross == cash + held == report.trades[0].gross_inr
    assert report.money.net == cash + held - report.money.charges
