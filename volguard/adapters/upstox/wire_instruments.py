"""The daily instrument file on the wire: one JSON array of about 100,000 rows, gzipped, ours among them."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any, Final

import msgspec

from volguard.adapters.upstox.times import parse_day
from volguard.adapters.upstox.wire_values import Word, paise, require_finite, whole
from volguard.model.errors import DataError
from volguard.model.instrument import OptionType

GZIP_MAGIC: Final = b"\x1f\x8b"
FETCH_AGAIN: Final = "fetch the instrument file again"


class AnyRow(msgspec.Struct, frozen=True, gc=False):
    """Any row, of any kind: only what tells ours from the rest, and what ours must have, unchecked."""

    segment: Any = None
    instrument_type: Any = None
    instrument_key: Any = None
    trading_symbol: Any = None
    expiry: Any = None
    strike_price: Any = None
    lot_size: Any = None
    freeze_quantity: Any = None
    tick_size: Any = None
    underlying_key: Any = None
    asset_key: Any = None
    underlying_symbol: Any = None
    asset_symbol: Any = None
    weekly: Any = None

    @property
    def is_option(self) -> bool:
        """A call or a put."""
        return self.instrument_type in ("CE", "PE")

    def is_on(self, underlying_key: str, symbol: str) -> bool:
        """Whether it is derived from an underlying: by its key, by the symbol where it has no key."""
        named = self.underlying_key or self.asset_key
        if named:
            return bool(named == underlying_key)
        return bool((self.underlying_symbol or self.asset_symbol) == symbol)


class OptionRow(msgspec.Struct, kw_only=True, frozen=True):
    """An index option's row, checked; tick in paise, expiry in epoch ms, quantities in units."""

    segment: str
    instrument_type: OptionType
    instrument_key: str
    trading_symbol: str
    expiry: Word
    strike_price: float
    lot_size: float
    freeze_quantity: float
    tick_size: float

    def __post_init__(self) -> None:
        if not self.instrument_key.strip():
            raise ValueError("instrument_key was empty")
        if not self.expiry:
            raise ValueError("expiry was empty")
        parse_day(self.expiry)
        for name in ("strike_price", "lot_size", "freeze_quantity", "tick_size"):
            value = getattr(self, name)
            require_finite(name, value)
            if value <= 0.0:
                raise ValueError(f"{name} was {value}, must be above 0")
        for name in ("strike_price", "lot_size", "freeze_quantity"):
            whole(name, getattr(self, name))

    @property
    def expiry_day(self) -> date:
        """Expiry, by the IST date of its last second."""
        return parse_day(self.expiry)

    @property
    def tick(self) -> Decimal:
        """Smallest price step in rupees."""
        return paise(self.tick_size)


class InstrumentRow(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A row as it is written, of an option, a future, an index or a stock."""

    segment: str
    name: str | None = None
    exchange: str | None = None
    isin: str | None = None
    instrument_type: str
    instrument_key: str
    exchange_token: Word | None = None
    trading_symbol: str | None = None
    short_name: str | None = None
    security_type: str | None = None
    expiry: Word | None = None
    weekly: bool | None = None
    strike_price: float | None = None
    lot_size: int | None = None
    minimum_lot: int | None = None
    freeze_quantity: float | None = None
    tick_size: float | None = None
    underlying_key: str | None = None
    asset_key: str | None = None
    underlying_symbol: str | None = None
    asset_symbol: str | None = None
    underlying_type: str | None = None
    asset_type: str | None = None
    qty_multiplier: float | None = None


_ROWS: Final = msgspec.json.Decoder(list[AnyRow])
_CHECKED: Final = OptionRow.__struct_fields__


def rows_of(payload: bytes, source: str) -> list[AnyRow]:
    """Every row of a file, gzipped or plain. Raises DataError naming the source when it cannot be read."""
    try:
        return _ROWS.decode(_plain(payload, source))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DataError(f"{source}: no instrument file: {error}", hint=FETCH_AGAIN) from None


def options_of(
    rows: list[AnyRow], *, segment: str, underlying_key: str, symbol: str, source: str
) -> Iterator[tuple[int, OptionRow]]:
    """(place in the file, row) of every option on an underlying; the rest is passed over unread.

    Raises DataError naming source, row and field when one of them cannot be used.
    """
    for number, row in enumerate(rows):
        if row.segment == segment and row.is_option and row.is_on(underlying_key, symbol):
            yield number, _checked(row, number, source)


def _checked(row: AnyRow, number: int, source: str) -> OptionRow:
    given = {name: value for name in _CHECKED if (value := getattr(row, name)) is not None}
    try:
        return msgspec.convert(given, OptionRow, strict=False)
    except msgspec.ValidationError as error:
        raise DataError(f"{source}: row {number} ({row.instrument_key}): {error}", hint=FETCH_AGAIN) from None


def _plain(payload: bytes, source: str) -> bytes:
    if not payload.startswith(GZIP_MAGIC):
        return payload
    try:
        return gzip.decompress(payload)
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(f"{source}: cannot be unpacked: {error}", hint=FETCH_AGAIN) from None
