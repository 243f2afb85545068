"""Journal rows as canonical JSON: sorted keys, exact Decimals as text, times in IST.

What the engine was told (events) and what it carries on from (checkpoints) keep every float to the last
bit, so that a replay sees the same input. What it says (records) is rounded here, once, to the 9
significant digits that the journal keeps. A float that is not finite is written as null.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar, get_args

import msgspec
import numpy as np

from volguard.model.errors import InvariantBroken, JournalDamaged
from volguard.model.event import Effect, Event, MarketSnapshot, Record
from volguard.model.units import IST, figure

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotReference:
    """What the row of a MarketSnapshot says: which blob of the market table it vouches for.

    `listing_seq` is the row whose blob holds the listing; `rows` counts the options shown.
    """

    ts: datetime
    blob_hash: str
    listing_seq: int
    rows: int


SNAPSHOT_KIND: Final = MarketSnapshot.__name__
CHECKPOINT_KIND: Final = "Checkpoint"
EVENT_KINDS: Final = frozenset(kind.__name__ for kind in get_args(Event))
RECORD_KINDS: Final = frozenset(kind.__name__ for kind in get_args(Record))
EFFECT_KINDS: Final = frozenset(kind.__name__ for kind in get_args(Effect))

_CLASSES: Final[dict[str, type[Any]]] = {
    kind.__name__: kind for union in (Event, Record, Effect) for kind in get_args(union)
} | {SNAPSHOT_KIND: SnapshotReference}
_ENCODER: Final = msgspec.json.Encoder()
_DECODERS: Final[dict[type[Any], msgspec.json.Decoder[Any]]] = {}  # building one costs more than using it


def encode(row: Event | Record | Effect | SnapshotReference) -> tuple[str, bytes]:
    """Kind and canonical JSON of one row.

    Raises InvariantBroken when a required figure is not finite or a time has no zone, TypeError on a value
    that has no JSON form (a MarketSnapshot is written as its SnapshotReference).
    """
    if isinstance(row, SnapshotReference):
        return SNAPSHOT_KIND, encode_exact(row)
    kind = type(row).__name__
    return kind, _canonical(row, rounded=kind in RECORD_KINDS)


def encode_exact(value: object) -> bytes:
    """Canonical JSON of any dataclass with no float rounded; raises as `encode` does."""
    return _canonical(value, rounded=False)


def decode(kind: str, body: bytes | str) -> Any:
    """The typed row of a kind; a MarketSnapshot comes back as its SnapshotReference.

    Raises JournalDamaged on a kind that is not known or a body that does not fit it.
    """
    if kind not in _CLASSES:
        raise JournalDamaged(f"rows of kind {kind} are not known to this version")
    return decode_as(_CLASSES[kind], body)


def decode_as(cls: type[T], body: bytes | str) -> T:
    """The value of a given class, typed field by field. Raises JournalDamaged when the body does not fit."""
    try:
        value: T = _decoder(cls).decode(body)
    except msgspec.DecodeError as error:  # also its subclass ValidationError
        raise JournalDamaged(f"a row of kind {cls.__name__} cannot be read: {error}") from error
    return value


def _decoder(cls: type[Any]) -> msgspec.json.Decoder[Any]:
    if cls not in _DECODERS:
        _DECODERS[cls] = msgspec.json.Decoder(cls)
    return _DECODERS[cls]


def _canonical(value: object, *, rounded: bool) -> bytes:
    tree = msgspec.to_builtins(value, order="sorted", builtin_types=(datetime,), enc_hook=_native)
    holes: list[float] = []
    body = _ENCODER.encode(_settled(tree, rounded, holes))
    if holes:
        _check_holes(type(value), body)
    return body


def _settled(value: Any, rounded: bool, holes: list[float]) -> Any:
    kind = type(value)
    if kind is float:
        if value - value != 0.0:  # nan or infinite; cheaper than math.isfinite and figure() both
            holes.append(value)
            return None
        return figure(value) if rounded else value
    if kind is dict:
        return {key: _settled(item, rounded, holes) for key, item in value.items()}
    if kind is list:
        return [_settled(item, rounded, holes) for item in value]
    if kind is datetime:
        return _ist_text(value)
    return value


def _ist_text(ts: datetime) -> str:
    if ts.tzinfo is None:
        raise InvariantBroken(f"a time without a zone reached the journal: {ts.isoformat()}")
    return ts.astimezone(IST).isoformat()


def _check_holes(cls: type[Any], body: bytes) -> None:
    # Where the type of the field admits no null, the value would be lost: better no row than such a row.
    try:
        _decoder(cls).decode(body)
    except msgspec.ValidationError as error:
        raise InvariantBroken(f"a {cls.__name__} holds a figure that is not finite: {error}") from error


def _native(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} has no place in a journal row")
