"""Login on the wire: replies without an envelope, and secrets that no text of a value shows."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import msgspec
import pytest

from tests.adapters.upstox.sample_texts import NOTICE, TOKEN
from volguard.adapters.upstox import endpoints
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.wire import data_of, success_body, whole_of
from volguard.adapters.upstox.wire_login import (
    TokenNotice,
    TokenReply,
    TokenRequestBody,
    TokenRequested,
    require_token,
)
from volguard.model.units import IST

SECRET = "eyJ0eXAi.eyJzdWIi.c2ln"


def test_a_token_reply_says_who_is_logged_in() -> None:
    """The one answer of the broker without an envelope."""
    told = whole_of(TOKEN.encode(), TokenReply, endpoints.EXCHANGE_CODE)
    assert (told.user_id, told.access_token, told.is_active) == ("******", SECRET, True)


@pytest.mark.parametrize(
    "value",
    [
        whole_of(TOKEN.encode(), TokenReply, endpoints.EXCHANGE_CODE),
        msgspec.json.decode(NOTICE, type=TokenNotice),
        TokenRequestBody(client_secret=SECRET),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_text_of_a_value_shows_its_secret(value: object) -> None:
    """Not its repr, not as text, not within a list, not in a format."""
    assert SECRET not in f"{value!r} {value} {[value]!r} {{0}}".format(value)


@pytest.mark.parametrize("token", ["", " ", "a b", "a\nb", "a\x00", "\u0430bc"])
@pytest.mark.parametrize(("text", "kind"), [(TOKEN, TokenReply), (NOTICE, TokenNotice)])
def test_a_token_that_no_header_can_carry_is_refused_unseen(text: str, kind: Any, token: str) -> None:
    """An empty token or one with strange characters is no token; the refusal does not show it."""
    value = {**json.loads(text), "access_token": token}
    with pytest.raises(ApiFailure, match="access_token is empty or holds characters") as caught:
        whole_of(json.dumps(value).encode(), kind, endpoints.EXCHANGE_CODE)
    assert token == "" or token.isspace() or token not in caught.value.message
    with pytest.raises(ValueError, match="access_token"):
        require_token(token)


def test_a_notice_of_another_kind_is_refused() -> None:
    """Only a notice of an access token is one."""
    value = {**json.loads(NOTICE), "message_type": "advertisement"}
    with pytest.raises(ApiFailure, match="message_type must be access_token"):
        whole_of(json.dumps(value).encode(), TokenNotice, "token_notice")


@pytest.mark.parametrize("expiry", ["1731412800000", 1731412800000, "2024-11-12 17:30:00", 1731412800])
def test_a_token_request_says_until_when_it_can_be_approved(expiry: object) -> None:
    """The unit of its expiry is not documented: every form is read."""
    body = success_body({"authorization_expiry": expiry, "notifier_url": "https://notify.example"})
    told = data_of(body, TokenRequested, endpoints.REQUEST_TOKEN)
    assert told.expires_at == datetime(2024, 11, 12, 17, 30, tzinfo=IST)
