"""The broker's kill switch and its register of static addresses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.upstox_server.desk import API, CALL, ORDERS, Desk, fair, open_desk
from volguard.model.instrument import Side

KILL, IP = f"{API}/v2/user/kill-switch", f"{API}/v2/user/ip"
ON = [{"segment": "NSE_FO", "action": "ENABLE"}]
OFF = [{"segment": "NSE_FO", "action": "DISABLE"}]


def sign_in(desk: Desk) -> None:
    desk.http.headers["authorization"] = f"Bearer {desk.core.issue_token()}"


def test_every_segment_is_active_at_first() -> None:
    """Nine of them."""
    with open_desk() as desk:
        rows = desk.data("/v2/user/kill-switch")
    assert len(rows) == 9
    assert {(row["segment_status"], row["kill_switch_enabled"]) for row in rows} == {("ACTIVE", False)}


def test_the_switch_cancels_what_rests_kills_the_token_and_refuses_new_orders() -> None:
    """The reply is the last that the token hears; after a new login an order ends rejected."""
    with open_desk() as desk:
        resting = desk.place(price=round(fair(CALL) * 0.8, 1))
        desk.wait()
        reply = desk.http.post(KILL, json=ON)
        assert reply.json()["data"] == [
            {"segment": "NSE_FO", "segment_status": "INACTIVE", "kill_switch_enabled": True}
        ]
        assert desk.refused(desk.get("/v2/user/profile")) == (401, "UDAPI100050")
        sign_in(desk)
        desk.wait()
        refused = desk.place(tag="after")
        desk.wait()
        assert (desk.status(resting), desk.status(refused)) == ("cancelled", "rejected")


def test_the_switch_is_refused_with_open_positions() -> None:
    """Nothing changes: the token lives, the other segments of the call too."""
    with open_desk() as desk:
        desk.place(CALL, Side.BUY)
        desk.wait()
        both = [{"segment": "NSE_EQ", "action": "ENABLE"}, *ON]
        assert desk.refused(desk.http.post(KILL, json=both)) == (400, "UDAPI1184")
        assert not any(row["kill_switch_enabled"] for row in desk.data("/v2/user/kill-switch"))


def test_the_switch_comes_off_after_twelve_hours() -> None:
    """Not a second before."""
    with open_desk() as desk:
        desk.http.post(KILL, json=ON)
        sign_in(desk)
        desk.clock.advance(12 * 3600 - 1)
        assert desk.refused(desk.http.post(KILL, json=OFF)) == (400, "UDAPI1185")
        desk.clock.advance(1)
        assert desk.http.post(KILL, json=OFF).json()["data"][0]["kill_switch_enabled"] is False


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], "UDAPI100036"),
        ({}, "UDAPI100036"),
        ([{"segment": "NSE", "action": "ENABLE"}], "UDAPI1186"),
        ([{"segment": "NSE_FO", "action": "STOP"}], "UDAPI1188"),
    ],
)
def test_a_bad_change_of_the_switch_has_a_code(body: Any, code: str) -> None:
    """And it kills no token."""
    with open_desk() as desk:
        assert desk.refused(desk.http.post(KILL, json=body)) == (400, code)
        assert desk.get("/v2/user/profile").status_code == 200


def test_a_write_from_an_address_that_is_not_registered_is_blocked() -> None:
    """Reads go through; the status of the block can be set."""
    with open_desk(registered_ips=("203.0.113.5",)) as desk:
        reply = desk.http.post(f"{ORDERS}/v3/order/place", json=desk.body())
        assert desk.refused(reply) == (403, "UDAPI1154")
        assert desk.data("/v2/order/retrieve-all") == []
        home = {"x-forwarded-for": "203.0.113.5"}
        assert desk.http.post(f"{ORDERS}/v3/order/place", json=desk.body(), headers=home).status_code == 200
    with open_desk(registered_ips=("203.0.113.5",), static_ip_status=401) as desk:
        reply = desk.http.delete(f"{API}/v2/order/multi/cancel")
        assert desk.refused(reply) == (401, "UDAPI1154")


def test_addresses_are_registered_once_a_calendar_week_and_kill_the_token() -> None:
    """Wednesday, refused on Thursday, taken again on Monday."""
    new = {"primary_ip": "203.0.113.5", "secondary_ip": "2001:db8::1"}
    with open_desk() as desk:
        row = desk.http.put(IP, json=new).json()["data"]
        assert (row["primary_ip"], row["secondary_ip"], row["access_tokens_invalidated"]) == (
            "203.0.113.5",
            "2001:db8::1",
            True,
        )
        assert row["primary_ip_updated_at"] == "2026-09-16T10:00:00+05:30"
        assert desk.get("/v2/user/ip").status_code == 401
        for hours, expected in ((24, 403), (96, 200)):
            desk.clock.advance(hours * 3600)
            sign_in(desk)
            assert desk.http.put(IP, json=new).status_code == expected


@pytest.mark.parametrize(
    "body", [{}, [], {"primary_ip": "home"}, {"primary_ip": "1.2.3.4", "secondary_ip": 5}]
)
def test_what_is_no_address_is_not_registered(body: Any) -> None:
    """Invalid input."""
    with open_desk() as desk:
        assert desk.refused(desk.http.put(IP, json=body)) == (400, "UDAPI100036")
        assert desk.data("/v2/user/ip")["primary_ip"] is None
