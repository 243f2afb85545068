"""The card of a proposal: what a person must know before a yes, on a small terminal and on a large one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from rich.console import Console

from tests.adapters.approval_samples import FIGURES, TEN, card, unknown_card
from volguard.adapters.approval_answer import HELP_LINES, PromptView
from volguard.adapters.approval_card import Room, card_screen, fits, left_s, proposal_line
from volguard.adapters.approval_sketch import reaching, sketch
from volguard.model.proposal import ProposalCard
from volguard.model.signal import Signal

CHOICE = "a approve   f fewer lots   r reject   d detail   ? help"
SMALL, TALL, WIDE = Room(width=80, height=24), Room(width=80, height=50), Room(width=140, height=40)


def shown(
    of: ProposalCard, room: Room, *, page: int = 0, is_help: bool = False, notice: str = "", **words: object
) -> list[str]:
    prompt = PromptView(line=CHOICE, notice=notice, page=page, is_help=is_help)
    asked = {"pending": 1, "alert": "", "now": TEN + timedelta(seconds=15), "prompt": prompt} | words
    console = Console(width=room.width, height=room.height, record=True, file=StringIO(), color_system=None)
    console.print(card_screen(of, room=room, **asked))  # type: ignore[arg-type]
    return console.export_text().splitlines()


@pytest.mark.parametrize("room", [SMALL, TALL, Room(width=120, height=24), WIDE], ids=str)
def test_all_that_a_decision_needs_is_on_one_screen(room: Room) -> None:
    """Legs, credit, loss, costs, margins, EV, worst cell, Greeks, flat now, reasons: in words, no colour."""
    lines = shown(card(), room)
    text = "\n".join(lines)
    for words in (
        "P001 WEEKLY iron condor 02 Sep 2025, 3 lots of 75", "45 s left",
        "BUY  02 Sep 25 24000 PE", "SELL 02 Sep 25 24700 CE", "21.05", "21.30", "12.3 %", "+0.187",
        "credit 5,782.50 (25.70 a unit)", "max loss 39,217.50", "costs 402.11",
        "our SPAN-style 1,87,250.40", "broker's own not available", "book 1,90,400", "EV under P, INR +338",
        "forecast +1 pt \u221290", "P(profit) 71.2 %", "spot -20 %, volatility +10 points: -30,450",
        "stressed loss, book after 30,450", "near cells 12,100", "flat now 512.25 rupees, 4 orders, 61.0 s",
        "delta 1 % +120 \u2192 \u2212310", "gamma 1 % 0 \u2192 \u22121,210", "vega/pt 0 \u2192 \u2212845",
        "theta/day 0 \u2192 +910", "regime NEUTRAL", "signal SELL_FULL", "quality 0.97",
        "implied 12.3 %, forecast 10.1 %", "[b]rich[/b]", "advisor not available",
        "^ level 24,431", "B breakeven 24,174, 24,726", CHOICE,
    ):  # fmt: skip
        assert words in text, words
    assert len(lines) <= room.height
    assert max(len(line) for line in lines) <= room.width
    assert lines[-1] == f"> {CHOICE}"


def test_what_is_not_known_says_so() -> None:
    """A figure that nobody could measure reads n/a and never looks like a zero."""
    text = "\n".join(shown(unknown_card(), SMALL))
    for words in (
        "our SPAN-style n/a", "EV under P, INR n/a", "worst cell n/a", "flat now n/a", "level n/a",
        "delta 1 % n/a \u2192 n/a", "why n/a", "advisor not available", "regime n/a", "quality n/a",
    ):  # fmt: skip
        assert words in text, words


def test_the_brokers_own_margin_and_the_advisors_word_have_their_place() -> None:
    """Where the broker named his margin and the advisor spoke, both are told beside our own figures."""
    figures = {**FIGURES, "advisor": "agrees: premium is rich"}
    told = replace(card(), figures=figures, margin_broker_inr=Decimal("201000.00"))
    text = "\n".join(shown(told, SMALL))
    assert "broker's own 2,01,000.00" in text
    assert "advisor agrees: premium is rich" in text
    silent = replace(card(), margin_broker_missing="not asked (paper)")
    text = "\n".join(shown(silent, SMALL))
    assert "broker's own not asked (paper)" in text
    assert "advisor not available (no advisor is configured)" in text


def test_the_countdown_is_of_event_time() -> None:
    """Seconds are counted from the session's own time, rounded up, and stop at nought."""
    of = card()
    assert [left_s(of, TEN + timedelta(seconds=s)) for s in (0, 0.5, 59.2, 60, 90)] == [60, 60, 1, 0, 0]


def test_detail_begins_with_what_each_signal_says_or_why_it_abstains() -> None:
    """Each with figure, age and confidence, before the figures of the choice."""
    signals = (
        Signal(
            name="iv_rank", value=70.0, says="HIGH", text="70 between 9% and 14%", age_s=3.0, confidence=0.93
        ),
        Signal(
            name="skew_25_delta", value=None, says="", text="", age_s=None, confidence=None,
            missing="no past of the skew is at hand", expiry=TEN.date(),
        ),
    )  # fmt: skip
    page = shown(replace(card(), signals=signals), TALL, page=1)
    told = "\n".join(line.strip() for line in page)
    assert "iv rank: HIGH (70 between 9% and 14%; 3 s old; confidence 0.93)" in told
    assert "skew 25 delta 2025-08-29: abstains, no past of the skew is at hand" in told
    assert told.index("iv rank:") < told.index("delta pnl 1pct")


@pytest.mark.parametrize("room", [SMALL, Room(width=60, height=20), WIDE], ids=str)
def test_detail_shows_every_figure_page_by_page(room: Room) -> None:
    """Behind the key of detail every figure and reason is found, whole; after the last page the card."""
    pages = [shown(card(), room, page=page) for page in range(1, 9)]
    count = next(page for page, lines in enumerate(pages, start=1) if "leg  contract" in "\n".join(lines)) - 1
    told = "\n".join(line for lines in pages[:count] for line in lines)
    for name in FIGURES:
        assert name.replace("_", " ") in told
    assert "approval is bound to d1" in told
    assert f"page {count} of {count}" in told
    assert all(len(lines) <= room.height for lines in pages)


def test_help_and_notice_leave_the_figures_standing() -> None:
    """Help takes the sketch's place; a notice, else the newest alert, stands above the line of input."""
    for room in (SMALL, WIDE):
        text = "\n".join(shown(card(), room, is_help=True, notice="lots: a number from 1 to 3"))
        assert all(line.rstrip() in text for line in HELP_LINES)
        assert "max loss 39,217.50" in text
        assert "lots: a number from 1 to 3" in text
    text = "\n".join(shown(card(), SMALL, alert="10:00:00 P000 EXPIRED", pending=2))
    assert "1 more waiting.  ! 10:00:00 P000 EXPIRED" in text
    assert "nobody is asked" in "\n".join(shown(card(), SMALL, prompt=None))


@pytest.mark.parametrize(("width", "height"), [(59, 40), (80, 15), (20, 5)])
def test_in_a_window_too_small_to_read_nothing_is_decided(width: int, height: int) -> None:
    """Where the figures do not fit, the screen says so and the line of input still stands."""
    room = Room(width=width, height=height)
    assert not fits(card(), room)
    assert fits(card(), SMALL)
    lines = shown(card(), room)
    assert len(lines) <= height
    assert "window is too small"[: width - 6] in "\n".join(lines)


def test_one_line_names_all_that_a_log_needs() -> None:
    """For a log a proposal is one line: what, how much, what it earns and may lose, until when."""
    assert proposal_line(card()) == (
        "P001 WEEKLY IRON_CONDOR 2025-09-02: BUY 24000 PE, SELL 24200 PE, SELL 24700 CE, BUY 24900 CE; "
        "3 lots of 75, credit 5,782.50 INR, max loss 39,217.50 INR, until 10:01:00"
    )


def test_the_sketch_shows_where_money_is_made_and_lost() -> None:
    """Above the line of zero profit, below it loss, with the level and both breakevens on the line."""
    drawing = sketch(card().payoff, level=24431.2, breakevens=(24174.3, 24725.7), width=70, height=7)
    assert len(drawing) == 7
    assert max(len(line) for line in drawing) <= 70
    assert drawing[0].startswith(" +5,782 \u2588"[:7]) and drawing[-1].startswith("\u221239,218")
    axis = next(line for line in drawing if "\u2500" in line)
    assert axis.count("B") == 2 and axis.index("B") < axis.index("^") < axis.rindex("B")
    profit = drawing[0]
    assert axis.index("B") <= profit.index("\u2588") and profit.rindex("\u2588") <= axis.rindex("B")


def test_the_sketch_reaches_to_the_level_or_is_left_out() -> None:
    """A level outside the strikes is drawn in by carrying the payoff on straight; no room, no sketch."""
    points = ((100.0, 10.0), (110.0, 10.0), (120.0, 0.0))
    assert reaching(points, 80.0)[0] == (79.0, 10.0)
    assert reaching(points, 140.0)[-1] == (141.0, -21.0)
    assert reaching(points, 105.0) == points
    assert reaching(points, float("nan")) == points
    assert sketch(points, level=105.0, breakevens=(), width=80, height=2) == ()
    assert sketch((), level=105.0, breakevens=(), width=80, height=9) == ()
    assert sketch(((1.0, 0.0), (2.0, 0.0)), level=1.5, breakevens=(), width=80, height=9) == ()
