"""A chain snapshot as one compressed blob, bit for bit the same back.

Columns become the smallest unsigned integers that hold them (prices in paisa over their common step, sizes
over the lot they are multiples of), split into byte planes so that the near-empty high bytes compress to
nothing. A column that is not such a grid (a model's volatility) is kept as raw float64 behind the
compressed part. Layout: magic, zlib(header length, JSON header, planes), raw columns.
"""

from __future__ import annotations

import math
import zlib
from datetime import date, datetime
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from volguard.model.errors import JournalDamaged
from volguard.model.instrument import Underlying
from volguard.model.market import COLUMNS, ChainSnapshot, FloatArray, IntArray, Listing
from volguard.model.units import IST

MAGIC: Final = b"VGS1"
_INT_COLUMNS: Final = frozenset({"bid_qty", "ask_qty", "volume", "oi", "offsets", "is_call"})
_WIDTH_MAX: Final = 4
_STORED_MAX: Final = 2**32 - 2  # one value is taken by nan


class _Column(NamedTuple):
    # grid: "" integers, else the float grid's name; width 0: raw 8-byte items behind the compressed part.
    name: str
    grid: str
    step: int
    width: int
    rows: int


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    ts: str
    columns: tuple[_Column, ...]
    underlying_ltp: str | None  # float.hex, which also writes nan
    vix: str | None
    underlying: str | None = None  # with `expiries`: the listing is in here
    expiries: tuple[date, ...] = ()


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(_Header)


def encode_snapshot(snapshot: ChainSnapshot, *, with_listing: bool) -> bytes:
    """The blob of a snapshot; its listing goes in only when no earlier blob holds it."""
    listing = snapshot.listing if with_listing else None
    packed = [_packed(name, getattr(snapshot, name)) for name in COLUMNS]
    if snapshot.quote_age_s is not None:
        packed.append(_packed("quote_age_s", snapshot.quote_age_s))
    if listing is not None:
        packed += [_packed(name, getattr(listing, name)) for name in ("offsets", "strike", "is_call")]
    header = _ENCODER.encode(
        _Header(
            ts=snapshot.ts.astimezone(IST).isoformat(),
            columns=tuple(column for column, _ in packed),
            underlying_ltp=_hex(snapshot.underlying_ltp),
            vix=_hex(snapshot.vix),
            underlying=None if listing is None else listing.underlying,
            expiries=() if listing is None else listing.expiries,
        )
    )
    planes = b"".join(items for column, items in packed if column.width)
    raw = b"".join(items for column, items in packed if not column.width)
    return MAGIC + _compressed(len(header).to_bytes(4, "little") + header + planes) + raw


def decode_snapshot(blob: bytes, listing: Listing | None = None) -> ChainSnapshot:
    """The snapshot of a blob, over the given listing or else its own. Raises JournalDamaged."""
    header, columns = _opened(blob)
    own = _listing(header, columns) if listing is None else listing
    return ChainSnapshot(
        ts=datetime.fromisoformat(header.ts).astimezone(IST),
        listing=own,
        quote_age_s=columns.get("quote_age_s"),
        underlying_ltp=_unhex(header.underlying_ltp),
        vix=_unhex(header.vix),
        **{name: columns[name] for name in COLUMNS},
    )


def decode_listing(blob: bytes) -> Listing:
    """The listing kept in a blob. Raises JournalDamaged when it holds none."""
    return _listing(*_opened(blob))


def _compressed(plain: bytes) -> bytes:
    # Runs of equal bytes are all there is to find in byte planes, and Z_RLE looks for nothing else.
    press = zlib.compressobj(1, zlib.DEFLATED, 15, 9, zlib.Z_RLE)
    return press.compress(plain) + press.flush()


def _packed(name: str, values: NDArray[Any]) -> tuple[_Column, bytes]:
    if name in _INT_COLUMNS:
        return _packed_ints(name, values.astype(np.int64))
    return _packed_floats(name, values)


def _packed_ints(name: str, values: IntArray) -> tuple[_Column, bytes]:
    if values.min(initial=0) >= 0:
        step = _common_step(values)
        stored = values // step if step > 1 else values
        if (top := int(stored.max(initial=0))) <= _STORED_MAX:
            return _planes(name, "", step, stored, top)
    return _Column(name, "", 1, 0, len(values)), values.astype("<i8").tobytes()


def _packed_floats(name: str, values: FloatArray) -> tuple[_Column, bytes]:
    absent = np.isnan(values)
    filled = np.where(absent, 0.0, values)
    if filled.min(initial=0.0) >= 0.0 and filled.max(initial=0.0) <= _STORED_MAX / 1000.0:
        for grid in ("paisa", "percent", "milli"):
            counts = np.rint(filled * _PER_UNIT[grid])
            if np.array_equal(_on_grid(grid, counts), filled):
                whole = counts.astype(np.int64)
                step = _common_step(whole)
                stored = np.where(absent, 0, whole // step + 1)
                return _planes(name, grid, step, stored, int(stored.max(initial=0)))
    return _Column(name, "float64", 1, 0, len(values)), values.astype("<f8").tobytes()


_PER_UNIT: Final = {"paisa": 100.0, "percent": 10_000.0, "milli": 1000.0}


def _on_grid(grid: str, counts: FloatArray) -> FloatArray:
    # The divisions that made the value, so that it comes back to the last bit: a volatility published
    # as 13.37 % was read as a decimal number and then divided by 100.
    return counts / 100.0 / 100.0 if grid == "percent" else counts / _PER_UNIT[grid]


def _common_step(values: IntArray) -> int:
    # The divisor of a few values, kept only if it divides all of them: a whole gcd costs more than it saves.
    step = math.gcd(*values[np.flatnonzero(values)[:8]].tolist())
    return step if step > 1 and not np.any(values % step) else 1


def _planes(name: str, grid: str, step: int, stored: IntArray, top: int) -> tuple[_Column, bytes]:
    width = max(1, (top.bit_length() + 7) // 8)
    items = stored.astype("<u4").view(np.uint8).reshape(-1, _WIDTH_MAX)[:, :width]
    return _Column(name, grid, step, width, len(stored)), items.T.tobytes()


def _opened(blob: bytes) -> tuple[_Header, dict[str, NDArray[Any]]]:
    if not blob.startswith(MAGIC):
        raise JournalDamaged("a market blob does not begin as one")
    try:
        press = zlib.decompressobj()
        plain = press.decompress(blob[len(MAGIC) :])
        start = 4 + int.from_bytes(plain[:4], "little")
        header = _DECODER.decode(plain[4:start])
        return header, _columns(header.columns, plain[start:], press.unused_data)
    except (zlib.error, msgspec.DecodeError, ValueError) as error:
        raise JournalDamaged(f"a market blob cannot be read: {error}") from error


def _columns(columns: tuple[_Column, ...], planes: bytes, raw: bytes) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    planes_at = raw_at = 0
    for column in columns:
        if column.width:
            size = column.width * column.rows
            found[column.name] = _from_planes(column, planes[planes_at : planes_at + size])
            planes_at += size
        else:
            kind = "<f8" if column.grid else "<i8"
            found[column.name] = np.frombuffer(raw, kind, column.rows, raw_at).copy()
            raw_at += 8 * column.rows
    return found


def _from_planes(column: _Column, items: bytes) -> NDArray[Any]:
    words = np.zeros((column.rows, _WIDTH_MAX), np.uint8)
    words[:, : column.width] = np.frombuffer(items, np.uint8).reshape(column.width, column.rows).T
    stored = words.view("<u4").ravel().astype(np.int64)
    if not column.grid:
        return stored * column.step
    values = _on_grid(column.grid, ((stored - 1) * column.step).astype(np.float64))
    values[stored == 0] = np.nan
    return values


def _listing(header: _Header, columns: dict[str, NDArray[Any]]) -> Listing:
    if header.underlying is None:
        raise JournalDamaged("a market blob was expected to hold its listing and does not")
    return Listing(
        underlying=Underlying(header.underlying),
        expiries=header.expiries,
        offsets=columns["offsets"],
        strike=columns["strike"],
        is_call=columns["is_call"].astype(np.bool_),
    )


def _hex(value: float | None) -> str | None:
    return None if value is None else float(value).hex()


def _unhex(text: str | None) -> float | None:
    return None if text is None else float.fromhex(text)
