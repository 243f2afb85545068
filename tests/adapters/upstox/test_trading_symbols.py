"""A row's trading symbol as a second word on its contract: what clearly names another one is none of ours."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volguard.adapters.upstox.trading_symbols import confirmed_by
from volguard.model.instrument import OptionContract, OptionType, Underlying
from volguard.simulator.upstox_server.instruments import file_day, symbol_of

NIFTY = Underlying("NIFTY")
WEEKLY = OptionContract(underlying=NIFTY, expiry=date(2025, 4, 30), strike=21600, option_type=OptionType.PUT)
FORMS = ("NIFTY2543021600PE", "NIFTY25APR21600PE", "NIFTY 21600 PE 30 APR 25")
CONTRACTS = st.builds(
    OptionContract,
    underlying=st.sampled_from([NIFTY, Underlying("BANKNIFTY")]),
    expiry=st.dates(date(2020, 1, 1), date(2039, 12, 31)),
    strike=st.integers(50, 99_999),
    option_type=st.sampled_from(OptionType),
)


@pytest.mark.parametrize(
    "symbol", [*FORMS, "nifty2543021600pe", " NIFTY25APR21600.0PE ", "NIFTY2543021600.00PE"]
)
def test_a_symbol_of_the_contract_confirms_it(symbol: str) -> None:
    """In each form that the broker writes; the strike with or without its zeros."""
    assert confirmed_by(WEEKLY, symbol) == WEEKLY


@pytest.mark.parametrize(
    "symbol",
    [
        *("NIFTY2543021650PE", "NIFTY2543021600CE", "NIFTY2550721600PE", "NIFTY2643021600PE"),
        *("BANKNIFTY2543021600PE", "FINNIFTY25APR21600PE", "NIFTY25MAY21600PE", "NIFTY25APR2160PE"),
        *("NIFTY 21600 PE 29 APR 25", "NIFTY 21600 CE 30 APR 25", "NIFTY 21600 PE 30 APR 26"),
        *("NIFTYNXT50 21600 PE 30 APR 25", "NIFTYNXT5025APR21600PE", "NIFTY25APR21600.5PE"),
        *("NIFTY FUT 30 APR 25", "NIFTY25APRFUT", "BAJAJ-AUTO25APR21600PE", "NIFTY25O0721600PE"),
    ],
)
def test_a_symbol_of_another_contract_takes_it_away(symbol: str) -> None:
    """Other strike, type, expiry or underlying, or a future; in either of the two spellings of the field."""
    assert confirmed_by(WEEKLY, symbol) is None
    assert confirmed_by(WEEKLY, FORMS[0], symbol) is confirmed_by(WEEKLY, symbol, None) is None


@pytest.mark.parametrize(
    "symbol", [None, "", " ", "NIFTY", "NIFTY 21600 PE", "SBIN-EQ", "NIFTY?25APR1PE", "1", "PE"]
)
def test_a_symbol_that_cannot_be_parsed_changes_nothing(symbol: str | None) -> None:
    """The key alone counts then; where the key is none of ours the symbol makes it none either."""
    assert confirmed_by(WEEKLY, symbol, None) == WEEKLY
    assert confirmed_by(None, FORMS[0]) is None


@given(ours=CONTRACTS, theirs=CONTRACTS, is_weekly=st.booleans())
def test_each_contract_is_confirmed_by_its_own_symbols_alone(
    ours: OptionContract, theirs: OptionContract, is_weekly: bool
) -> None:
    """As the broker writes them; a monthly one says nothing of the day of its month."""
    long = f"{theirs.underlying} {theirs.strike} {theirs.option_type} {file_day(theirs.expiry)}"
    short = symbol_of(theirs, is_weekly=is_weekly)
    assert confirmed_by(theirs, short, long) == theirs
    assert (confirmed_by(ours, long) == ours) is (ours == theirs)
    same_month = (ours.expiry.year, ours.expiry.month) == (theirs.expiry.year, theirs.expiry.month)
    is_same = ours == theirs or (
        not is_weekly
        and same_month
        and (ours.underlying, ours.strike, ours.option_type)
        == (theirs.underlying, theirs.strike, theirs.option_type)
    )
    assert (confirmed_by(ours, short) == ours) is is_same
