"""An order that is not proven dead may still fill."""

from __future__ import annotations

import pytest

from tests.model.books import make_order
from volguard.model.order import FINAL_STATES, LIVE_STATES, OrderState


@pytest.mark.parametrize("state", list(OrderState))
def test_an_order_is_planned_live_or_final_and_never_two_of_them(state: OrderState) -> None:
    assert [state is OrderState.PLANNED, state.may_fill, state.is_final].count(True) == 1


def test_an_order_whose_fate_is_unknown_may_fill() -> None:
    assert OrderState.UNKNOWN.may_fill
    assert OrderState.SENT.may_fill
    assert not OrderState.UNKNOWN.is_final


def test_live_and_final_states_are_all_but_planned() -> None:
    assert frozenset(OrderState) - {OrderState.PLANNED} == LIVE_STATES | FINAL_STATES


def test_what_is_open_of_an_order_is_what_has_not_filled() -> None:
    assert make_order("a", OrderState.PARTIAL, filled=25).open_quantity == 50
    assert make_order("a", OrderState.FILLED, filled=75).open_quantity == 0
