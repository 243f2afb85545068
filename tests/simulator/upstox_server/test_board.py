"""What is shown: names and slots that stay, tracks of the day, a listing that changes under way."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from tests.fakes import NIFTY, TS, call, chain, put, shipped_rules
from tests.simulator.upstox_server.desk import CALL, PUT, START, open_desk, shot
from volguard.simulator.upstox_server.instruments import Instruments, symbol_of
from volguard.simulator.upstox_server.tokens import Mint, Tokens, next_death
from volguard.simulator.upstox_server.tracks import Track


@pytest.mark.parametrize(
    ("expiry", "is_weekly", "symbol"),
    [
        (date(2025, 4, 30), True, "NIFTY2543021600PE"),
        (date(2025, 4, 24), False, "NIFTY25APR21600PE"),
        (date(2025, 10, 7), True, "NIFTY25O0721600PE"),
        (date(2025, 12, 2), True, "NIFTY25D0221600PE"),
    ],
)
def test_symbols_are_as_the_broker_writes_them(expiry: date, is_weekly: bool, symbol: str) -> None:
    """A digit or letter and the day for a week, three letters for a month."""
    assert symbol_of(put(21600, expiry), is_weekly=is_weekly) == symbol


def test_a_contract_keeps_its_key_when_the_listing_changes() -> None:
    """New ones get the next; quotes of those that left are gone, their orders stay readable."""
    rest = {put(24200): (8.0, 650, 8.2, 650)}
    first = chain(TS, {call(24800): (9.9, 650, 10.0, 650), **rest})
    second = chain(TS.replace(minute=1), {call(24900): (6.9, 650, 7.0, 650), **rest})
    with open_desk(first, second) as desk:
        desk.wait(0.0)
        keys = {desk.key(one) for one in (call(24800), put(24200))}
        gone, stays = desk.key(call(24800)), desk.key(put(24200))
        order_id = desk.place(call(24800), price=9.0)
        desk.wait(61.0)
        assert desk.key(call(24800)) == gone and desk.key(put(24200)) == stays
        assert desk.key(call(24900)) not in keys
        query = f"{gone},{stays},{desk.key(call(24900))}"
        shown = desk.data("/v2/market-quote/quotes", instrument_key=query)
        assert {row["instrument_token"] for row in shown.values()} == {stays, desk.key(call(24900))}
        assert desk.data("/v2/order/details", order_id=order_id)["instrument_token"] == gone
        assert set(desk.core.board.keys) == {stays, desk.key(call(24900))}


def test_slots_are_by_contract_and_shared_by_listings() -> None:
    """The same listing gives the same slots, whatever came between."""
    named = Instruments(shipped_rules().contracts, NIFTY, TS.date())
    one, other = shot().listing, shot(15.0).listing
    slots = named.slots(one)
    assert named.slots(other).tolist() == slots.tolist() == list(range(22))
    found = named.of_contract(CALL)
    assert (
        found is not None and named.of_key(found.key) is found and found.map_key == f"NSE_FO:{found.symbol}"
    )
    assert (found.is_weekly, found.lot_size, found.freeze_quantity) == (True, 65, 1800)
    assert named.of_key("NSE_FO|1") is None


def test_a_track_keeps_opens_highs_lows_and_trades() -> None:
    """By slot; a price that is absent changes nothing; the last trade is what volume grew by."""
    track, slots, flat = Track(), np.array([0, 2]), np.array([0, 0])
    track.take(slots, np.array([10.0, np.nan]), np.array([65, 0]), flat, START, 65)
    track.take(slots, np.array([12.0, 5.0]), np.array([195, 65]), flat, START.replace(second=30), 65)
    track.take(slots, np.array([9.0, 5.0]), np.array([195, 65]), flat, START.replace(minute=1), 65)
    assert (track.open[0], track.high[0], track.low[0], track.last[0]) == (10.0, 12.0, 9.0, 9.0)
    assert (track.ltq[0], track.ltq[2]) == (65, 65) and np.isnan(track.open[1])
    assert track.ltt_ms[2] == int(START.timestamp()) * 1000 + 30_000
    first, running = track.bars()
    assert (first.high[0], first.close[0], first.volume[0]) == (12.0, 12.0, 195)
    assert (running.open[0], running.volume[0], track.minute_volume(0)) == (9.0, 0, 0)
    assert np.isnan(first.open[1])


def test_a_chain_of_one_side_has_rows_of_one_side() -> None:
    """A strike without a put: the put is missing, the ratio 0."""
    only_call = chain(TS, {CALL: (9.9, 650, 10.0, 650)})
    made = replace(only_call, underlying_ltp=24500.0)
    with open_desk(made) as desk:
        (row,) = desk.data("/v2/option/chain", instrument_key="NSE_INDEX|Nifty 50", expiry_date="2026-09-22")
        assert "put_options" not in row and row["pcr"] == 0.0
        assert row["call_options"]["option_greeks"]["iv"] == 0.0
        assert desk.core.board.row_of(desk.core.instruments.rows[0]) == 0
        assert desk.core.instruments.of_contract(PUT) is None


def test_identifiers_are_drawn_from_the_seed() -> None:
    """The same seed draws the same, in order; never one twice."""
    drawn = [[mint.code(), mint.uuid("a"), mint.uuid("a")] for mint in (Mint(1), Mint(1), Mint(2))]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(drawn[0])) == 3 and len(drawn[0][0]) == 6


def test_a_token_lives_to_the_next_half_past_three() -> None:
    """Strictly after its making; revoked ones are dead at once."""
    assert next_death(START.replace(hour=3, minute=30)) == next_death(START)
    tokens = Tokens(account="A", has_plus=False, mint=Mint(1))
    one, other = tokens.issue(START), tokens.issue(START)
    assert one != other and tokens.expiry(one) == next_death(START)
    tokens.revoke(one)
    assert not tokens.is_alive(one, START) and tokens.is_alive(other, START)
    assert not tokens.is_alive(None, START)
    tokens.revoke_all()
    assert not tokens.is_alive(other, START)
