"""Margins of a book on a view: now, after a move, the larger of both directions, or why there is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from tests.chains import LOT, call, put
from tests.fakes import shipped
from tests.measure.test_margin_holdings import CONDOR, RULES, SHORT_CALL, SNAPSHOT, VIEW
from volguard.measure.book_risk import (
    MarginInputs,
    book_margin,
    book_risk,
    margin_at_move,
    margins_at_moves,
)
from volguard.measure.margin import Margin, NoMargin
from volguard.model.book import Position

INPUTS = MarginInputs(rules=RULES, trade_date=SNAPSHOT.ts.date(), previous_close=24_800.0, sigma_daily=0.008)
SHORT_PUT = Position(contract=put(24_400), quantity=-LOT)
UNLISTED = Position(contract=call(99_950), quantity=-LOT)
STRESS, QUALITY = shipped().stress, shipped().quality
MOVE = STRESS.near_spot_move_share


def total(margin: Margin | NoMargin) -> float:
    assert isinstance(margin, Margin), margin
    return margin.total_inr


@pytest.mark.parametrize(("position", "against"), [(SHORT_CALL, MOVE), (SHORT_PUT, -MOVE)])
def test_the_margin_after_a_move_is_of_the_worse_direction(position: Position, against: float) -> None:
    """A short call is asked more after a rise, a short put after a fall."""
    risk = book_risk(VIEW, (position,), stress=STRESS, quality=QUALITY, margin=INPUTS)
    assert risk.margin == book_margin(VIEW, (position,), INPUTS)
    assert total(risk.margin_moved) == total(margin_at_move(VIEW, (position,), INPUTS, against))
    assert total(risk.margin_moved) > total(margin_at_move(VIEW, (position,), INPUTS, -against))


def test_moves_asked_together_are_the_moves_asked_alone() -> None:
    moves = (0.0, -MOVE, MOVE)
    together = margins_at_moves(VIEW, CONDOR, INPUTS, moves)
    assert together == tuple(margin_at_move(VIEW, CONDOR, INPUTS, move) for move in moves)


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        (replace(INPUTS, previous_close=None), "previous close was nan, must be above 0"),
        (replace(INPUTS, sigma_daily=None), "NSE's daily EWMA of the index was nan, must be a volatility"),
    ],
)
def test_what_history_does_not_give_leaves_no_margin_now_or_moved(inputs: MarginInputs, reason: str) -> None:
    risk = book_risk(VIEW, CONDOR, stress=STRESS, quality=QUALITY, margin=inputs)
    assert risk.margin == risk.margin_moved == NoMargin(reason=reason)


def test_a_date_without_rules_leaves_no_margin() -> None:
    none = book_risk(
        VIEW, CONDOR, stress=STRESS, quality=QUALITY, margin=replace(INPUTS, trade_date=date(1999, 1, 1))
    )
    assert isinstance(none.margin, NoMargin) and none.margin == none.margin_moved


def test_a_leg_without_a_market_leaves_no_margin_now_or_moved() -> None:
    risk = book_risk(VIEW, (SHORT_CALL, UNLISTED), stress=STRESS, quality=QUALITY, margin=INPUTS)
    assert isinstance(risk.margin, NoMargin) and "99950 CE" in risk.margin.reason
    assert risk.margin_moved == risk.margin
