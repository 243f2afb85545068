"""Logging in at the look-alike: dialog, code, token, token request, logout, death at 03:30."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.simulator.upstox_server.desk import API, OPTIONS, REDIRECT, SECRET, START, Desk, open_desk
from volguard.model.units import IST

DIALOG, TOKEN = f"{API}/v2/login/authorization/dialog", f"{API}/v2/login/authorization/token"
QUERY = {
    "response_type": "code",
    "client_id": OPTIONS.api_key,
    "redirect_uri": REDIRECT,
    "state": "a state & more",
}
FORM = {
    "client_id": OPTIONS.api_key,
    "client_secret": SECRET,
    "redirect_uri": REDIRECT,
    "grant_type": "authorization_code",
}


def code_of(desk: Desk) -> str:
    reply = desk.http.post(DIALOG, params=QUERY)
    return parse_qs(urlsplit(reply.headers["location"]).query)["code"][0]


def exchange(desk: Desk, **changes: Any) -> httpx.Response:
    return desk.http.post(TOKEN, data={**FORM, "code": code_of(desk), **changes})


def claims(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return found


def test_the_dialog_is_a_page_whose_button_redirects_with_code_and_state() -> None:
    """The form posts to the page's own address."""
    with open_desk() as desk:
        shown = desk.http.get(DIALOG, params=QUERY)
        pressed = desk.http.post(DIALOG, params=QUERY)
        automatic = desk.http.get(DIALOG, params={**QUERY, "approve": "auto"})
    assert shown.status_code == 200 and shown.headers["content-type"].startswith("text/html")
    assert '<form method="post">' in shown.text and "Login" in shown.text
    for reply in (pressed, automatic):
        assert reply.status_code == 302
        target = urlsplit(reply.headers["location"])
        assert f"{target.scheme}://{target.netloc}{target.path}" == REDIRECT
        assert parse_qs(target.query)["state"] == ["a state & more"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"client_id": "other"}, (401, "UDAPI100068")),
        ({"redirect_uri": "http://127.0.0.1:1/other"}, (401, "UDAPI100068")),
        ({"redirect_uri": ""}, (400, "UDAPI1018")),
        ({"response_type": "token"}, (400, "UDAPI100036")),
    ],
)
def test_the_dialog_knows_its_app(changes: dict[str, str], expected: tuple[int, str]) -> None:
    """Another key or redirect address shows no page."""
    with open_desk() as desk:
        assert desk.refused(desk.http.get(DIALOG, params={**QUERY, **changes})) == expected


def test_a_code_becomes_a_token_outside_the_envelope() -> None:
    """Bare object; a JWT whose exp is the next 03:30 of the look-alike's own time."""
    with open_desk() as desk:
        body = exchange(desk).json()
        assert desk.core.is_token_alive(body["access_token"])
    assert "status" not in body
    assert set(body) >= {
        *("email", "exchanges", "products", "broker", "user_id", "user_name", "order_types", "user_type"),
        *("poa", "ddpi", "is_active", "access_token", "extended_token"),
    }
    told = claims(body["access_token"])
    assert (told["sub"], told["iss"]) == ("VG0001", "udapi-gateway-service")
    assert datetime.fromtimestamp(told["exp"], IST) == datetime(2026, 9, 17, 3, 30, tzinfo=IST)


def test_a_code_works_once_even_when_its_exchange_failed() -> None:
    """A wrong secret burns it."""
    with open_desk() as desk:
        code = code_of(desk)
        wrong = desk.http.post(TOKEN, data={**FORM, "code": code, "client_secret": "wrong"})
        right = desk.http.post(TOKEN, data={**FORM, "code": code})
        assert desk.refused(wrong) == (401, "UDAPI100069")
        assert desk.refused(right) == (401, "UDAPI100057")


@pytest.mark.parametrize(
    ("missing", "code"),
    [
        ("client_id", "UDAPI1017"),
        ("redirect_uri", "UDAPI1018"),
        ("code", "UDAPI1022"),
        ("grant_type", "UDAPI1023"),
        ("client_secret", "UDAPI1024"),
    ],
)
def test_each_field_of_the_exchange_is_needed(missing: str, code: str) -> None:
    """400 with the code of the field."""
    with open_desk() as desk:
        assert desk.refused(exchange(desk, **{missing: ""})) == (400, code)


def test_the_exchange_repeats_the_dialogs_address() -> None:
    """Another redirect address, or another grant, gives nothing."""
    with open_desk() as desk:
        assert desk.refused(exchange(desk, redirect_uri="http://x")) == (401, "UDAPI100068")
        assert desk.refused(exchange(desk, grant_type="password")) == (400, "UDAPI100036")


@pytest.mark.parametrize("hour", [2, 10])
def test_a_token_dies_at_half_past_three_whenever_it_was_made(hour: int) -> None:
    """Made at 02:30 it lives an hour."""
    at = START.replace(hour=hour, minute=30)
    dies = START.replace(hour=3, minute=30) + timedelta(days=0 if hour < 3 else 1)
    with open_desk(at=at) as desk:
        desk.clock.set(dies - timedelta(seconds=1))
        assert desk.get("/v2/user/profile").status_code == 200
        desk.clock.set(dies)
        assert desk.refused(desk.get("/v2/user/profile")) == (401, "UDAPI100050")


def test_a_new_token_leaves_the_old_one_alive_and_a_logout_kills_its_own() -> None:
    """Two logins, one logout."""
    with open_desk() as desk:
        other = desk.core.issue_token()
        assert desk.http.delete(f"{API}/v2/logout").json() == {"status": "success", "data": True}
        assert desk.get("/v2/user/profile").status_code == 401
        desk.http.headers["authorization"] = f"Bearer {other}"
        assert desk.data("/v2/user/profile")["user_id"] == "VG0001"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nonsense", "Basic abc"])
def test_without_a_live_token_nothing_opens(header: str) -> None:
    """401 with the code of an invalid token."""
    with open_desk() as desk:
        desk.http.headers["authorization"] = header
        assert desk.refused(desk.get("/v2/order/retrieve-all")) == (401, "UDAPI100050")


def request_token(desk: Desk, client_id: str = OPTIONS.api_key, **body: Any) -> httpx.Response:
    return desk.http.post(f"{API}/v3/login/auth/token/request/{client_id}", json=body)


def test_an_approved_token_request_is_told_to_the_notifier() -> None:
    """Nothing before the approval; then one notice with a live token and times in epoch milliseconds."""
    url = "http://127.0.0.1:5056/notify"
    with open_desk(notifier_url=url) as desk:
        data = request_token(desk, client_secret=SECRET).json()["data"]
        assert data["notifier_url"] == url and data["authorization_expiry"].isdigit()
        assert desk.core.drain_notices() == []
        assert desk.http.post(f"{API}/lookalike/approve").json() == {"approved": 1}
        (notice,) = desk.core.drain_notices()
        assert desk.core.drain_notices() == [] and desk.core.approve_token_requests() == 0
        token = notice.payload["access_token"]
        assert desk.core.is_token_alive(token)
    assert notice.url == url and token not in repr(notice)
    assert notice.payload["issued_at"] == str(int(START.timestamp()) * 1000)
    assert int(notice.payload["expires_at"]) == claims(token)["exp"] * 1000
    assert (notice.payload["token_type"], notice.payload["message_type"]) == ("Bearer", "access_token")


def test_a_token_request_may_approve_itself_after_a_while() -> None:
    """For a rehearsal without a second person."""
    with open_desk(approve_after_s=5.0) as desk:
        request_token(desk, client_secret=SECRET)
        desk.wait(4.0)
        assert desk.core.drain_notices() == []
        desk.wait(1.0)
        assert len(desk.core.drain_notices()) == 1


def test_a_token_request_knows_its_app() -> None:
    """Secret missing, secret wrong, another app."""
    with open_desk() as desk:
        assert desk.refused(request_token(desk)) == (400, "UDAPI1024")
        assert desk.refused(request_token(desk, client_secret="wrong")) == (401, "UDAPI100069")
        assert desk.refused(request_token(desk, "other", client_secret=SECRET)) == (401, "UDAPI100069")


def test_secrets_do_not_show_in_a_repr() -> None:
    """Options are printed in errors and logs."""
    assert SECRET not in repr(OPTIONS)


def test_the_clock_is_told_without_a_token() -> None:
    """Its moment, its speed, and that it is none of the broker."""
    with open_desk() as desk:
        desk.http.headers["authorization"] = ""
        reply = desk.get("/lookalike/clock")
    assert reply.json() == {
        "now": "2026-09-16T10:00:00+05:30",
        "speed": 1.0,
        "is_lookalike": True,
    }


def test_a_socket_ticket_opens_once() -> None:
    """Both spellings of the address; its code is redeemed one time; without a token there is none."""
    with open_desk(ws_base_url="ws://127.0.0.1:9") as desk:
        data = desk.data("/v3/feed/market-data-feed/authorize")
        uri = data["authorized_redirect_uri"]
        assert uri == data["authorizedRedirectUri"] and uri.startswith(
            "ws://127.0.0.1:9/market-data-feeder/v3/"
        )
        (code,) = parse_qs(urlsplit(uri).query)["code"]
        ticket = desk.core.redeem_ticket(code)
        assert ticket is not None and desk.core.is_token_alive(ticket.token)
        assert desk.core.redeem_ticket(code) is None
        path = "/v2/feed/portfolio-stream-feed/authorize"
        stream = desk.data(path, update_types="order,position")["authorized_redirect_uri"]
        assert parse_qs(urlsplit(stream).query)["update_types"] == ["order,position"]
        assert desk.refused(desk.get(path, update_types="orders")) == (400, "UDAPI100036")
        assert desk.core.open_ticket(ticket.kind, "Bearer nonsense") is None
        assert desk.core.open_ticket(ticket.kind, f"Bearer {ticket.token}") is not None
