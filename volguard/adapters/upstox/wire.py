"""The envelope around every answer, taken off and put on.

Lenient on fields that are not known, strict on those that are missing: an answer that cannot be read is
ApiFailure UNKNOWN naming endpoint and field. Nothing of a body but the broker's own message is ever shown.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar, get_origin

import msgspec

from volguard.adapters.upstox.endpoints import Endpoint
from volguard.adapters.upstox.wire_errors import (
    ERROR,
    PARTIAL_SUCCESS,
    SUCCESS,
    Envelope,
    ErrorRow,
    WireError,
    classify,
    envelope_of,
    errors_of,
    failure_of,
    kind_of_body,
    plain,
    unreadable,
)

__all__ = [
    "Summary",
    "WireError",
    "classify",
    "data_of",
    "error_body",
    "errors_of",
    "failure_of",
    "success_body",
    "unreadable",
    "whole_of",
]

T = TypeVar("T")
HTTP_OK: Final = 200

_DECODERS: Final[dict[Any, Any]] = {}  # building one costs more than a small reply


class Summary(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """How many lines of a multi-line write went which way; `payload_error` of place alone."""

    total: int
    payload_error: int | msgspec.UnsetType = msgspec.UNSET
    success: int
    error: int


def data_of(body: bytes, kind: type[T], endpoint: Endpoint | str) -> T:
    """What a reply holds, as `kind`; a bare array is its own data, null is an empty list or mapping.

    Raises ApiFailure: UNKNOWN, naming endpoint and field, when it cannot be read; of the class of its
    errors when the envelope says error.
    """
    if body.lstrip()[:1] == b"[":
        return _typed(body, kind, endpoint)
    envelope = envelope_of(body)
    if envelope is None:
        raise unreadable(endpoint, kind_of_body(body))
    if envelope.is_error:
        raise _refusal(endpoint, body)
    if envelope.status not in (SUCCESS, PARTIAL_SUCCESS):
        raise unreadable(endpoint, f"status was {plain(envelope.status or 'missing')}")
    return _typed(_data_bytes(envelope, kind, endpoint), kind, endpoint)


def whole_of(body: bytes, kind: type[T], endpoint: Endpoint | str) -> T:
    """A reply read as a whole: one without an envelope, or where more of it counts than `data`.

    Raises ApiFailure UNKNOWN naming endpoint and field.
    """
    return _typed(body, kind, endpoint)


def success_body(data: object, **beside: object) -> bytes:
    """An envelope that says success; `beside` are further fields, e.g. metadata={"latency": 30}."""
    return msgspec.json.encode({"status": SUCCESS, "data": data, **beside})


def error_body(*errors: WireError, **beside: object) -> bytes:
    """An envelope that says error, every error in both spellings."""
    rows = [ErrorRow.of(error) for error in errors]
    return msgspec.json.encode({"status": ERROR, **beside, "errors": rows})


def _refusal(endpoint: Endpoint | str, body: bytes) -> Exception:
    if isinstance(endpoint, Endpoint):
        return classify(endpoint, HTTP_OK, body)
    return classify(Endpoint(name=endpoint, method="GET", path=""), HTTP_OK, body)


def _data_bytes(envelope: Envelope, kind: Any, endpoint: Endpoint | str) -> bytes:
    raw = bytes(envelope.data)
    if not raw:
        raise unreadable(endpoint, "it has no field data")
    if raw == b"null":
        empty = {list: b"[]", dict: b"{}"}.get(get_origin(kind) or kind)
        if empty is None:
            raise unreadable(endpoint, "its field data was null")
        return empty
    return raw


def _typed(raw: bytes, kind: type[T], endpoint: Endpoint | str) -> T:
    try:
        return _decoder(kind).decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise unreadable(endpoint, plain(str(error))) from None


def _decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    decoder: msgspec.json.Decoder[T] | None = _DECODERS.get(kind)
    if decoder is None:
        decoder = _DECODERS[kind] = msgspec.json.Decoder(kind, strict=False)
    return decoder
