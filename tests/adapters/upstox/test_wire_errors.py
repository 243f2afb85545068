"""Why a call failed: each answer of the broker in its class, and a write proven undone only by a clear no."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.upstox.samples import ERRORS
from volguard.adapters.upstox import endpoints
from volguard.adapters.upstox.endpoints import Endpoint
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.wire import error_body, success_body
from volguard.adapters.upstox.wire_errors import (
    MESSAGE_LENGTH_MAX,
    ErrorRow,
    WireError,
    class_of_line,
    classify,
    errors_of,
    failure_of,
    plain,
    unreadable,
)
from volguard.model.broker import ErrorClass
from volguard.model.errors import OutcomeUnknown, TokenError, TryLater

E = ErrorClass
HTML_403 = b"<!DOCTYPE html><html><title>Access denied | Cloudflare</title>error code: 1010</html>"
ODD_401 = json.dumps({"cause": None, "stackTrace": [], "message": "no", "suppressed": []}).encode()
TOKEN_TEXT = b'"message":"Invalid token used to access API"'
ALL_ENDPOINTS = sorted(
    (value for value in vars(endpoints).values() if isinstance(value, Endpoint)), key=lambda one: one.name
)
WRITES = [endpoint for endpoint in ALL_ENDPOINTS if endpoint.is_write]


def said(*codes: str) -> bytes:
    """An error envelope with these codes."""
    return error_body(*(WireError(code=code, message=f"about {code}") for code in codes))


@pytest.mark.parametrize(
    ("endpoint", "status", "body", "expected"),
    [
        (endpoints.FUNDS, 401, said("UDAPI100050"), E.AUTH),
        (endpoints.PLACE, 401, said("UDAPI100050"), E.AUTH),
        (endpoints.FUNDS, 403, said("UDAPI100073"), E.AUTH),
        (endpoints.FUNDS, 403, said("UDAPI100067"), E.AUTH),
        (endpoints.EXCHANGE_CODE, 400, said("UDAPI100069"), E.AUTH),
        (endpoints.EXCHANGE_CODE, 400, said("UDAPI100057"), E.AUTH),
        (endpoints.PLACE, 400, said("UDAPI100057"), E.REJECT),  # there it says that the market is closed
        (endpoints.FUNDS, 401, said("UDAPI9999"), E.AUTH),
        (endpoints.FUNDS, 401, ODD_401, E.AUTH),
        (endpoints.FUNDS, 401, b"", E.AUTH),
        (endpoints.PLACE, 401, b"", E.UNKNOWN),
        (endpoints.PLACE, 403, said("UDAPI1154"), E.REJECT),
        (endpoints.PLACE, 401, said("UDAPI1154"), E.REJECT),  # a new token would not help
        (endpoints.FUNDS, 403, said("UDAPI100049"), E.REJECT),
        (endpoints.EXPIRED_EXPIRIES, 403, said("UDAPI1149"), E.REJECT),
        (endpoints.PLACE, 429, said("UDAPI10005"), E.RATE),
        (endpoints.PLACE, 429, b"error code: 1015", E.RATE),
        (endpoints.PLACE, 200, said("UDAPI10005"), E.RATE),
        (endpoints.FUNDS, 400, said("UDAPI10005"), E.RATE),
        (endpoints.PLACE, 500, said("UDAPI100500"), E.SERVER),
        (endpoints.PLACE, 503, b"", E.SERVER),
        (endpoints.PLACE, 502, HTML_403, E.SERVER),
        (endpoints.PLACE, 503, said("UDAPI10005"), E.SERVER),
        (endpoints.PLACE, 400, said("UDAPI100500"), E.SERVER),
        (endpoints.PLACE, 200, said("UDAPI100500"), E.SERVER),
        (endpoints.MULTI_PLACE, 400, said("UDAPI1115", "UDAPI100500"), E.SERVER),
        (endpoints.PLACE, 400, said("UDAPI1052"), E.REJECT),
        (endpoints.PLACE, 200, said("UDAPI1052"), E.REJECT),
        (endpoints.CANCEL, 400, said("UDAPI100040"), E.REJECT),
        (endpoints.ORDER_DETAILS, 404, said("UDAPI100060"), E.REJECT),
        (endpoints.FUNDS, 423, said("UDAPI100072"), E.REJECT),
        (endpoints.PLACE, 423, said("UDAPI100074"), E.REJECT),
        (endpoints.PLACE, 423, b"<html>", E.UNKNOWN),
        (endpoints.PLACE, 403, HTML_403, E.UNKNOWN),
        (endpoints.FUNDS, 403, HTML_403, E.UNKNOWN),
        (endpoints.PLACE, 400, b"", E.UNKNOWN),
        (endpoints.PLACE, 400, b'{"status":"error"}', E.UNKNOWN),
        (endpoints.PLACE, 400, b'{"status":"error","errors":[]}', E.UNKNOWN),
        (endpoints.PLACE, 400, b'{"status":"error","errors":[{"message":"no code"}]}', E.UNKNOWN),
        (endpoints.PLACE, 400, b'{"status":"error","errors":"no"}', E.UNKNOWN),
        (endpoints.PLACE, 400, b"\xff\xfe", E.UNKNOWN),
        (endpoints.PLACE, 302, said("UDAPI1052"), E.UNKNOWN),
    ],
)
def test_each_answer_has_its_class(endpoint: Endpoint, status: int, body: bytes, expected: E) -> None:
    """Status, code and endpoint together say what must be done next."""
    failure = classify(endpoint, status, body)
    assert failure.error_class is expected
    assert (failure.endpoint, failure.http_status) == (endpoint.name, status)
    assert failure.is_outcome_open is (endpoint.is_write and expected in (E.SERVER, E.UNKNOWN))
    assert failure.hint


@given(
    status=st.integers(min_value=300, max_value=599).filter(lambda status: status != 429),
    body=st.one_of(st.binary(max_size=60), st.sampled_from([HTML_403, ODD_401, b"null", b"[]", b"{}"])),
    endpoint=st.sampled_from(WRITES),
)
def test_a_write_is_proven_undone_only_by_a_refusal_that_can_be_read(
    status: int, body: bytes, endpoint: Endpoint
) -> None:
    """Whatever comes back of a write without an error that can be read, its outcome stays open."""
    assert errors_of(body) == ()
    assert classify(endpoint, status, body).is_outcome_open


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 423])
@pytest.mark.parametrize("endpoint", WRITES, ids=lambda endpoint: endpoint.name)
def test_a_refusal_that_can_be_read_proves_that_nothing_was_done(endpoint: Endpoint, status: int) -> None:
    """An envelope with a code under a 4xx closes the outcome of any write."""
    assert not classify(endpoint, status, said("UDAPI1052")).is_outcome_open


def test_an_answer_that_is_no_failure() -> None:
    """A 2xx fails only when its envelope says so; lines that failed in part are no failure of the whole."""
    assert failure_of(endpoints.FUNDS, 200, success_body({})) is None
    assert failure_of(endpoints.MULTI_PLACE, 207, b'{"status":"partial_success","errors":[]}') is None
    assert failure_of(endpoints.EXCHANGE_CODE, 200, b'{"access_token":"x"}') is None
    assert failure_of(endpoints.ORDER_BOOK, 200, b"[]") is None
    in_200 = failure_of(endpoints.FUNDS, 200, said("UDAPI10005"))
    assert in_200 is not None
    assert in_200.error_class is E.RATE
    bare = failure_of(endpoints.FUNDS, 200, b'{"errors":[{"errorCode":"UDAPI10005"}]}')
    assert bare is not None
    assert bare.error_class is E.RATE
    refused = failure_of(endpoints.FUNDS, 400, b"")
    assert refused is not None
    assert refused.error_class is E.UNKNOWN


@pytest.mark.parametrize(
    "body",
    [
        ERRORS.body,
        b'{"status":"error","errors":[{"errorCode":"UDAPI100050",%b}]}' % TOKEN_TEXT,
        b'{"status":"error","errors":[{"error_code":"UDAPI100050",%b}]}' % TOKEN_TEXT,
        b'{"status":"error","errors":{"error_code":"UDAPI100050",%b}}' % TOKEN_TEXT,
        b'{"errors":[{"errorCode":"UDAPI100050",%b}]}' % TOKEN_TEXT,
    ],
)
def test_an_error_is_read_in_every_form(body: bytes) -> None:
    """Either spelling, a list or a single object, with or without a status."""
    assert errors_of(body) == (WireError(code="UDAPI100050", message="Invalid token used to access API"),)


def test_an_error_names_its_order_and_instrument() -> None:
    """Ids that some calls add are kept, and written back."""
    error = WireError(code="X1", message="no", correlation_id="2", order_id="25", instrument_key="NSE_FO|1")
    assert errors_of(error_body(error)) == (error,)
    assert ErrorRow.of(error).read() == error


def test_foreign_text_cannot_play_with_a_terminal() -> None:
    """Control characters and line breaks become spaces, and no text is longer than it is useful."""
    assert plain("a\x1b[31m\nb\u202e\t c") == "a [31m b c"
    assert len(plain("x" * 5000)) == MESSAGE_LENGTH_MAX
    (error,) = errors_of(error_body(WireError(code="C\x07", message="up\r\ndown")))
    assert (error.code, error.message) == ("C", "up down")


def test_a_message_says_what_the_broker_said_and_nothing_that_was_sent() -> None:
    """Code and text of the broker are shown; the value that it echoes and the body of a page never are."""
    body = json.dumps(
        {
            "status": "error",
            "errors": [
                {"errorCode": "UDAPI1024", "message": "bad secret", "invalidValue": "s3cret"},
                {"errorCode": "UDAPI1018", "message": "missing"},
            ],
        }
    ).encode()
    failure = classify(endpoints.EXCHANGE_CODE, 400, body)
    assert failure.message == "exchange_code: HTTP 400, UDAPI1024: bad secret, and 1 more"
    assert "s3cret" not in f"{failure.message}{failure.hint}{failure.args}"
    page = classify(endpoints.FUNDS, 403, b"<html>eyJ0eXAi</html>")
    assert page.message == "funds: HTTP 403 without a reason: it was a page, not JSON"
    gate = classify(endpoints.FUNDS, 403, HTML_403)
    assert gate.message == "funds: HTTP 403 without a reason: it was a page of the gateway"
    empty = classify(endpoints.PLACE, 400, b" ")
    assert empty.message == "place: HTTP 400 without a reason: it was empty"


@pytest.mark.parametrize(
    ("endpoint", "status", "code", "hint"),
    [
        (endpoints.PLACE, 403, "UDAPI1154", "static IP"),
        (endpoints.FUNDS, 423, "UDAPI100072", "05:30 to 24:00"),
        (endpoints.PLACE, 423, "UDAPI100074", "05:30 to 24:00"),
        (endpoints.MARGIN, 423, "UDAPI9", "05:30 to 24:00"),
        (endpoints.FUNDS, 401, "UDAPI100050", "volguard token"),
        (endpoints.EXCHANGE_CODE, 400, "UDAPI100057", "used up"),
        (endpoints.PLACE, 400, "UDAPI100057", "mend the request"),
        (endpoints.SET_KILL_SWITCH, 400, "UDAPI1184", "close every position"),
    ],
)
def test_a_hint_says_the_next_safe_thing(endpoint: Endpoint, status: int, code: str, hint: str) -> None:
    """Each refusal that a person can mend says how."""
    assert hint in classify(endpoint, status, said(code)).hint


def test_exit_codes_say_what_to_do() -> None:
    """Night windows are for later, a dead token is for a login, an open write is for a person."""
    assert classify(endpoints.FUNDS, 423, said("UDAPI100072")).exit_code == TryLater.exit_code
    assert classify(endpoints.FUNDS, 401, said("UDAPI100050")).exit_code == TokenError.exit_code
    assert classify(endpoints.PLACE, 500, b"").exit_code == OutcomeUnknown.exit_code
    assert classify(endpoints.FUNDS, 500, b"").exit_code == TryLater.exit_code


def test_of_several_errors_the_one_that_leaves_most_open_is_named() -> None:
    """A code that decides the class is the one that is shown."""
    failure = classify(endpoints.MULTI_PLACE, 400, said("UDAPI1115", "UDAPI100500"))
    assert failure.code == "UDAPI100500"
    assert "about UDAPI100500" in failure.message


def test_a_line_that_failed_has_a_class_of_its_own() -> None:
    """A line that went wrong within the broker may still live; one that was refused does not."""
    assert class_of_line(WireError(code="UDAPI100500", message="")) is E.SERVER
    assert class_of_line(WireError(code="UDAPI10005", message="")) is E.RATE
    assert class_of_line(WireError(code="UDAPI1052", message="")) is E.REJECT


def test_an_unreadable_answer_of_a_write_is_an_open_outcome() -> None:
    """It must be read back, never sent again; of a read it is only a nuisance."""
    write = unreadable(endpoints.PLACE, "it was empty")
    assert isinstance(write, ApiFailure)
    assert write.is_outcome_open
    assert "do not send it again" in write.hint
    assert not unreadable(endpoints.FUNDS, "it was empty").is_outcome_open
    assert unreadable("funds", "why").message == "funds: the answer cannot be read: why"
