"""Login at the broker: the address, the exchange and its refusals, the end of a token, logout."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.upstox.client_parts import bad, make_client
from tests.adapters.upstox.login_parts import CODE, CREDENTIALS, LoginBroker, jwt, query_of
from tests.fakes import TS
from volguard.adapters.upstox import auth
from volguard.adapters.upstox.credentials import Secret
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.rehearsal import API_KEY, API_SECRET
from volguard.model.errors import TokenError, TryLater
from volguard.model.units import IST

REDIRECT = "http://127.0.0.1:5055/callback"
EXCHANGE = "/v2/login/authorization/token"


def exchange(broker: LoginBroker, code: str = CODE) -> str:
    client = make_client(broker)
    try:
        return auth.exchange_code(client, CREDENTIALS, redirect_uri=REDIRECT, code=Secret(code)).access_token
    finally:
        client.close()


def test_the_login_address_names_app_redirect_and_state() -> None:
    """Key, redirect address and state stand in it, escaped; the secret does not."""
    url = auth.login_url("https://api.upstox.com", api_key=Secret("k-1"), redirect_uri=REDIRECT, state="s&=1")
    assert url.startswith("https://api.upstox.com/v2/login/authorization/dialog?")
    assert query_of(url) == {
        "response_type": "code",
        "client_id": "k-1",
        "redirect_uri": REDIRECT,
        "state": "s&=1",
    }


def test_each_login_has_a_state_of_its_own() -> None:
    """States are long and never repeat, so that a redirect cannot be guessed."""
    states = {auth.new_state() for _ in range(100)}
    assert len(states) == 100
    assert min(map(len, states)) >= 32


def test_a_code_is_exchanged_as_a_form() -> None:
    """All five fields go as a form, without a bearer, and the bare reply is the token's."""
    sent: list[httpx.Request] = []
    broker = LoginBroker()

    def note(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return broker(request)

    client = make_client(note, token=lambda: None)
    reply = auth.exchange_code(client, CREDENTIALS, redirect_uri=REDIRECT, code=Secret(CODE))
    client.close()
    assert (reply.user_id, reply.access_token) == ("VG0001", "token-one")
    assert query_of(f"?{sent[0].content.decode()}") == {
        "code": CODE,
        "client_id": API_KEY,
        "client_secret": API_SECRET,
        "redirect_uri": REDIRECT,
        "grant_type": "authorization_code",
    }
    assert "authorization" not in sent[0].headers
    assert sent[0].headers["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("status", "code", "meaning", "mend"),
    [
        (401, "UDAPI100057", "the code was used before", "every code works once"),
        (400, "UDAPI100068", "redirect address is not the app's", "upstox.redirect_uri"),
        (401, "UDAPI100069", "the API key or its secret is wrong", "VOLGUARD_UPSTOX_API_SECRET"),
        (401, "UDAPI100016", "the API key or its secret is wrong", "VOLGUARD_UPSTOX_API_KEY"),
        (403, "UDAPI100073", "the app or the account is not active", "activate"),
        (400, "UDAPI1018", "the redirect address was missing", "upstox.redirect_uri"),
        (400, "UDAPI1999", "UDAPI1999: as the broker has it", "mend the request"),
    ],
)
def test_a_refusal_says_what_it_means_and_what_to_do(status: int, code: str, meaning: str, mend: str) -> None:
    """Number and words of the broker stand beside the meaning at login; the exit code is the token's."""
    broker = LoginBroker(answers={EXCHANGE: bad(status, code, "as the broker has it")})
    with pytest.raises(TokenError, match=r"^login refused: .*as the broker has it") as caught:
        exchange(broker)
    assert meaning in caught.value.message and code in caught.value.message
    assert mend in caught.value.hint
    assert caught.value.exit_code == 4


def test_a_code_works_once() -> None:
    """The second exchange of a code is refused as used."""
    broker = LoginBroker()
    assert exchange(broker) == "token-one"
    with pytest.raises(TokenError, match="the code was used before"):
        exchange(broker)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(502, content=b"<html>bad gateway</html>"),
        httpx.Response(403, content=b"error code: 1010"),
        httpx.Response(200, json={"user_id": "VG0001"}),
        httpx.Response(400, content=b""),
        bad(429, "UDAPI10005"),
    ],
)
def test_no_answer_is_no_refusal(answer: httpx.Response) -> None:
    """A page, a reply without its token or a busy broker: later, with a new code; nothing is left open."""
    with pytest.raises(TryLater, match=r"^no login: ") as caught:
        exchange(LoginBroker(answers={EXCHANGE: answer}))
    assert caught.value.hint == auth.AGAIN
    assert caught.value.exit_code == 75


def test_a_code_that_never_left_is_still_good() -> None:
    """When no connection was made the hint is the network, not a new login."""

    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    client = make_client(away)
    with pytest.raises(TryLater, match="nothing was sent") as caught:
        auth.exchange_code(client, CREDENTIALS, redirect_uri=REDIRECT, code=Secret(CODE))
    client.close()
    assert "check the network" in caught.value.hint


def test_nothing_secret_stands_in_a_refusal() -> None:
    """A broker that echoes code and secret in its message is quoted without them, all along the chain."""
    echo = bad(401, "UDAPI100069", f"no {CODE}-long-code for {API_SECRET}")
    with pytest.raises(TokenError) as caught:
        exchange(LoginBroker(answers={EXCHANGE: echo}), code=f"{CODE}-long-code")
    error: BaseException | None = caught.value
    while error is not None:
        text = f"{error!r} {error} {vars(error)}"
        assert CODE not in text and API_SECRET not in text
        error = error.__cause__ or error.__context__


def test_a_token_request_carries_the_secret_in_its_body_alone() -> None:
    """The key is in the path, the secret in the body; the reply says where the token will be posted."""
    broker = LoginBroker(notifier_url="https://hook.example.org/x")
    client = make_client(broker, token=lambda: None)
    asked = auth.request_token(client, CREDENTIALS)
    client.close()
    assert broker.seen == [("POST", f"/v3/login/auth/token/request/{API_KEY}")]
    assert asked.notifier_url == "https://hook.example.org/x"
    assert asked.expires_at is not None and asked.expires_at.tzinfo is not None


def test_a_second_token_request_may_be_one_too_many() -> None:
    """The number for wrong credentials also stands for a request that still waits: both are said."""
    path = f"/v3/login/auth/token/request/{API_KEY}"
    client = make_client(LoginBroker(answers={path: bad(400, "UDAPI100069", "pending")}))
    with pytest.raises(TokenError, match="or a request already waits for approval"):
        auth.request_token(client, CREDENTIALS)
    client.close()


def test_who_is_logged_in_is_the_profiles_word() -> None:
    """The profile names the user; a token that has died is the AUTH failure of any read."""
    broker = LoginBroker(tokens={"token-one"})
    client = make_client(broker, token=lambda: "token-one")
    assert auth.who_is(client).user_id == "VG0001"
    broker.tokens.clear()
    with pytest.raises(ApiFailure, match="UDAPI100050") as caught:
        auth.who_is(client)
    client.close()
    assert caught.value.exit_code == 4


def test_logging_out_twice_is_no_error() -> None:
    """A token that the broker no longer knows is out already."""
    broker = LoginBroker(tokens={"token-one"})
    client = make_client(broker, token=lambda: "token-one")
    assert auth.log_out(client)
    assert not auth.log_out(client)
    client.close()


def test_a_logout_that_was_not_heard_is_said() -> None:
    """Without the broker's word the token counts as living."""
    client = make_client(LoginBroker(answers={"/v2/logout": httpx.Response(503)}))
    with pytest.raises(TryLater, match=r"^not logged out: ") as caught:
        auth.log_out(client)
    client.close()
    assert "lives on" in caught.value.hint


@pytest.mark.parametrize(
    ("made", "dies"),
    [
        ((16, 2, 30), (16, 3, 30)),  # the reference's own case
        ((16, 3, 29), (16, 3, 30)),
        ((16, 3, 30), (17, 3, 30)),  # strictly after
        ((16, 10, 0), (17, 3, 30)),
        ((16, 23, 59), (17, 3, 30)),
        ((30, 10, 0), (31, 3, 30)),
    ],
)
def test_a_token_dies_at_half_past_three(made: tuple[int, int, int], dies: tuple[int, int, int]) -> None:
    """Whenever it was made: the next 03:30 IST strictly after."""
    day, hour, minute = made
    issued = datetime(2026, 12, day, hour, minute, tzinfo=IST)
    until = datetime(2026, 12, *dies, tzinfo=IST)
    assert auth.next_expiry(issued) == until
    assert auth.expiry_of(Secret("no-jwt"), issued) == until


@given(st.integers(0, 20 * 365 * 86400), st.integers(-12, 14))
def test_the_next_half_past_three_is_within_a_day(second: int, zone: int) -> None:
    """From any moment in any zone: later, at most a day later, and 03:30 on the clock of India."""
    issued = datetime(2020, 1, 1, tzinfo=timezone(timedelta(hours=zone))) + timedelta(seconds=second)
    until = auth.next_expiry(issued)
    assert timedelta(0) < until - issued <= timedelta(days=1)
    assert (until.hour, until.minute, until.second) == (3, 30, 0)


def test_what_a_token_says_of_its_end_counts() -> None:
    """The sample of the reference, 22:00 UTC, is 03:30 IST."""
    assert auth.expiry_of(Secret(jwt(1789250400)), TS) == datetime(2026, 9, 13, 3, 30, tzinfo=IST)


@pytest.mark.parametrize(
    "text",
    [
        *("token", "a.b", "a.!!.c", "..", "a.bm90LWpzb24.c"),
        *(jwt(exp) for exp in (None, "soon", -1, 0, 1e300, 10**40, [], True)),
        jwt(1789250400).replace(".", "-"),
    ],
)
def test_a_token_that_says_nothing_readable(text: str) -> None:
    """No end, or one that is no time: 03:30 counts."""
    assert auth.expiry_of(Secret(text), TS) == auth.next_expiry(TS)
