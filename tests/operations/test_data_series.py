"""An operator's words become a series: an index, India VIX, or one option under its name at the broker."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.adapters.upstox.test_instrument_files import payload
from tests.fakes import NIFTY, TS, call, put, shipped_rules
from tests.operations.data_parts import CandleBook
from volguard.adapters.upstox.instruments import InstrumentMaster
from volguard.adapters.upstox.wire_options import ContractRow
from volguard.model.errors import UsageError
from volguard.model.instrument import Underlying
from volguard.operations.data_series import Series, find_series

TODAY = TS.date()
MASTER = InstrumentMaster.of(payload(), underlying=NIFTY, source="test")


def master(underlying: Underlying) -> InstrumentMaster:
    assert underlying == NIFTY
    return MASTER


def found(words: str, book: CandleBook | None = None) -> Series:
    return find_series(words, TODAY, book or CandleBook(shipped_rules().calendar), master)


def test_an_index_and_the_vix_have_names_of_their_own() -> None:
    """Names are the ones that history files go by; case and spaces do not matter."""
    assert found("NIFTY").key == "NSE_INDEX|Nifty 50"
    assert (found("banknifty").name, found("banknifty").key) == ("BANKNIFTY", "NSE_INDEX|Nifty Bank")
    for words in ("INDIA_VIX", "india vix", " INDIA  VIX "):
        assert (found(words).name, found(words).key) == ("INDIA_VIX", "NSE_INDEX|India VIX")
    assert found("NIFTY").last_day is None


def test_a_listed_option_has_todays_key() -> None:
    """A contract by its words, under the key of today's instrument file."""
    series = found("nifty 2026-09-22 24500 ce")
    assert series.contract == call(24500)
    assert series.key == MASTER.key_of(call(24500))
    assert (series.name, series.label) == ("NIFTY_2026-09-22_24500_CE", "NIFTY 2026-09-22 24500 CE")
    assert (series.is_expired, series.last_day) == (False, date(2026, 9, 22))


def test_an_expired_option_has_the_key_that_the_broker_gives_it_now() -> None:
    """A past expiry is asked for by name; the key carries the expiry."""
    row = ContractRow(
        segment="NSE_FO",
        expiry="2026-09-08",
        instrument_key="NSE_FO|54452|08-09-2026",
        tick_size=5.0,
        lot_size=65.0,
        instrument_type="PE",
        freeze_quantity=1800.0,
        underlying_key="NSE_INDEX|Nifty 50",
        strike_price=24500.0,
    )
    book = CandleBook(shipped_rules().calendar, contracts=(row,))
    series = found("NIFTY 2026-09-08 24500 PE", book)
    assert (series.key, series.is_expired) == ("NSE_FO|54452|08-09-2026", True)
    assert series.contract == put(24500, date(2026, 9, 8))
    assert book.calls == [("contracts of NSE_INDEX|Nifty 50", date(2026, 9, 8), date(2026, 9, 8))]
    with pytest.raises(UsageError, match="the broker has no NIFTY 2026-09-08 24500 CE") as unknown:
        found("NIFTY 2026-09-08 24500 CE", book)
    assert "six months" in unknown.value.hint


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("SENSEX", "known is nothing of that name"),
        ("NIFTY 24500 CE", "known is nothing of that name"),
        ("SENSEX 2026-09-22 24500 CE", "known is nothing of that name"),
        ("NIFTY 2026-09-31 24500 CE", "no such date"),
        ("NIFTY 2026-09-22 99999 CE", "the broker has no NIFTY 2026-09-22 99999 CE"),
        ("", "known is nothing of that name"),
        ("../NIFTY", "known is nothing of that name"),
    ],
)
def test_words_that_mean_nothing_are_refused(words: str, why: str) -> None:
    """An unknown name, a date that is none, a strike that is not listed: said as it was typed."""
    with pytest.raises(UsageError, match=why):
        found(words)


def test_nothing_is_asked_for_an_index(tmp_path: Path) -> None:
    """The keys of the indices are known: no file and no call."""
    book = CandleBook(shipped_rules().calendar)
    found("NIFTY", book)
    assert (book.calls, list(tmp_path.iterdir())) == ([], [])
