"""What a review reads of each order of a wave, together as alone, and None for what is not there."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from tests.chains import MONTHLY, call, flat_vol_snapshot, put, view_of
from tests.engine.test_orders import turn_with
from tests.fakes import request
from volguard.engine.order_facts import order_facts
from volguard.engine.state import Turn
from volguard.measure.confidence import leg_confidences
from volguard.measure.market_view import MarketView
from volguard.measure.touch import fair_values
from volguard.model.instrument import OptionContract
from volguard.model.order import OrderRequest

VIEW = view_of(flat_vol_snapshot(tick=None))
LISTED = (put(24_100), put(24_400), call(25_200, MONTHLY), put(24_100))
NOWHERE = (call(99_950), put(24_400, date(2025, 9, 16)))


def seeing(view: MarketView | None) -> Turn:
    """A step in the making on a view, with one trade in its book."""
    turn = turn_with()
    turn.market = view
    turn.desk = replace(turn.desk, trading_date=VIEW.ts.date())
    return turn


def wave(*contracts: OptionContract) -> list[OrderRequest]:
    """One order per contract."""
    return [request(tag=f"VG-{number}", contract=one) for number, one in enumerate(contracts)]


def test_a_wave_is_told_in_its_order_as_each_order_alone() -> None:
    """Two expiries and one contract twice: each order has the facts of its own contract."""
    turn, orders = seeing(VIEW), wave(*LISTED)
    together = order_facts(turn, orders)
    assert [facts.request for facts in together] == orders
    assert together == tuple(order_facts(turn, [order])[0] for order in orders)
    assert [facts.fair_value for facts in together] == pytest.approx(fair_values(VIEW, LISTED).tolist())
    judged = leg_confidences(VIEW, LISTED, turn.settings.quality)
    assert [facts.confidence for facts in together] == [leg.value for leg in judged]


@pytest.mark.parametrize("nowhere", NOWHERE)
def test_a_contract_that_is_not_listed_has_no_facts_and_takes_none_from_the_others(
    nowhere: OptionContract,
) -> None:
    turn, orders = seeing(VIEW), wave(LISTED[0], nowhere, LISTED[1])
    first, lost, last = order_facts(turn, orders)
    assert (lost.quote, lost.fair_value, lost.flags, lost.confidence) == (None,) * 4
    assert (first, last) == order_facts(turn, [orders[0], orders[2]])
    assert None not in (first.fair_value, first.confidence, last.fair_value, last.confidence)


def test_without_a_market_nothing_is_known_of_any_order() -> None:
    for facts in order_facts(seeing(None), wave(*LISTED)):
        assert (facts.quote, facts.fair_value, facts.flags, facts.confidence) == (None,) * 4
