"""What the simulator's broker blocks: by the margin engine, or a flat share where there is no market."""

from __future__ import annotations

import pytest

from tests.fakes import NIFTY, call, shipped_rules
from tests.simulator.upstox_server.desk import CALL, DAY, FAR_CALL, PUT, START, Bars, shot
from volguard.measure.margin import IndexState, Margin, margin_of
from volguard.simulator.exchange_margin import NOTHING, MarginDesk, holdings_at
from volguard.simulator.priced_chain import ChainPricer, PricedChain

INDEX = Bars().daily(NIFTY, DAY)


def desk(bars: bool = True) -> MarginDesk:
    return MarginDesk(shipped_rules().margin, NIFTY, DAY, INDEX if bars else ())


def market(*, with_levels: bool = True) -> PricedChain:
    return ChainPricer(shipped_rules().calendar, DAY).price(shot(with_levels=with_levels))


def test_it_is_the_margin_engines_figure() -> None:
    """Component by component, to the paisa."""
    chain = market()
    blocked = desk(bars=False).of({CALL: -65, FAR_CALL: 65}, chain)
    index = IndexState(spot=chain.spot, previous_close=chain.spot, sigma_daily=0.0)
    exact = margin_of(
        holdings_at({CALL: -65, FAR_CALL: 65}, chain), index, shipped_rules().margin.on(NIFTY, DAY)
    )
    assert isinstance(exact, Margin)
    assert blocked.total_inr == pytest.approx(exact.total_inr, abs=0.02)
    assert blocked.span_inr == round(exact.span_inr, 2)


def test_a_hedge_lowers_it_and_nothing_needs_nothing() -> None:
    """Flat legs are no legs."""
    margins, chain = desk(), market()
    naked, hedged = margins.of({CALL: -65}, chain), margins.of({CALL: -65, FAR_CALL: 65}, chain)
    assert 0.0 < hedged.total_inr < naked.total_inr
    assert margins.of({CALL: 0}, chain) is NOTHING is margins.of({}, None)


def test_without_a_market_every_unit_sold_is_asked_a_flat_share() -> None:
    """Of the strike before the first snapshot, of the index where a leg is not listed; a hedge is no help."""
    margins = desk()
    blind = margins.of({CALL: -65, FAR_CALL: 65}, None)
    assert blind == margins.of({CALL: -65}, None)
    assert 0.08 * 65 * 24_500 < blind.total_inr < 0.25 * 65 * 24_500
    unlisted = margins.of({call(30_000): -65}, market())
    assert unlisted.total_inr == pytest.approx(blind.total_inr, rel=1e-6)


def test_the_same_book_is_asked_once_per_market() -> None:
    """And anew on another snapshot."""
    margins, chain = desk(), market()
    first = margins.of({CALL: -65}, chain)
    assert margins.of({CALL: -65}, chain) is first
    assert margins.of({CALL: -65}, market()) is not first


def test_a_chain_is_priced_from_its_quotes() -> None:
    """The index from parity when the source has none; every strike has a volatility."""
    given, own = market(), market(with_levels=False)
    assert given.spot == 24_500.0 and own.spot == pytest.approx(24_500.0, abs=1.0)
    row = own.snapshot.listing.row(PUT)
    assert row is not None and own.greeks.delta[row] == pytest.approx(-0.5, abs=0.05)
    assert own.sigma.min() > 0.05
    assert ChainPricer(shipped_rules().calendar, DAY).close_of(DAY.replace(year=2031)).time() == (
        START.replace(hour=15, minute=40).time()
    )
