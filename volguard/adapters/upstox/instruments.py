"""The instrument master: which key stands for which contract today, and whether our dated rules agree."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from math import gcd
from typing import Final

from volguard.adapters.upstox.wire_instruments import OptionRow, options_of, rows_of
from volguard.adapters.upstox.wire_values import whole
from volguard.model.broker import InstrumentKey
from volguard.model.errors import DataError, DateNotCovered
from volguard.model.instrument import OptionContract, OptionType, Underlying
from volguard.nse.contracts import Contracts

UNDERLYING_KEYS: Final[Mapping[str, InstrumentKey]] = {
    "NIFTY": InstrumentKey("NSE_INDEX|Nifty 50"),
    "BANKNIFTY": InstrumentKey("NSE_INDEX|Nifty Bank"),
}
VIX_KEY: Final = InstrumentKey("NSE_INDEX|India VIX")
SEGMENT: Final = "NSE_FO"
INDEX_SEGMENT: Final = "NSE_INDEX"
EXPIRIES_COMPARED: Final = 5  # the nearest ones: what is far away trades by rules of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One option as the broker lists it today; quantities in units, tick in rupees."""

    key: InstrumentKey
    contract: OptionContract
    lot_size: int
    tick: Decimal
    freeze_quantity: int
    trading_symbol: str


class InstrumentMaster:
    """The options of one underlying, by contract and by key.

    `digest` names the file by its content; `fetched_at` is the caller's word, for the file carries no date.
    """

    def __init__(
        self,
        options: Sequence[Instrument],
        *,
        underlying: Underlying,
        source: str,
        digest: str,
        index_keys: frozenset[str] = frozenset(),
        fetched_at: datetime | None = None,
    ) -> None:
        self.underlying = underlying
        self.source = source
        self.digest = digest
        self.fetched_at = fetched_at
        self.index_key = _index_key(underlying)
        self.vix_key = VIX_KEY
        self.options: tuple[Instrument, ...] = tuple(sorted(options, key=_place))
        self._index_keys = index_keys
        self._by_contract = {option.contract: option for option in self.options}
        self._by_key = {option.key: option for option in self.options}
        self._check_unique()

    @classmethod
    def of(
        cls, payload: bytes, *, underlying: Underlying, source: str, fetched_at: datetime | None = None
    ) -> InstrumentMaster:
        """The master of a file, gzipped or plain.

        Raises DataError naming source, row and field: a file that cannot be read, an unusable row of this
        underlying, a contract or a key twice, no option of it at all.
        """
        rows = rows_of(payload, source)
        found = options_of(
            rows, segment=SEGMENT, underlying_key=_index_key(underlying), symbol=underlying, source=source
        )
        return cls(
            [_instrument(row, underlying) for _, row in found],
            underlying=underlying,
            source=source,
            digest=hashlib.blake2b(payload, digest_size=16).hexdigest(),
            index_keys=frozenset(str(row.instrument_key) for row in rows if row.segment == INDEX_SEGMENT),
            fetched_at=fetched_at,
        )

    @property
    def expiries(self) -> tuple[date, ...]:
        """Expiries that the file lists, nearest first."""
        return tuple(sorted({option.contract.expiry for option in self.options}))

    def key_of(self, contract: OptionContract) -> InstrumentKey | None:
        """The broker's name of a contract, None when it does not list it."""
        option = self._by_contract.get(contract)
        return None if option is None else option.key

    def contract_of(self, key: InstrumentKey) -> OptionContract | None:
        """The contract behind a name, None for anything but an option of this underlying."""
        option = self._by_key.get(key)
        return None if option is None else option.contract

    def instrument(self, contract: OptionContract) -> Instrument | None:
        """What the broker lists of a contract."""
        return self._by_contract.get(contract)

    def differences(self, contracts: Contracts, trading_date: date) -> tuple[str, ...]:
        """Where the file and our dated rules disagree on the nearest expiries, in words; () when nowhere.

        A rule that nobody knows is a difference too: it was not compared.
        """
        return tuple(
            [
                *self._missing_indices(),
                *self._expiry_differences(contracts, trading_date),
                *(
                    text
                    for expiry in self._nearest(trading_date)
                    for text in self._rule_differences(contracts, trading_date, expiry)
                ),
            ]
        )

    def _check_unique(self) -> None:
        if not self.options:
            raise DataError(
                f"{self.source}: no option of {self.underlying}", hint="fetch the instrument file again"
            )
        for count, what in ((len(self._by_contract), "contract"), (len(self._by_key), "key")):
            if count != len(self.options):
                raise DataError(
                    f"{self.source}: {len(self.options) - count} rows of {self.underlying} repeat a {what}",
                    hint="fetch the instrument file again",
                )

    def _nearest(self, trading_date: date) -> tuple[date, ...]:
        return tuple(day for day in self.expiries if day >= trading_date)[:EXPIRIES_COMPARED]

    def _missing_indices(self) -> Iterator[str]:
        if self._index_keys:
            for key in (self.index_key, self.vix_key):
                if key not in self._index_keys:
                    yield f"index {key}: not in the file"

    def _expiry_differences(self, contracts: Contracts, trading_date: date) -> Iterator[str]:
        try:
            listed = contracts.expiries(self.underlying, trading_date)
        except DateNotCovered as error:
            yield error.message
            return
        ours = {expiry.day for expiry in listed[:EXPIRIES_COMPARED]}
        theirs = set(self._nearest(trading_date))
        for day in sorted(ours - theirs):
            yield f"expiry {day}: listed by the rules, not among the nearest {EXPIRIES_COMPARED} of the file"
        for day in sorted(theirs - ours):
            yield f"expiry {day}: in the file, not among the nearest {EXPIRIES_COMPARED} by the rules"

    def _rule_differences(self, contracts: Contracts, trading_date: date, expiry: date) -> Iterator[str]:
        options = [option for option in self.options if option.contract.expiry == expiry]
        name = self.underlying
        lots = {Decimal(option.lot_size) for option in options}
        freezes = {Decimal(option.freeze_quantity) for option in options}
        ticks = {option.tick for option in options}
        step = Decimal(gcd(*(option.contract.strike for option in options)))
        rules: tuple[tuple[str, set[Decimal], Callable[[], Decimal]], ...] = (
            ("lot size", lots, lambda: Decimal(contracts.lot_size(name, trading_date, expiry))),
            ("freeze quantity", freezes, lambda: Decimal(contracts.freeze_quantity(name, trading_date))),
            ("tick", ticks, lambda: contracts.tick(name, trading_date)),
            ("strike step", {step}, lambda: Decimal(contracts.strike_step(name, trading_date, expiry))),
        )
        for what, seen, rule in rules:
            try:
                expected = rule()
            except DateNotCovered as error:
                yield f"expiry {expiry}: {what} not compared, {error.message}"
                continue
            if seen != {expected}:
                shown = ", ".join(f"{value:f}" for value in sorted(seen))
                yield f"expiry {expiry}: {what} was {shown} in the file, {expected:f} by the rules"


def _index_key(underlying: Underlying) -> InstrumentKey:
    if underlying not in UNDERLYING_KEYS:
        known = ", ".join(UNDERLYING_KEYS)
        raise DataError(f"the broker's key of {underlying} is not known", hint=f"known are {known}")
    return UNDERLYING_KEYS[underlying]


def _instrument(row: OptionRow, underlying: Underlying) -> Instrument:
    return Instrument(
        key=InstrumentKey(row.instrument_key),
        contract=OptionContract(
            underlying=underlying,
            expiry=row.expiry_day,
            strike=whole("strike_price", row.strike_price),
            option_type=row.instrument_type,
        ),
        lot_size=whole("lot_size", row.lot_size),
        tick=row.tick,
        freeze_quantity=whole("freeze_quantity", row.freeze_quantity),
        trading_symbol=row.trading_symbol,
    )


def _place(option: Instrument) -> tuple[date, int, bool]:
    contract = option.contract
    return contract.expiry, contract.strike, contract.option_type is OptionType.PUT
