"""Positions, funds, margin and charges as the broker would tell them."""

from __future__ import annotations

import math
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.fakes import shipped_rules
from tests.simulator.upstox_server.desk import (
    API,
    CALL,
    DAY,
    FAR_CALL,
    PUT,
    START,
    Desk,
    fair,
    open_desk,
    rupees,
)
from volguard.model.instrument import Side
from volguard.model.units import money
from volguard.simulator.exchange_account import Overnight
from volguard.simulator.upstox_server.options import Caps

POSITIONS = "/v2/portfolio/short-term-positions"
FUNDS, OLD_FUNDS = "/v3/user/get-funds-and-margin", "/v2/user/get-funds-and-margin"
MARGIN = f"{API}/v2/charges/margin"
BROKERAGE = "/v2/charges/brokerage"


def test_no_position_is_an_empty_list() -> None:
    """Holdings too."""
    with open_desk() as desk:
        assert desk.data(POSITIONS) == [] == desk.data("/v2/portfolio/long-term-holdings")


def test_a_position_row_adds_up() -> None:
    """P&L = sold - bought + quantity x last; realised is minus zero while nothing was closed."""
    with open_desk() as desk:
        desk.place(CALL, Side.SELL, quantity=130)
        desk.wait()
        (row,) = desk.data(POSITIONS)
    bid, last = round(fair(CALL) - 0.1, 2), fair(CALL)
    assert (row["quantity"], row["day_sell_quantity"], row["overnight_quantity"]) == (-130, 130, 0)
    assert row["average_price"] == row["sell_price"] == row["day_sell_price"] == bid
    assert row["pnl"] == pytest.approx(
        row["sell_value"] - row["buy_value"] + row["quantity"] * last, abs=0.01
    )
    assert row["realised"] == 0.0 and math.copysign(1.0, row["realised"]) < 0
    assert row["unrealised"] == row["pnl"] and row["last_price"] == last
    assert row["trading_symbol"] == row["tradingsymbol"] and row["multiplier"] == 1.0


def test_a_closed_position_stays_with_quantity_zero_and_no_average() -> None:
    """What was made of it is realised."""
    with open_desk() as desk:
        desk.place(CALL, Side.BUY)
        desk.wait()
        desk.place(CALL, Side.SELL, tag="out")
        desk.wait()
        (row,) = desk.data(POSITIONS)
    assert (row["quantity"], row["average_price"], row["value"]) == (0, None, 0.0)
    assert row["realised"] == row["pnl"] == pytest.approx(-65 * 0.2)
    assert row["unrealised"] == 0.0


def test_a_position_carried_overnight_says_so() -> None:
    """Its amounts are in the overnight fields and in the values."""
    carried = Overnight(contract=CALL, quantity=65, price=Decimal("100.00"))
    with open_desk(overnight=(carried,)) as desk:
        desk.place(CALL, Side.SELL)
        desk.wait()
        (row,) = desk.data(POSITIONS)
    assert (row["quantity"], row["overnight_quantity"], row["overnight_buy_amount"]) == (0, 65, 6500.0)
    assert row["buy_value"] == 6500.0 and row["day_buy_value"] == 0.0
    assert row["realised"] == pytest.approx(65 * (round(fair(CALL) - 0.1, 2) - 100.0))


def test_funds_are_capital_less_what_is_blocked() -> None:
    """Total is the same figure twice; a resting buy promises its premium, a short blocks margin."""
    with open_desk() as desk:
        before = desk.data(FUNDS)["available_to_trade"]
        assert before["total"] == before["cash_available_to_trade"]["total"] == 2_000_000.0
        desk.place(CALL, Side.BUY, price=round(fair(CALL) * 0.8, 1))
        desk.wait(1.0)
        promised = desk.data(FUNDS)["available_to_trade"]["cash_available_to_trade"]["margin_used"]
        assert promised["premium_present"] == pytest.approx(65 * round(fair(CALL) * 0.8, 1))
        desk.place(PUT, Side.SELL, tag="short")
        desk.wait()
        held = desk.data(FUNDS)["available_to_trade"]
        used = held["cash_available_to_trade"]["margin_used"]
        money_now = desk.core.exchange.money
    assert used["span_exposure"] > 100_000.0
    assert used["total"] == pytest.approx(used["span_exposure"] + used["premium_present"])
    assert rupees(held["total"]) == money(money_now.available_inr)
    assert rupees(held["total"]) + rupees(used["total"]) == money(money_now.cash_inr)
    assert held["cash_available_to_trade"]["cash"]["unpaid_charges"] > 20.0


def test_the_old_funds_call_keeps_commodity_at_zero() -> None:
    """Both pools, or the one of a segment; a segment that is none is refused."""
    with open_desk() as desk:
        both = desk.data(OLD_FUNDS)
        assert both["equity"]["available_margin"] == 2_000_000.0
        assert set(both["commodity"].values()) == {0} and set(both["commodity"]) == set(both["equity"])
        assert set(desk.data(OLD_FUNDS, segment="COM")) == {"commodity"}
        assert desk.refused(desk.get(OLD_FUNDS, segment="EQ")) == (400, "UDAPI1019")


@pytest.mark.parametrize(("hour", "minute", "is_open"), [(0, 0, False), (5, 29, False), (5, 30, True)])
def test_funds_and_margin_are_closed_at_night(hour: int, minute: int, is_open: bool) -> None:
    """423 with its code from midnight to half past five."""
    at = (START + timedelta(days=1)).replace(hour=hour, minute=minute)
    with open_desk(at=at) as desk:
        replies = [desk.get(FUNDS), desk.get(OLD_FUNDS), desk.http.post(MARGIN, json=asked(desk, line(desk)))]
        if is_open:
            assert {reply.status_code for reply in replies} == {200}
        else:
            assert {desk.refused(reply) for reply in replies} == {(423, "UDAPI100072")}


def line(desk: Desk, contract: Any = CALL, side: Side = Side.SELL, **changes: Any) -> dict[str, Any]:
    return {
        "instrument_key": desk.key(contract),
        "quantity": 65,
        "product": "D",
        "transaction_type": side.value,
        **changes,
    }


def asked(_desk: Desk, *lines: dict[str, Any]) -> dict[str, Any]:
    return {"instruments": list(lines)}


def test_a_hedge_lowers_the_margin_of_the_basket() -> None:
    """Lines in the order asked; required is their sum, final is what the book needs as one."""
    with open_desk() as desk:
        body = asked(desk, line(desk), line(desk, FAR_CALL, Side.BUY, price=12.0))
        data = desk.http.post(MARGIN, json=body).json()["data"]
    short, hedge = data["margins"]
    assert short["net_buy_premium"] == 0.0 and short["span_margin"] > 0.0 and short["exposure_margin"] > 0.0
    assert (hedge["net_buy_premium"], hedge["total_margin"]) == (780.0, 780.0)
    assert data["required_margin"] == pytest.approx(short["total_margin"] + 780.0)
    assert data["final_margin"] < 0.7 * data["required_margin"]
    assert set(short) == {
        *("span_margin", "exposure_margin", "equity_margin", "net_buy_premium", "additional_margin"),
        *("total_margin", "tender_margin"),
    }


def test_a_margin_figure_is_what_the_account_is_then_blocked_for() -> None:
    """The calculator and the risk desk are one."""
    with open_desk() as desk:
        desk.place(CALL, Side.SELL)
        desk.wait()
        data = desk.http.post(MARGIN, json=asked(desk, line(desk))).json()["data"]
        used = desk.data(FUNDS)["available_to_trade"]["cash_available_to_trade"]["margin_used"]
    assert used["span_exposure"] == data["final_margin"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"instrument_key": None}, "UDAPI1099"),
        ({"instrument_key": "NIFTY"}, "UDAPI1098"),
        ({"instrument_key": "NSE_FO|7"}, "UDAPI100011"),
        ({"quantity": None}, "UDAPI1097"),
        ({"quantity": 0}, "UDAPI1096"),
        ({"quantity": 64}, "UDAPI1104"),
        ({"product": None}, "UDAPI1100"),
        ({"transaction_type": None}, "UDAPI1101"),
        ({"price": 0}, "UDAPI1095"),
    ],
)
def test_a_bad_margin_line_is_refused_by_its_code(changes: dict[str, Any], code: str) -> None:
    """400 each."""
    with open_desk() as desk:
        reply = desk.http.post(MARGIN, json=asked(desk, line(desk, **changes)))
    assert desk.refused(reply) == (400, code)


def test_a_margin_call_has_some_lines_no_key_twice_and_a_cap() -> None:
    """1099, 1103, 1102."""
    with open_desk(caps=Caps(margin_lines=1)) as desk:
        assert desk.refused(desk.http.post(MARGIN, json=asked(desk))) == (400, "UDAPI1099")
        two = asked(desk, line(desk), line(desk, PUT))
        assert desk.refused(desk.http.post(MARGIN, json=two)) == (400, "UDAPI1102")
    with open_desk() as desk:
        twice = asked(desk, line(desk), line(desk))
        assert desk.refused(desk.http.post(MARGIN, json=twice)) == (400, "UDAPI1103")


def test_charges_of_an_order_are_the_exchanges_schedule_in_both_spellings() -> None:
    """The lines of our own charge tables, and the camel twins equal to the others."""
    with open_desk() as desk:
        query = {"product": "D", "transaction_type": "SELL", "price": "120.5", "quantity": 65}
        charges = desk.data(BROKERAGE, instrument_token=desk.key(CALL), **query)["charges"]
    lines = shipped_rules().charges.for_fill(
        trade_date=DAY, side=Side.SELL, quantity=65, price=Decimal("120.5"), first_fill_of_order=True
    )
    assert rupees(charges["total"]) == money(lines.total)
    assert rupees(charges["taxes"]["stt"]) == money(lines.stt)
    assert charges["other_charges"] == charges["otherTaxes"] and charges["dp_plan"] == charges["dpPlan"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"instrument_token": ""}, "UDAPI1059"),
        ({"quantity": ""}, "UDAPI1060"),
        ({"product": "X"}, "UDAPI1061"),
        ({"transaction_type": "HOLD"}, "UDAPI1062"),
        ({"price": ""}, "UDAPI1063"),
        ({"quantity": "-1"}, "UDAPI1064"),
        ({"price": "nan"}, "UDAPI1065"),
        ({"instrument_token": "NSE_FO|7"}, "UDAPI100011"),
    ],
)
def test_a_bad_brokerage_question_is_refused_by_its_code(changes: dict[str, str], code: str) -> None:
    """400 each."""
    with open_desk() as desk:
        query = {"product": "D", "transaction_type": "SELL", "price": "120.5", "quantity": "65"}
        reply = desk.get(BROKERAGE, **{"instrument_token": desk.key(CALL), **query, **changes})
    assert desk.refused(reply) == (400, code)
