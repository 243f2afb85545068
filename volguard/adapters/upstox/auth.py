"""Login at Upstox: the address to open, the code's exchange, the token's end, the token request, logout."""

from __future__ import annotations

import base64
import binascii
import secrets
from datetime import datetime, time, timedelta
from typing import Final
from urllib.parse import urlencode

import msgspec

from volguard.adapters.upstox.client import UpstoxClient
from volguard.adapters.upstox.credentials import (
    KEY_VARIABLE,
    SECRET_VARIABLE,
    ApiCredentials,
    Secret,
)
from volguard.adapters.upstox.endpoints import EXCHANGE_CODE, LOGOUT, PROFILE, REQUEST_TOKEN
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.times import EPOCH
from volguard.adapters.upstox.wire import data_of, whole_of
from volguard.adapters.upstox.wire_account import Profile
from volguard.adapters.upstox.wire_login import TokenReply, TokenRequestBody, TokenRequested
from volguard.model.broker import ErrorClass
from volguard.model.errors import TokenError, TryLater, VolguardError
from volguard.model.units import IST

DIALOG_PATH: Final = "/v2/login/authorization/dialog"
DIES_AT: Final = time(3, 30)  # IST, whenever it was made
EXP_MAX: Final = 10**11  # seconds; beyond any date there is

AGAIN: Final = "run volguard token again: every code works once, even when its exchange failed"
CHECK_KEYS: Final = f"check {KEY_VARIABLE} and {SECRET_VARIABLE} against the app's page at the broker"
CHECK_ADDRESS: Final = f"check {KEY_VARIABLE} and upstox.redirect_uri against what is registered with the app"
CHECK_APP: Final = "activate the app, or the account, on the broker's own pages; then volguard token"
# What the broker's numbers mean at login; elsewhere some of them mean something else.
MEANINGS: Final = {
    "UDAPI100057": ("the code was used before, or is not one of the broker's", AGAIN),
    "UDAPI1022": ("the code was missing", AGAIN),
    "UDAPI100068": ("the API key or the redirect address is not the app's", CHECK_ADDRESS),
    "UDAPI1018": ("the redirect address was missing", CHECK_ADDRESS),
    "UDAPI100069": ("the API key or its secret is wrong", CHECK_KEYS),
    "UDAPI100016": ("the API key or its secret is wrong", CHECK_KEYS),
    "UDAPI1017": ("the API key was missing", CHECK_KEYS),
    "UDAPI1024": ("the secret was missing", CHECK_KEYS),
    "UDAPI100073": ("the app or the account is not active", CHECK_APP),
    "UDAPI100049": ("the broker has restricted this account", "ask the broker"),
}
# The number for wrong credentials has also been seen for a second request while the first one waits.
REQUEST_MEANINGS: Final = {
    **MEANINGS,
    "UDAPI100069": (
        "the API key or its secret is wrong, or a request already waits for approval",
        f"look into the Upstox app; {CHECK_KEYS}",
    ),
}


class _Claims(msgspec.Struct):
    exp: float


def new_state() -> str:
    """A text that ties the redirect to this very login; new each time."""
    return secrets.token_urlsafe(24)


def login_url(base_url: str, *, api_key: Secret, redirect_uri: str, state: str) -> str:
    """The address to open in a browser; it carries nothing secret."""
    asked = {
        "response_type": "code",
        "client_id": api_key.reveal(),
        "redirect_uri": redirect_uri,
        "state": state,
    }
    return f"{base_url.rstrip('/')}{DIALOG_PATH}?{urlencode(asked)}"


def exchange_code(
    client: UpstoxClient, credentials: ApiCredentials, *, redirect_uri: str, code: Secret
) -> TokenReply:
    """The token for a code, which is used up by this.

    Raises TokenError with the meaning of the broker's refusal, TryLater when no answer came.
    """
    form = {
        "code": code.reveal(),
        "client_id": credentials.api_key.reveal(),
        "client_secret": credentials.api_secret.reveal(),
        "redirect_uri": redirect_uri,
        "grant_type": "authorization_code",
    }
    try:
        reply = client.call(EXCHANGE_CODE, form=form)
        return whole_of(reply.content, TokenReply, EXCHANGE_CODE)
    except ApiFailure as failure:
        raise login_refusal(failure, hint_when_open=AGAIN) from None


def request_token(client: UpstoxClient, credentials: ApiCredentials) -> TokenRequested:
    """Ask for the token to be approved on the phone; it is then posted to the notifier named in the reply.

    Raises TokenError with the meaning of the broker's refusal, TryLater when no answer came.
    """
    body = TokenRequestBody(client_secret=credentials.api_secret.reveal())
    try:
        reply = client.call(REQUEST_TOKEN, path={"client_id": credentials.api_key.reveal()}, body=body)
        return data_of(reply.content, TokenRequested, REQUEST_TOKEN)
    except ApiFailure as failure:
        raise login_refusal(
            failure,
            meanings=REQUEST_MEANINGS,
            hint_when_open="look into the Upstox app: the request may have arrived",
        ) from None


def who_is(client: UpstoxClient) -> Profile:
    """Whose token the client carries. Raises ApiFailure."""
    return data_of(client.call(PROFILE).content, Profile, PROFILE)


def log_out(client: UpstoxClient) -> bool:
    """Make the broker forget the token; False when it no longer knew it. Raises TryLater."""
    try:
        client.call(LOGOUT)
    except ApiFailure as failure:
        if failure.error_class is ErrorClass.AUTH:
            return False
        raise TryLater(
            f"not logged out: {failure.message}", hint="the token lives on: try again, or wait for 03:30 IST"
        ) from None
    return True


def next_expiry(ts: datetime) -> datetime:
    """The next 03:30 IST strictly after a moment."""
    moment = ts.astimezone(IST)
    today = datetime.combine(moment.date(), DIES_AT, tzinfo=IST)
    return today if moment < today else today + timedelta(days=1)


def expiry_of(token: Secret, issued_at: datetime) -> datetime:
    """When a token dies: what it says itself, else the next 03:30 IST after its issue."""
    try:
        claims = token.reveal().split(".")[1]
        payload = base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))
        exp = msgspec.json.decode(payload, type=_Claims).exp
    except (IndexError, binascii.Error, ValueError, msgspec.MsgspecError):
        return next_expiry(issued_at)
    if not 0.0 < exp < EXP_MAX:
        return next_expiry(issued_at)
    return (EPOCH + timedelta(seconds=exp)).astimezone(IST)


def login_refusal(
    failure: ApiFailure,
    *,
    meanings: dict[str, tuple[str, str]] = MEANINGS,
    hint_when_open: str,
) -> VolguardError:
    """A failed login as the operator should read it; nothing was traded, so nothing is left open."""
    if failure.error_class in (ErrorClass.AUTH, ErrorClass.REJECT):
        return refusal_of_code(failure.code or "", failure.message, failure.hint, meanings)
    hint = hint_when_open if failure.was_sent else "check the network of this machine, then try again"
    return TryLater(f"no login: {failure.message}", hint=hint)


def refusal_of_code(
    code: str, message: str, hint: str, meanings: dict[str, tuple[str, str]] = MEANINGS
) -> TokenError:
    """A refusal by its number: its meaning at login, then the broker's own words."""
    meaning, mend = meanings.get(code, ("", hint))
    return TokenError(f"login refused: {meaning}{' - ' if meaning else ''}{message}", hint=mend)
