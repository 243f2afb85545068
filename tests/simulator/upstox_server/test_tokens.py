"""Tokens and tickets of the look-alike: when they die, and that codes work once."""

from __future__ import annotations

import base64
import json
from datetime import datetime

import pytest

from volguard.model.units import IST
from volguard.simulator.upstox_server.tokens import Mint, TicketKind, Tickets, Tokens, bearer_of, next_death


def when(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=IST)


def make() -> Tokens:
    return Tokens(account="VG0001", has_plus=True, mint=Mint(1))


@pytest.mark.parametrize(
    ("issued", "dies"),
    [
        ("2026-09-16T02:30", "2026-09-16T03:30"),
        ("2026-09-16T03:30", "2026-09-17T03:30"),
        ("2026-09-16T09:00", "2026-09-17T03:30"),
        ("2026-09-16T23:59", "2026-09-17T03:30"),
    ],
)
def test_a_token_dies_at_half_past_three(issued: str, dies: str) -> None:
    """A token dies at the next 03:30, whatever time it was made, and says so itself."""
    tokens = make()
    token = tokens.issue(when(issued))
    assert next_death(when(issued)) == tokens.expiry(token) == when(dies)
    assert tokens.is_alive(token, when(issued)) and not tokens.is_alive(token, when(dies))
    part = token.split(".")[1]
    body = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert body["exp"] == when(dies).timestamp() and body["sub"] == "VG0001" and body["isPlusPlan"]


def test_a_revoked_token_opens_nothing_and_others_live_on() -> None:
    """A logout ends one token; a death of all ends all."""
    tokens, now = make(), when("2026-09-16T09:00")
    first, second = tokens.issue(now), tokens.issue(now)
    tokens.revoke(first)
    assert (tokens.is_alive(first, now), tokens.is_alive(second, now)) == (False, True)
    tokens.revoke_all()
    assert not tokens.is_alive(second, now) and not tokens.is_alive(None, now)


def test_the_same_seed_makes_the_same_tokens() -> None:
    """Tokens follow the seed alone."""
    now = when("2026-09-16T09:00")
    assert make().issue(now) == make().issue(now)
    assert Mint(1).code() != Mint(2).code()


@pytest.mark.parametrize(
    ("header", "token"), [(None, None), ("", None), ("abc", None), ("Bearer ", None), ("Bearer abc", "abc")]
)
def test_a_token_is_read_from_its_header(header: str | None, token: str | None) -> None:
    """Only a bearer header carries a token."""
    assert bearer_of(header) == token


def test_a_ticket_opens_one_socket_once_and_hides_its_token() -> None:
    """A socket's code is used up by its first use, and no text of the ticket shows the token."""
    tickets = Tickets(Mint(1))
    address = tickets.address("wss://x", TicketKind.PORTFOLIO, "a-token", ("order", "position"))
    assert "update_types=order%2Cposition" in address and "a-token" not in address
    code = address.split("code=")[1].split("&")[0]
    ticket = tickets.redeem(code)
    assert ticket is not None and ticket.token == "a-token" and "a-token" not in repr(ticket)
    assert tickets.redeem(code) is None
