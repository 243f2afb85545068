"""The book's positions reach the margin engine with the market of their rows, or with none."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.chains import LOT, WEEKLY, call, flat_vol_snapshot, put, view_of
from volguard.measure.margin import NOTHING_HELD, IndexState, Margin, NoMargin, margin_of
from volguard.measure.margin_holdings import holdings_of
from volguard.model.book import Position
from volguard.nse.margin_rules import MarginRule, MarginRules, MarginTables

CONFIG = Path(__file__).parents[2] / "config" / "margin.toml"
RULES = MarginRules(msgspec.convert(tomllib.loads(CONFIG.read_text()), MarginTables))
SNAPSHOT = flat_vol_snapshot(tick=None)
VIEW = view_of(SNAPSHOT)
SHORT_CALL = Position(contract=call(25_200), quantity=-LOT)
CONDOR = (
    Position(contract=put(24_100), quantity=LOT),
    Position(contract=put(24_400), quantity=-LOT),
    SHORT_CALL,
    Position(contract=call(25_500), quantity=LOT),
)
INDEX = IndexState(spot=24_800.0, previous_close=24_800.0, sigma_daily=0.008)


def rule() -> MarginRule:
    return RULES.on(VIEW.listing.underlying, SNAPSHOT.ts.date())


def test_each_leg_has_the_market_of_its_row() -> None:
    held = holdings_of(VIEW, CONDOR)
    rows = [VIEW.row(position.contract) for position in CONDOR]
    assert held.expiries == (WEEKLY,) * 4
    assert held.units.tolist() == [LOT, -LOT, -LOT, LOT]
    for column in ("forward", "sigma", "discount"):
        assert np.array_equal(getattr(held.contracts, column), getattr(VIEW, column)[rows])
    assert held.contracts.strike.tolist() == [24_100.0, 24_400.0, 25_200.0, 25_500.0]
    assert held.contracts.is_call.tolist() == [False, False, True, True]
    assert held.contracts.t.tolist() == [VIEW.years[VIEW.listing.expiries.index(WEEKLY)]] * 4
    assert not held.contracts.is_future.any()


def test_a_condor_is_asked_about_its_width_and_two_exposures() -> None:
    margin = margin_of(holdings_of(VIEW, CONDOR), INDEX, rule())
    assert isinstance(margin, Margin)
    assert 0.9 * 300.0 * LOT < margin.span_inr <= 300.0 * LOT
    assert margin.exposure_inr == pytest.approx(2 * 0.02 * LOT * INDEX.spot)


def test_a_contract_that_is_not_listed_leaves_no_margin() -> None:
    unlisted = Position(contract=call(99_950), quantity=-LOT)
    refused = margin_of(holdings_of(VIEW, (SHORT_CALL, unlisted)), INDEX, rule())
    assert isinstance(refused, NoMargin)
    assert refused.reason == f"forward of {WEEKLY} 99950 CE was nan"


def test_an_empty_book_asks_nothing() -> None:
    assert margin_of(holdings_of(VIEW, ()), INDEX, rule()) == NOTHING_HELD
