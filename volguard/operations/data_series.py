"""Which series an operator means by its words, and under which name the broker has it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol

from volguard.adapters.upstox.instruments import UNDERLYING_KEYS, VIX_KEY, InstrumentMaster
from volguard.adapters.upstox.wire_candles import Candle
from volguard.adapters.upstox.wire_options import ContractRow
from volguard.model.broker import InstrumentKey
from volguard.model.errors import UsageError
from volguard.model.instrument import OptionContract, OptionType, Underlying

VIX_NAME: Final = "INDIA_VIX"
EXAMPLE: Final = 'for example NIFTY, INDIA_VIX or "NIFTY 2026-09-22 24500 CE"'
_OPTION: Final = re.compile(
    r"(?P<underlying>[A-Z]+) (?P<expiry>[0-9]{4}-[0-9]{2}-[0-9]{2}) (?P<strike>[0-9]{1,7}) (?P<type>CE|PE)"
)


class CandleReads(Protocol):
    """What a history needs of the broker's market reads."""

    def candles_of_span(
        self, key: InstrumentKey, unit: str, interval: int, *, first: date, last: date
    ) -> tuple[Candle, ...]:
        """Finished candles of no more dates than one call may cover."""
        ...

    def expired_contracts(self, underlying_key: InstrumentKey, expiry: date) -> tuple[ContractRow, ...]:
        """Contracts of a past expiry, by the keys that they have now."""
        ...

    def expired_candles(
        self, expired_key: InstrumentKey, interval: str, *, first: date, last: date
    ) -> tuple[Candle, ...]:
        """Candles of a past contract."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A series of bars: the name of its files, the broker's key, and the contract where it is an option."""

    name: str
    label: str
    key: InstrumentKey
    contract: OptionContract | None = None
    is_expired: bool = False

    @property
    def last_day(self) -> date | None:
        """The day after which nothing can follow: an option's expiry."""
        return None if self.contract is None else self.contract.expiry


def find_series(
    words: str, today: date, reads: CandleReads, master: Callable[[Underlying], InstrumentMaster]
) -> Series:
    """The series of some words: an index, India VIX, or one option, live or expired.

    `master` gives today's instruments of an underlying. Raises UsageError when the words mean nothing or the
    broker does not have the contract.
    """
    asked = " ".join(words.upper().split())
    if asked in (VIX_NAME, VIX_NAME.replace("_", " ")):
        return Series(name=VIX_NAME, label=VIX_NAME, key=VIX_KEY)
    if asked in UNDERLYING_KEYS:
        return Series(name=asked, label=asked, key=UNDERLYING_KEYS[asked])
    contract = _contract(asked, words)
    is_expired = contract.expiry < today
    key = _expired_key(contract, reads) if is_expired else master(contract.underlying).key_of(contract)
    if key is None:
        raise UsageError(
            f"the broker has no {contract.symbol}",
            hint="see the expiries and strikes with volguard data chain"
            if not is_expired
            else "of past expiries it keeps the last six months or so",
        )
    name = f"{contract.underlying}_{contract.expiry.isoformat()}_{contract.strike}_{contract.option_type}"
    return Series(name=name, label=contract.symbol, key=key, contract=contract, is_expired=is_expired)


def _contract(asked: str, words: str) -> OptionContract:
    match = _OPTION.fullmatch(asked)
    if match is None or match["underlying"] not in UNDERLYING_KEYS:
        raise UsageError(f"--instrument was {words!r}, known is nothing of that name", hint=EXAMPLE)
    try:
        expiry = date.fromisoformat(match["expiry"])
    except ValueError:
        raise UsageError(f"--instrument was {words!r}: no such date", hint=EXAMPLE) from None
    return OptionContract(
        underlying=Underlying(match["underlying"]),
        expiry=expiry,
        strike=int(match["strike"]),
        option_type=OptionType(match["type"]),
    )


def _expired_key(contract: OptionContract, reads: CandleReads) -> InstrumentKey | None:
    rows = reads.expired_contracts(UNDERLYING_KEYS[contract.underlying], contract.expiry)
    return next((row.key for row in rows if row.contract(contract.underlying) == contract), None)
