"""Option contracts and the chain: ticks from paise, volatility from percent, sides that are not listed."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.adapters.upstox.sample_texts import CHAIN_ROW, CONTRACT_ROW
from tests.fakes import NIFTY
from volguard.adapters.upstox import endpoints
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.wire import data_of, success_body
from volguard.adapters.upstox.wire_options import (
    ChainQuote,
    ChainRow,
    ContractRow,
    chain_quotes,
    expired_key,
    split_expired_key,
    spot_of,
)
from volguard.model.broker import InstrumentKey
from volguard.model.errors import DataError
from volguard.model.instrument import OptionContract, OptionType

CALL = {
    "market_data": {"bid_price": 100.0, "bid_qty": 75, "ask_price": 101.0, "ask_qty": 150},
    "instrument_key": "NSE_FO|2",
}


def contract(**changes: Any) -> ContractRow:
    """The contract row of the reference, changed."""
    value = {**json.loads(CONTRACT_ROW), **changes}
    (row,) = data_of(success_body([value]), list[ContractRow], endpoints.OPTION_CONTRACTS)
    return row


def chain(*rows: dict[str, Any]) -> list[ChainRow]:
    """Chain rows as they are read from the wire."""
    return data_of(success_body(list(rows)), list[ChainRow], endpoints.OPTION_CHAIN)


def strike(**changes: Any) -> dict[str, Any]:
    """The chain row of the reference, changed."""
    return {**json.loads(CHAIN_ROW), **changes}


def test_a_contract_row_is_a_contract() -> None:
    """Strike, expiry and type; the tick of 5 paise in rupees; what is no option is None."""
    row = contract()
    assert row.contract(NIFTY) == OptionContract(
        underlying=NIFTY, expiry=date(2024, 2, 15), strike=19650, option_type=OptionType.CALL
    )
    assert (row.key, row.tick) == ("NSE_FO|37590", Decimal("0.05"))
    assert contract(expiry=1708021799000).contract(NIFTY) == row.contract(NIFTY)
    assert contract(instrument_type="FUT").contract(NIFTY) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"lot_size": 0}, "lot_size was 0.0, must be above 0"),
        ({"lot_size": 32.5}, "lot_size was 32.5, must be a whole number"),
        ({"tick_size": -5}, "tick_size was -5.0"),
        ({"freeze_quantity": "nan"}, "freeze_quantity was nan"),
        ({"strike_price": 0}, "strike_price was 0.0"),
        ({"expiry": "soon"}, "'soon' is not a time"),
        ({"expiry": ""}, "'' is not a date"),
        ({"instrument_key": " "}, "instrument_key was empty"),
    ],
)
def test_a_contract_that_cannot_be_traded_is_refused(changes: dict[str, Any], why: str) -> None:
    """Without lot, tick, freeze quantity, strike, expiry or key nothing can be ordered."""
    with pytest.raises(ApiFailure, match="option_contracts: the answer cannot be read") as caught:
        contract(**changes)
    assert why in caught.value.message


def test_a_chain_row_is_two_quotes() -> None:
    """The reference's strike: percent becomes a decimal, call before put, sizes in units."""
    call, put = chain_quotes(chain(strike()))
    assert put == ChainQuote(
        key=InstrumentKey("NSE_FO|51060"),
        expiry=date(2025, 2, 13),
        strike=21100,
        option_type=OptionType.PUT,
        bid=0.3,
        bid_qty=1979400,
        ask=0.35,
        ask_qty=2152500,
        last=0.3,
        previous_close=0.35,
        volume=22315725,
        oi=5636475,
        volatility=50.78 / 100,
        delta=-0.0013,
        gamma=0.0,
        theta_per_day=-1.2461,
        vega_per_pt=0.0568,
    )
    assert (call.option_type, call.volatility, call.volume) == (OptionType.CALL, 262.31 / 100, 0)
    assert spot_of(chain(strike())) == 22976.2


def test_a_side_that_is_not_listed_is_passed_over() -> None:
    """A strike with a call alone gives a call alone, whether the put is null or not there."""
    without = strike(put_options=None)
    absent = strike()
    del absent["put_options"]
    for row in (without, absent):
        (call,) = chain_quotes(chain(row))
        assert call.option_type is OptionType.CALL
    assert chain_quotes(chain(strike(call_options=None, put_options=None))) == ()
    assert chain_quotes([]) == ()


def test_no_book_and_no_greeks_are_absent() -> None:
    """Zero prices are no quote; a vendor without Greeks, or with a volatility of zero, is no witness."""
    dead = {**CALL, "market_data": {**CALL["market_data"], "bid_price": 0, "bid_qty": 0, "ltp": None}}
    (call,) = chain_quotes(chain(strike(call_options=dead, put_options=None)))
    assert (call.bid, call.bid_qty, call.last, call.volatility, call.delta) == (None, 0, None, None, None)
    zero = {**CALL, "option_greeks": {"iv": 0, "delta": 1, "vega": 0, "theta": 0, "gamma": 0}}
    (call,) = chain_quotes(chain(strike(call_options=zero, put_options=None)))
    assert (call.volatility, call.delta) == (None, 1.0)


def test_a_chain_comes_sorted_and_each_contract_once() -> None:
    """Rows come in any order; the same contract under two keys cannot be told apart and is refused."""
    rows = chain(strike(strike_price=21200), strike(), strike(strike_price=21000, put_options=None))
    places = [(quote.strike, quote.option_type.value) for quote in chain_quotes(rows)]
    assert places == [(21000, "CE"), (21100, "CE"), (21100, "PE"), (21200, "CE"), (21200, "PE")]
    with pytest.raises(ApiFailure, match=r"NSE_FO\|51059 and NSE_FO\|51059 are one contract"):
        chain_quotes(chain(strike(), strike()))


@pytest.mark.parametrize("changes", [{"strike_price": 21100.5}, {"expiry": None}, {"expiry": "x"}])
def test_a_chain_row_that_names_no_contract_is_refused(changes: dict[str, Any]) -> None:
    """An index option has a whole strike and an expiry."""
    with pytest.raises(ApiFailure, match="option_chain: the answer cannot be read"):
        chain(strike(**changes))


def test_a_chain_without_a_level_says_none() -> None:
    """The level is not taken from anything else."""
    assert spot_of(chain(strike(underlying_spot_price=None))) is None
    assert spot_of(chain(strike(underlying_spot_price=0), strike(strike_price=1))) == 22976.2
    with pytest.raises(ApiFailure, match="underlying_spot_price was nan"):
        chain(strike(underlying_spot_price="nan"))


def test_an_expired_contract_has_a_name_with_its_day() -> None:
    """The key grows by dd-mm-yyyy, and comes apart again; another form is refused."""
    key = expired_key(InstrumentKey("NSE_FO|54452"), date(2025, 4, 24))
    assert key == "NSE_FO|54452|24-04-2025"
    assert split_expired_key(key) == ("NSE_FO|54452", date(2025, 4, 24))
    for bad in ("NSE_FO|54452", "NSE_FO|54452|2025-04-24", "NSE_FO|54452|31-02-2025", "a|b|c|d"):
        with pytest.raises(DataError, match="names no expired contract"):
            split_expired_key(bad)
