"""The account as the broker tells it: positions, money, margin, charges, kill switch, static address."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.adapters.upstox.sample_texts import BROKERAGE, FUNDS_V2, FUNDS_V3, MARGIN, POSITION_ROW, STATIC_IP
from volguard.adapters.upstox import endpoints
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.wire import data_of, success_body
from volguard.adapters.upstox.wire_account import (
    BrokerageData,
    KillSwitchRow,
    MarginData,
    PositionRow,
    StaticIp,
    charges_of,
    charges_query,
    funds_of,
    kill_switch_body,
    margin_body,
    margin_of,
    position_of,
)
from volguard.adapters.upstox.wire_funds import FundsData, OldFundsData
from volguard.measure.broker_net import holdings, is_net_zero
from volguard.model.broker import BrokerPosition, ChargesAnswer, Funds, InstrumentKey, MarginLine
from volguard.model.errors import InvariantBroken
from volguard.model.instrument import OptionContract, OptionType, Side, Underlying
from volguard.model.units import IST

PUT = OptionContract(
    underlying=Underlying("BANKNIFTY"), expiry=date(2023, 10, 26), strike=38000, option_type=OptionType.PUT
)
KEY = InstrumentKey("NSE_FO|52618")


def position(**changes: Any) -> BrokerPosition:
    """The position row of the reference, changed."""
    value = {**json.loads(POSITION_ROW), **changes}
    (row,) = data_of(success_body([value]), list[PositionRow], endpoints.POSITIONS)
    return position_of(row, {KEY: PUT}.get)


def test_a_position_row_is_a_position() -> None:
    """Signed units and what was paid and received; the row's own P&L is rubbish and not taken."""
    assert position() == BrokerPosition(
        key=KEY,
        contract=PUT,
        product="D",
        quantity=15,
        overnight_quantity=15,
        buy_value_inr=Decimal("0.00"),
        sell_value_inr=Decimal("0.00"),
        last_price=Decimal("4.40"),
    )


@pytest.mark.parametrize(
    "symbol", ["BANKNIFTY23OCT38100PE", "BANKNIFTY23OCT38000CE", "NIFTY23OCT38000PE", "BANKNIFTY2390638000PE"]
)
@pytest.mark.parametrize("spelling", ["trading_symbol", "tradingsymbol"])
def test_a_position_whose_symbol_names_another_contract_is_held_and_none_of_ours(
    symbol: str, spelling: str
) -> None:
    """The key says one contract, the symbol another: its units stay, and no contract is guessed."""
    found = position(**{spelling: symbol})
    assert (found.contract, found.key, found.quantity) == (None, KEY, 15)
    assert [(one.quantity, one.contract) for one in holdings((found,))] == [(15, None)]
    assert not is_net_zero((found,))
    assert position(**{spelling: "SOMETHING ELSE"}).contract == PUT


def test_a_position_closed_today_stays_with_nothing() -> None:
    """A row of quantity 0 is kept: what was made on it still counts."""
    closed = position(quantity=0, overnight_quantity=0, buy_value=250.5, sell_value=1800.0)
    assert (closed.quantity, closed.buy_value_inr, closed.sell_value_inr) == (0, Decimal("250.50"), 1800)
    assert position(quantity=-75, average_price=None, last_price=None).last_price is None
    assert position(instrument_token="NSE_EQ|INE002A01018").contract is None
    assert not position(sell_value=-0.0).sell_value_inr.is_signed()


@pytest.mark.parametrize(
    "changes", [{"quantity": 0.5}, {"buy_value": "nan"}, {"instrument_token": " "}, {"last_price": "inf"}]
)
def test_a_position_that_cannot_be_true_is_refused(changes: dict[str, Any]) -> None:
    """Half a unit, no instrument or no figure: the book cannot be read."""
    with pytest.raises(ApiFailure, match="positions: the answer cannot be read"):
        position(**changes)


def test_funds_are_cash_and_pledge_together() -> None:
    """What may be used is the broker's total; what is used is that of cash and of pledge."""
    data = msgspec.json.decode(FUNDS_V3, type=FundsData)
    assert funds_of(data) == Funds(available_inr=Decimal("512000.25"), used_inr=Decimal("87987.75"))
    value = json.loads(FUNDS_V3)
    value["available_to_trade"]["pledge_available_to_trade"] = None
    alone = msgspec.convert(value, FundsData)
    assert funds_of(alone).used_inr == Decimal("87987.25")


@pytest.mark.parametrize("figure", ["nan", "inf", None, "much"])
def test_funds_without_a_figure_are_refused(figure: str | None) -> None:
    """Money that is no number is never taken for none or plenty."""
    value = json.loads(FUNDS_V3)
    value["available_to_trade"]["total"] = figure
    with pytest.raises(ApiFailure, match="funds: the answer cannot be read"):
        data_of(success_body(value), FundsData, endpoints.FUNDS)


def test_old_funds_hold_everything_in_equity() -> None:
    """Since the pools were joined the commodity side is zeros, and may be left out."""
    value = json.loads(FUNDS_V2)
    assert msgspec.convert(value, OldFundsData).equity.available_margin == 15507.46
    del value["commodity"]
    assert msgspec.convert(value, OldFundsData).commodity is None


def test_a_margin_question_has_unsigned_units_and_a_side() -> None:
    """A short leg is a SELL of its units; a price that is not given is left out."""
    body = margin_body(
        [
            MarginLine(key=KEY, quantity=-75, product="D", price=Decimal("120.50")),
            MarginLine(key=InstrumentKey("NSE_FO|1"), quantity=75, product="D"),
        ]
    )
    assert json.loads(msgspec.json.encode(body)) == {
        "instruments": [
            {
                "instrument_key": "NSE_FO|52618",
                "quantity": 75,
                "product": "D",
                "transaction_type": "SELL",
                "price": 120.5,
            },
            {"instrument_key": "NSE_FO|1", "quantity": 75, "product": "D", "transaction_type": "BUY"},
        ]
    }


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [MarginLine(key=KEY, quantity=0, product="D")],
        [MarginLine(key=KEY, quantity=75, product="D", price=Decimal(0))],
        [MarginLine(key=KEY, quantity=75, product="D"), MarginLine(key=KEY, quantity=-75, product="D")],
    ],
)
def test_a_margin_question_that_the_broker_refuses_is_not_asked(lines: list[MarginLine]) -> None:
    """No legs, no units, no price or an instrument twice."""
    with pytest.raises(InvariantBroken, match="margin"):
        margin_body(lines)


def test_a_margin_answer_in_rupees() -> None:
    """To get the basket on, and once all legs are on; a negative one is no answer."""
    answer = margin_of(msgspec.json.decode(MARGIN, type=MarginData))
    assert answer.required_inr == answer.final_inr == Decimal("69822.05")
    for bad in (-1.0, "nan"):
        body = success_body({"margins": [], "required_margin": 1.0, "final_margin": bad})
        with pytest.raises(ApiFailure, match="final_margin was"):
            data_of(body, MarginData, endpoints.MARGIN)


CHARGES = ChargesAnswer(
    total_inr=Decimal("208.27"),
    brokerage_inr=Decimal("0.00"),
    stt_inr=Decimal("175.00"),
    stamp_inr=Decimal("26.23"),
    gst_inr=Decimal("1.02"),
    exchange_inr=Decimal("5.68"),
    sebi_inr=Decimal("0.17"),
    ipft_inr=Decimal("0.17"),
)


@pytest.mark.parametrize("left_out", ["otherTaxes", "other_charges", "dp_plan"])
def test_charges_are_read_in_either_spelling(left_out: str) -> None:
    """One part comes twice under two names: either will do, and the parts make the total."""
    value = json.loads(BROKERAGE)
    del value["charges"][left_out]
    answer = charges_of(data_of(success_body(value), BrokerageData, endpoints.BROKERAGE))
    assert answer == CHARGES
    parts = [getattr(answer, name) for name in answer.__dataclass_fields__ if name != "total_inr"]
    assert sum(parts) == answer.total_inr


def test_charges_without_the_exchange_part_are_refused() -> None:
    """With neither spelling there, or with what is no number, nothing is assumed."""
    value = json.loads(BROKERAGE)
    del value["charges"]["otherTaxes"], value["charges"]["other_charges"]
    with pytest.raises(ApiFailure, match="missing required field `other_charges`"):
        data_of(success_body(value), BrokerageData, endpoints.BROKERAGE)
    value = json.loads(BROKERAGE)
    value["charges"]["taxes"]["stt"] = "nan"
    with pytest.raises(ApiFailure, match="stt was nan"):
        data_of(success_body(value), BrokerageData, endpoints.BROKERAGE)


def test_the_question_of_charges() -> None:
    """All five parts go as texts."""
    assert charges_query(KEY, quantity=75, product="D", side=Side.SELL, price=Decimal("120.50")) == {
        "instrument_token": "NSE_FO|52618",
        "quantity": "75",
        "product": "D",
        "transaction_type": "SELL",
        "price": "120.50",
    }


def test_the_kill_switch_is_an_array_of_known_segments() -> None:
    """A segment that the broker does not have is not sent: the change is atomic and locks for hours."""
    assert msgspec.json.encode(kill_switch_body("NSE_FO", enable=True)) == (
        b'[{"segment":"NSE_FO","action":"ENABLE"}]'
    )
    assert msgspec.json.encode(kill_switch_body("NSE_FO", enable=False)) == (
        b'[{"segment":"NSE_FO","action":"DISABLE"}]'
    )
    with pytest.raises(InvariantBroken, match="segment 'NFO'"):
        kill_switch_body("NFO", enable=True)
    (row,) = data_of(
        success_body([{"segment": "NSE_FO", "kill_switch_enabled": True}]),
        list[KillSwitchRow],
        endpoints.KILL_SWITCH,
    )
    assert row.kill_switch_enabled


def test_the_static_address() -> None:
    """Addresses that are registered, and since when; none where there is no such rule yet."""
    told = data_of(success_body(json.loads(STATIC_IP)), StaticIp, endpoints.STATIC_IP)
    assert told.addresses == ("1.2.3.4", "5.6.7.8")
    assert told.changed_at == datetime(2026, 4, 10, 10, 0, tzinfo=IST)
    none = data_of(success_body({"primary_ip": None}), StaticIp, endpoints.STATIC_IP)
    assert (none.addresses, none.changed_at) == ((), None)
