"""Why a call failed: the broker's error envelope, and its class for the caller.

A write is proven not to have happened only by a refusal that can be read. Everything else a write may end
in (a page of the gateway, an empty 400, a 5xx) leaves its outcome open.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from volguard.adapters.upstox.endpoints import Band, Endpoint
from volguard.adapters.upstox.failures import ApiFailure
from volguard.model.broker import ErrorClass
from volguard.model.errors import TryLater

SUCCESS: Final = "success"
PARTIAL_SUCCESS: Final = "partial_success"
ERROR: Final = "error"
MESSAGE_LENGTH_MAX: Final = 300

TOO_MANY_REQUESTS: Final = "UDAPI10005"
SOMETHING_WENT_WRONG: Final = "UDAPI100500"
STATIC_IP: Final = "UDAPI1154"
DECISIVE: Final = (SOMETHING_WENT_WRONG, TOO_MANY_REQUESTS, STATIC_IP)  # whatever stands beside them
BAD_LOGIN_CODE: Final = "UDAPI100057"  # at login alone; the number means other things elsewhere
TOKEN_CODES: Final = frozenset(
    {
        "UDAPI100050",  # token invalid or expired
        "UDAPI100073",  # client inactive
        "UDAPI100016",  # invalid credentials
        "UDAPI100067",  # not allowed with an extended token
        "UDAPI100068",  # client id or redirect address wrong
        "UDAPI100069",  # client id or secret wrong
    }
)
HTTP_UNAUTHORIZED: Final = 401
HTTP_LOCKED: Final = 423
HTTP_TOO_MANY: Final = 429
HTTP_SERVER_MIN: Final = 500

HINTS: Final = {
    STATIC_IP: "register this machine's address as static IP with the broker, or send from the one that is",
    "UDAPI1149": "this call needs Upstox Plus",
    "UDAPI1161": "orders for this exchange are closed to the API",
    "UDAPI1184": "close every position of the segment first",
    "UDAPI1185": "the broker's kill switch can be taken off 12 hours after it was put on",
    "UDAPI100049": "the broker has restricted this account: ask the broker",
    "UDAPI100067": "log in with volguard token: an extended token may only read",
    "UDAPI100072": "the broker serves this from 05:30 to 24:00 IST",
    "UDAPI100074": "the broker takes orders from 05:30 to 24:00 IST",
    "UDAPI100068": "check API key and redirect address against those registered with the app",
    "UDAPI100069": "check API key and secret against those of the app",
    BAD_LOGIN_CODE: "the code is used up: open the login address again for a new one",
}
CLASS_HINTS: Final = {
    ErrorClass.AUTH: "log in with volguard token",
    ErrorClass.RATE: "wait; nothing was done",
    ErrorClass.SERVER: "try again later",
    ErrorClass.REJECT: "mend the request",
    ErrorClass.UNKNOWN: "if it stays so, the broker has changed the form of its answers",
}
OPEN_OUTCOME_HINT: Final = "it may have been done: read it back, do not send it again"
LOCKED_HINT: Final = "outside the broker's service hours, 05:30 to 24:00 IST: try again then"


class WireError(msgspec.Struct, kw_only=True, frozen=True):
    """One error of the broker, whichever spelling it came in; ids only where the call has them."""

    code: str
    message: str
    correlation_id: str | None = None
    order_id: str | None = None
    instrument_key: str | None = None


class ErrorRow(msgspec.Struct, kw_only=True, frozen=True):
    """One error as it is written: every field in both spellings, ids only where the call has them."""

    code_camel: str | None = msgspec.field(default=None, name="errorCode")
    message: str | None = None
    property_path_camel: str | None = msgspec.field(default=None, name="propertyPath")
    invalid_value_camel: Any = msgspec.field(default=None, name="invalidValue")
    error_code: str | None = None
    property_path: str | None = None
    invalid_value: Any = None
    correlation_id: str | msgspec.UnsetType | None = msgspec.UNSET
    order_id: str | msgspec.UnsetType | None = msgspec.UNSET
    instrument_key: str | msgspec.UnsetType | None = msgspec.UNSET

    @classmethod
    def of(cls, error: WireError) -> ErrorRow:
        """The row for an error, as the broker would write it."""
        return cls(
            code_camel=error.code,
            message=error.message,
            error_code=error.code,
            correlation_id=error.correlation_id or msgspec.UNSET,
            order_id=error.order_id or msgspec.UNSET,
            instrument_key=error.instrument_key or msgspec.UNSET,
        )

    @property
    def code(self) -> str:
        """The code in whichever spelling it came; empty when it has none."""
        return self.error_code or self.code_camel or ""

    def read(self) -> WireError:
        """The error with one code and a message that is fit for a terminal."""
        return WireError(
            code=plain(self.code),
            message=plain(self.message or ""),
            correlation_id=self.correlation_id or None,
            order_id=self.order_id or None,
            instrument_key=self.instrument_key or None,
        )


class Envelope(msgspec.Struct, frozen=True):
    """The outside of every answer, its inside not read yet; a field that is missing is empty bytes."""

    status: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"")
    errors: msgspec.Raw = msgspec.Raw(b"")

    @property
    def is_error(self) -> bool:
        """It says error, or says nothing but has errors."""
        return self.status == ERROR or (self.status is None and bool(self.error_rows))

    @property
    def error_rows(self) -> tuple[WireError, ...]:
        """Its errors that have a code; () where there are none that can be read."""
        raw = bytes(self.errors)
        try:
            rows = [_ONE_ERROR.decode(raw)] if raw[:1] == b"{" else _ERRORS.decode(raw or b"[]") or []
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return ()
        return tuple(row.read() for row in rows if row.code)


_ENVELOPE: Final = msgspec.json.Decoder(Envelope)
_ONE_ERROR: Final = msgspec.json.Decoder(ErrorRow)
_ERRORS: Final = msgspec.json.Decoder(list[ErrorRow] | None)


def envelope_of(body: bytes) -> Envelope | None:
    """The envelope of a body, None when it is no JSON object."""
    try:
        return _ENVELOPE.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def errors_of(body: bytes) -> tuple[WireError, ...]:
    """The errors of a body that says it failed; () when it does not, or cannot be read.

    Lines that failed in a partial success belong to that call's reply and are not given here.
    """
    envelope = envelope_of(body)
    return envelope.error_rows if envelope is not None and envelope.is_error else ()


def failure_of(endpoint: Endpoint, http_status: int, body: bytes) -> ApiFailure | None:
    """Why an answer is a failure, None when it is none: a 2xx may still hold an error envelope."""
    if 200 <= http_status < 300:
        envelope = envelope_of(body)
        if envelope is None or not envelope.is_error:
            return None
    return classify(endpoint, http_status, body)


def classify(endpoint: Endpoint, http_status: int, body: bytes) -> ApiFailure:
    """The failure that an answer stands for; of several errors the one that leaves most open decides."""
    errors = errors_of(body)
    error_class = _class_of(endpoint, http_status, errors)
    code = _deciding(errors).code if errors else None
    failure = ApiFailure(
        _message(endpoint, http_status, errors, body),
        error_class=error_class,
        endpoint=endpoint.name,
        http_status=http_status,
        code=code,
        is_write=endpoint.is_write,
        hint=_hint(endpoint, http_status, code, error_class),
    )
    if http_status == HTTP_LOCKED and error_class is ErrorClass.REJECT:
        failure.exit_code = TryLater.exit_code
    return failure


def class_of_line(error: WireError) -> ErrorClass:
    """The class of one failed line of a multi-line write: SERVER leaves that line's outcome open."""
    if error.code == TOO_MANY_REQUESTS:
        return ErrorClass.RATE
    return ErrorClass.SERVER if error.code == SOMETHING_WENT_WRONG else ErrorClass.REJECT


def unreadable(endpoint: Endpoint | str, why: str, *, http_status: int | None = None) -> ApiFailure:
    """The failure of an answer that cannot be read; of a write it leaves the outcome open."""
    is_write = isinstance(endpoint, Endpoint) and endpoint.is_write
    return ApiFailure(
        f"{name_of(endpoint)}: the answer cannot be read: {why}",
        error_class=ErrorClass.UNKNOWN,
        endpoint=name_of(endpoint),
        http_status=http_status,
        is_write=is_write,
        hint=OPEN_OUTCOME_HINT if is_write else CLASS_HINTS[ErrorClass.UNKNOWN],
    )


def kind_of_body(body: bytes) -> str:
    """What an unreadable body looks like, in words; its text is never shown."""
    text = body.lstrip()
    if not text:
        return "it was empty"
    if b"error code: 10" in text or b"cloudflare" in text.lower():
        return "it was a page of the gateway"
    return "it was a page, not JSON" if text.startswith(b"<") else "it was in no form that is known"


def name_of(endpoint: Endpoint | str) -> str:
    """The endpoint's name for messages."""
    return endpoint if isinstance(endpoint, str) else endpoint.name


def plain(text: str) -> str:
    """A foreign text on one line, without control characters, at most 300 characters."""
    one_line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return one_line[:MESSAGE_LENGTH_MAX]


def _class_of(endpoint: Endpoint, http_status: int, errors: tuple[WireError, ...]) -> ErrorClass:
    codes = {error.code for error in errors}
    if http_status >= HTTP_SERVER_MIN or SOMETHING_WENT_WRONG in codes:
        return ErrorClass.SERVER
    # The counter stands before the desk: what it turns away was never looked at, whatever the body says.
    if http_status == HTTP_TOO_MANY or TOO_MANY_REQUESTS in codes:
        return ErrorClass.RATE
    if not codes:
        may_read_status = http_status == HTTP_UNAUTHORIZED and not endpoint.is_write
        return ErrorClass.AUTH if may_read_status else ErrorClass.UNKNOWN
    if 300 <= http_status < 400:
        return ErrorClass.UNKNOWN
    return ErrorClass.AUTH if _is_about_token(endpoint, http_status, codes) else ErrorClass.REJECT


def _is_about_token(endpoint: Endpoint, http_status: int, codes: set[str]) -> bool:
    if STATIC_IP in codes:
        return False  # a new token would not help
    if endpoint.band is Band.LOGIN and BAD_LOGIN_CODE in codes:
        return True
    return bool(codes & TOKEN_CODES) or http_status == HTTP_UNAUTHORIZED


def _deciding(errors: tuple[WireError, ...]) -> WireError:
    return next((error for error in errors if error.code in DECISIVE), errors[0])


def _message(endpoint: Endpoint, http_status: int, errors: tuple[WireError, ...], body: bytes) -> str:
    if not errors:
        return f"{endpoint.name}: HTTP {http_status} without a reason: {kind_of_body(body)}"
    first = _deciding(errors)
    more = f", and {len(errors) - 1} more" if len(errors) > 1 else ""
    return f"{endpoint.name}: HTTP {http_status}, {first.code}: {first.message or 'no text'}{more}"


def _hint(endpoint: Endpoint, http_status: int, code: str | None, error_class: ErrorClass) -> str:
    if endpoint.is_write and error_class in (ErrorClass.SERVER, ErrorClass.UNKNOWN):
        return OPEN_OUTCOME_HINT
    if code == BAD_LOGIN_CODE and endpoint.band is not Band.LOGIN:
        return CLASS_HINTS[error_class]
    if code in HINTS:
        return HINTS[code]
    return LOCKED_HINT if http_status == HTTP_LOCKED else CLASS_HINTS[error_class]
