"""Screens: what a person is told, at 80 columns, without colour, whatever is missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest
from rich.console import Console

from tests.adapters.approval_samples import TEN, asking, card, empty_status
from volguard.adapters.approval_card import proposal_line
from volguard.adapters.figure_text import amount_text, number_text, percent_text
from volguard.adapters.terminal import LiveScreen, PlainLines, ProgressScreen, new_alerts
from volguard.adapters.terminal_frame import frame
from volguard.model.decision import SafetyLevel, TradingState
from volguard.model.status import LimitBar, PositionLine, StatusView


def busy_status() -> StatusView:
    """A session in the afternoon with a spread, one of whose legs nobody quotes."""
    lines = ("10:00:00 WAIT WEEKLY iv_low: weekly ATM IV 9.31 % [forecast 10.84 %]",)
    return replace(
        empty_status(),
        trading_state=TradingState.ACTIVE,
        reference_level=24431.2,
        reference_origin="parity 2025-09-02",
        vix=0.1187,
        vix_origin="source",
        data_quality=0.84,
        quote_flags={"no_bid": 210, "wide": 44, "crossed": 0},
        snapshots=180,
        decisions=412,
        pnl_net_inr="-112345.60",
        charges_inr="97.27",
        positions=(
            PositionLine(
                trade_id="T1", symbol="NIFTY 2025-09-02 24300 PE", quantity=-75, entry_price="21.35",
                mark_price="15.20", pnl_inr="461.25", delta=12.4, vega_per_pt=-310.2, theta_per_day=420.9,
            ),
            PositionLine(
                trade_id="T1", symbol="NIFTY 2025-09-02 24200 PE", quantity=75, entry_price="8.10",
                mark_price=None, pnl_inr=None, delta=None, vega_per_pt=None, theta_per_day=None,
            ),
        ),
        greeks={"delta": 12.4, "gamma": -0.0213, "vega_per_pt": -310.2, "theta_per_day": 420.9},
        limits=(
            LimitBar(name="open risk", value=41000.0, limit=100000.0, unit="INR"),
            LimitBar(name="vega a point", value=4500.0, limit=5000.0, unit="INR"),
            LimitBar(name="day's loss, soft stop", value=112345.6, limit=40000.0, unit="INR"),
        ),
        buckets=(
            {"name": "WEEKLY", "capital_inr": "800000.00", "used_inr": "5420.00", "open_trades": 1},
        ),
        open_orders=("BUY 75 NIFTY 2025-09-02 24200 PE at 8.15 OPEN",),
        last_decisions=lines,
        new_decisions=lines,
        alerts=("warning feed_gap: no data for 1150 s",),
        progress=0.61,
    )  # fmt: skip


def screen_text(status: StatusView, width: int) -> str:
    console = Console(width=width, record=True, file=StringIO(), color_system=None)
    console.print(frame(status, width=width))
    return console.export_text()


@pytest.mark.parametrize("width", [40, 80, 164, 200])
def test_frame_fits_its_width(width: int) -> None:
    """No line of the screen is longer than the terminal, however narrow or wide."""
    for status in (empty_status(), busy_status()):
        assert max(len(line.rstrip()) for line in screen_text(status, width).splitlines()) <= width


def test_frame_says_everything_without_colour() -> None:
    """Phase, states, level, quality, P&L, limits and reasons are told in words at 80 columns."""
    text = screen_text(busy_status(), 80)
    for words in (
        "phase SHADOW effective SHADOW", "trading ACTIVE", "safety NORMAL", "replay nifty_chain_2025-08-29",
        "NIFTY 24,431.20 parity 2025-09-02", "VIX 11.9 % source", "quality 0.84", "no_bid 210, wide 44",
        "net P&L \u22121,12,345.60 INR", "2025-09-02 24300 PE", "\u221275", "no quote", "+461.25",
        "gamma \u22120.0213", "41,000 of 1,00,000 INR", "90 %", "near", "281 %", "BREACHED", "8,00,000.00",
        "WAIT WEEKLY iv_low: weekly ATM IV 9.31 % [forecast 10.84 %]", "BUY 75 NIFTY 2025-09-02 24200 PE",
        "! warning feed_gap", "61 % done",
    ):  # fmt: skip
        assert words in text
    assert "crossed" not in text


def test_frame_says_what_is_missing() -> None:
    """A figure that is not known reads n/a; an unknown limit never looks like an empty bar."""
    text = screen_text(empty_status(), 80)
    for words in ("NIFTY n/a not available", "VIX n/a", "net P&L n/a", "flat", "none yet", "no quote flags"):
        assert words in text
    assert "?" * 16 in text


def test_live_screen_restores_the_terminal() -> None:
    """The alternate screen is entered once and left on close, with the cursor shown again."""
    out = StringIO()
    console = Console(file=out, force_terminal=True, width=80, height=24, color_system=None)
    screen = LiveScreen(console)
    screen.show(busy_status())
    screen.close()
    screen.close()
    written = out.getvalue()
    assert written.count("\x1b[?1049h") == written.count("\x1b[?1049l") == 1
    assert written.rfind("\x1b[?25h") > written.rfind("\x1b[?25l")
    assert "phase SHADOW" in written


def test_live_screen_says_which_proposal_a_frame_shows_once_it_is_written() -> None:
    """At once when a proposal comes, before the screen's own pace; of frames without one it says nothing."""
    out = StringIO()
    console = Console(file=out, force_terminal=True, width=80, height=24, color_system=None)
    heard: list[tuple[str, bool]] = []
    screen = LiveScreen(console, None, lambda name: heard.append((name, f" {name} WEEKLY" in out.getvalue())))
    screen.show(asking())
    assert heard == []
    screen.show(asking(card("P007", "d7")))
    assert heard[0] == ("P007", True)
    screen.close()


def test_progress_screen_shows_share_and_figures() -> None:
    """At full speed one bar tells share done, snapshots, decisions and P&L; alerts stand above it."""
    out = StringIO()
    screen = ProgressScreen(Console(file=out, force_terminal=True, width=110, color_system=None))
    screen.show(empty_status())
    screen.show(busy_status())
    screen.close()
    written = out.getvalue()
    assert "180 snapshots, 412 decisions, P&L \u22121,12,345.60" in written
    assert "61%" in written
    assert "10:00:00 warning feed_gap: no data for 1150 s" in written


def told(*statuses: StatusView) -> list[str]:
    stream = StringIO()
    log = PlainLines(stream)
    for status in statuses:
        log.show(status)
    log.close()
    return stream.getvalue().splitlines()


def deciding(minute: int, *heads: str) -> StatusView:
    ts = TEN + timedelta(minutes=minute)
    lines = tuple(f"{ts:%H:%M:%S} {head}: figure {minute}" for head in heads)
    return replace(empty_status(), ts=ts, new_decisions=lines)


def test_repeated_waits_are_said_once_with_their_count() -> None:
    """The same word of a bucket is printed once; the repeats are counted when it changes or at the end."""
    weekly, monthly = "WAIT WEEKLY iv_low", "WAIT MONTHLY entry_window"
    lines = told(*(deciding(m, weekly, monthly) for m in range(5)), deciding(5, "ENTER WEEKLY T1 approved"))
    assert lines[1:] == [
        f"10:00:00 {weekly}: figure 0",
        f"10:00:00 {monthly}: figure 0",
        f"         {weekly}: said 4 more times",
        "10:05:00 ENTER WEEKLY T1 approved: figure 5",
        f"         {monthly}: said 4 more times",
    ]


def test_changes_of_state_and_alerts_are_lines() -> None:
    """Each change of phase, trading state or safety level, and each new alert, is one line."""
    halted = replace(
        empty_status(),
        trading_state=TradingState.HALTED,
        safety_level=SafetyLevel.HALTED,
        alerts=("critical hard_stop: loss was 61200, limit 60000", "warning soft_stop: loss was 41000"),
    )
    lines = told(empty_status(), halted, halted)
    assert lines == [
        "10:00:00 session replay-2025-08-29-1 replay nifty_chain_2025-08-29.parquet: "
        "SHADOW as SHADOW, BOOTING, safety NORMAL",
        "10:00:00 state SHADOW as SHADOW, BOOTING, safety NORMAL -> SHADOW as SHADOW, HALTED, safety HALTED",
        "10:00:00 ALERT warning soft_stop: loss was 41000",
        "10:00:00 ALERT critical hard_stop: loss was 61200, limit 60000",
    ]


def test_proposals_are_lines_as_they_come_and_go() -> None:
    """A log tells each proposal once with its legs and money, and once that it waits no more."""
    asks = asking(card())
    gone = asking(card("P002", "d2"), after_s=20.0, alerts=("10:00:20 P001 REJECTED: too early",))
    lines = told(empty_status(), asks, asks, gone, asking(after_s=60.0, alerts=gone.alerts))
    assert lines[1:] == [
        f"10:00:00 PROPOSAL {proposal_line(card())}",
        "10:00:20 ALERT 10:00:20 P001 REJECTED: too early",
        "10:00:20 PROPOSAL P001 waits no more",
        f"10:00:20 PROPOSAL {proposal_line(card('P002', 'd2'))}",
        "10:01:00 PROPOSAL P002 waits no more",
    ]


def test_where_nobody_is_asked_the_screen_shows_the_card_all_the_same() -> None:
    """Unattended at a terminal the card is seen with its countdown, and that nobody is asked."""
    out = StringIO()
    screen = LiveScreen(Console(file=out, force_terminal=True, width=80, height=24, color_system=None))
    screen.show(asking(card(), after_s=10.0))
    screen.close()
    for words in ("P001 WEEKLY iron condor", "50 s left", "nobody is asked: it will expire"):
        assert words in out.getvalue()


@pytest.mark.parametrize(
    ("before", "now", "fresh"),
    [
        ((), ("a",), ("a",)),
        (("a",), ("a",), ()),
        (("a",), ("a", "a"), ("a",)),
        (("c", "b", "a"), ("d", "c", "b"), ("d",)),
        (("a",), ("z", "y"), ("z", "y")),
    ],
)
def test_only_new_alerts_are_told(
    before: tuple[str, ...], now: tuple[str, ...], fresh: tuple[str, ...]
) -> None:
    """An alert is told once, also when the oldest ones have fallen off the list."""
    assert new_alerts(before, now) == fresh


def test_amounts_are_grouped_by_lakh() -> None:
    """Rupees read as on an Indian desk; zero has no sign, what is absent says so."""
    assert amount_text("-12345678.50") == "\u22121,23,45,678.50"
    assert amount_text("999.00", is_signed=True) == "+999.00"
    assert amount_text("-0.00", is_signed=True) == "0.00"
    assert amount_text(None) == number_text(float("nan")) == percent_text(None) == "n/a"
    assert percent_text(0.0912) == "9.1 %"
    assert number_text(-0.00001, 2) == "0.00"
