"""The chain as the broker has it now: one expiry, both sides of each strike, nothing made up."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

from tests.fakes import NIFTY
from tests.operations.data_parts import desk_at
from volguard.adapters.upstox.market_reads import Chain
from volguard.adapters.upstox.wire_options import ChainQuote
from volguard.model.broker import InstrumentKey
from volguard.model.errors import TryLater, UsageError
from volguard.model.instrument import OptionType, Underlying
from volguard.operations.data_chain import current_chain_document

EXPIRIES = (date(2026, 9, 15), date(2026, 9, 22), date(2026, 9, 29))


def quote(strike: int, option_type: OptionType, bid: float | None = 10.0) -> ChainQuote:
    return ChainQuote(
        key=InstrumentKey(f"NSE_FO|{strike}{option_type}"),
        expiry=EXPIRIES[1],
        strike=strike,
        option_type=option_type,
        bid=bid,
        bid_qty=650 if bid else 0,
        ask=10.5,
        ask_qty=130,
        last=10.2,
        previous_close=12.0,
        volume=65_000,
        oi=1300,
        volatility=0.1234567891234 if bid else None,
        delta=0.5,
        gamma=0.001,
        theta_per_day=-5.0,
        vega_per_pt=8.0,
    )


@dataclass
class Reads:
    """A broker that lists expiries and has one chain."""

    quotes: tuple[ChainQuote, ...]
    expiries_listed: tuple[date, ...] = EXPIRIES
    asked: list[date] = field(default_factory=list)

    def expiries(self, underlying_key: InstrumentKey) -> tuple[date, ...]:
        assert underlying_key == "NSE_INDEX|Nifty 50"
        return self.expiries_listed

    def chain(self, _underlying_key: InstrumentKey, expiry: date) -> Chain:
        self.asked.append(expiry)
        return Chain(quotes=self.quotes, spot=24510.35)


BOTH = (quote(24500, OptionType.CALL), quote(24500, OptionType.PUT), quote(24550, OptionType.CALL, bid=None))


def test_the_nearest_expiry_that_is_not_over_is_shown(tmp_path: Path) -> None:
    """Strikes ascend, a side that is not listed is null, and so is what nobody quotes."""
    reads = Reads(BOTH)
    document = current_chain_document(desk_at(tmp_path), reads, NIFTY, None)
    assert (document["schema"], document["expiry"], reads.asked) == (
        *("volguard.data_chain/1", "2026-09-22", [date(2026, 9, 22)]),
    )
    assert document["expiries"] == ["2026-09-22", "2026-09-29"]
    assert (document["spot"], document["received_at"]) == (24510.35, "2026-09-16T18:00:00+05:30")
    first, second = document["strikes"]
    assert first["call"]["bid"] == 10.0 and first["put"]["key"] == "NSE_FO|24500PE"
    assert first["call"]["iv"] == 0.123456789
    assert second == {"strike": 24550, "call": {**second["call"], "bid": None, "iv": None}, "put": None}


def test_an_expiry_by_name(tmp_path: Path) -> None:
    """A listed one is asked for; another one is refused with what is listed."""
    reads = Reads(BOTH)
    current_chain_document(desk_at(tmp_path), reads, NIFTY, date(2026, 9, 29))
    assert reads.asked == [date(2026, 9, 29)]
    for day in (date(2026, 9, 15), date(2026, 9, 23)):
        with pytest.raises(UsageError, match=f"--expiry was {day}, listed are 2026-09-22, 2026-09-29"):
            current_chain_document(desk_at(tmp_path), reads, NIFTY, day)


def test_no_chain_is_no_table(tmp_path: Path) -> None:
    """An empty answer is told as that; nothing is shown in its place."""
    with pytest.raises(TryLater, match="the chain of NIFTY 2026-09-22 is empty"):
        current_chain_document(desk_at(tmp_path), Reads(()), NIFTY, None)
    with pytest.raises(TryLater, match="lists no expiry of NIFTY"):
        current_chain_document(desk_at(tmp_path), Reads(BOTH, ()), NIFTY, None)
    with pytest.raises(UsageError, match="key of FINNIFTY is not known"):
        current_chain_document(desk_at(tmp_path), Reads(BOTH), Underlying("FINNIFTY"), None)
