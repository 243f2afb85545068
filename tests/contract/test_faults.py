"""What the broker does wrong must never make an order twice, nor leave a guess in place of knowledge."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.adapters.upstox.broker_parts import OverLookAlike
from tests.adapters.upstox.client_parts import upstox_settings
from tests.adapters.upstox.fault_runs import FaultRun, Ledger, problems
from tests.fakes import NIFTY, approval, order
from tests.simulator.upstox_server.desk import FAR_CALL
from tests.simulator.upstox_server.serving import make_core, running, serving
from volguard.adapters.upstox import endpoints
from volguard.adapters.upstox.broker import UpstoxBroker
from volguard.adapters.upstox.client import UpstoxClient
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.instruments import InstrumentMaster
from volguard.adapters.upstox.market_reads import MarketReads
from volguard.adapters.upstox.wire_order_bodies import place_body
from volguard.model.broker import ErrorClass
from volguard.model.errors import VolguardError
from volguard.model.event import OrderUpdated
from volguard.model.instrument import OptionContract
from volguard.model.order import OrderState
from volguard.simulator.upstox_server.faults import FaultName, FaultRule
from volguard.simulator.upstox_server.server import LookAlike

RUNS = int(os.environ.get("VOLGUARD_FAULT_RUNS", "200"))
SOCKET_RUNS = int(os.environ.get("VOLGUARD_SOCKET_RUNS", "3"))
REPLAY = "FaultRun({seed}).play() of tests/adapters/upstox/fault_runs.py plays it again"

# What goes wrong with a place -> the error's class, the word told at once, whether the broker took it.
TABLE = {
    FaultName.RATE_LIMIT: (ErrorClass.RATE, OrderState.REJECTED, False),
    FaultName.RATE_LIMIT_IN_200: (ErrorClass.RATE, OrderState.REJECTED, False),
    FaultName.SERVER_ERROR_BEFORE: (ErrorClass.SERVER, OrderState.UNKNOWN, False),
    FaultName.SERVER_ERROR_AFTER: (ErrorClass.SERVER, OrderState.UNKNOWN, True),
    FaultName.DROPPED_REPLY: (ErrorClass.NETWORK, OrderState.UNKNOWN, True),
    FaultName.LATENCY: (ErrorClass.NETWORK, OrderState.UNKNOWN, True),
    FaultName.HTML_403: (ErrorClass.UNKNOWN, OrderState.UNKNOWN, False),
    FaultName.EMPTY_400: (ErrorClass.UNKNOWN, OrderState.UNKNOWN, False),
}


def struck(name: FaultName) -> FaultRule:
    """The next place is struck, and no later one."""
    return FaultRule(name=name, probability=1.0, times_max=1, where=frozenset({"place"}), size=60.0)


@pytest.mark.parametrize("name", sorted(TABLE))
def test_each_fault_has_its_class_and_its_word(name: FaultName) -> None:
    """A proven no is REJECTED at once; whatever may have happened is UNKNOWN, never guessed, never resent."""
    wanted_class, wanted_word, was_taken = TABLE[name]
    desk = OverLookAlike(struck(name))
    try:
        given = approval(contract=FAR_CALL, limit_price="20.00")
        key = desk.master.key_of(FAR_CALL)
        assert key is not None
        with pytest.raises(ApiFailure) as raised:
            desk.client.call(endpoints.PLACE, body=place_body(replace(given.request, tag="direct"), key))
        assert raised.value.error_class is wanted_class
        assert raised.value.is_outcome_open is (wanted_word is OrderState.UNKNOWN)
        desk.arm(struck(name))
        desk.has_stream = True  # nothing is polled: the word is the sending's own
        desk.broker.place(given)
        (word,) = desk.broker.tracks.drain(desk.clock.now())
        assert isinstance(word, OrderUpdated) and word.state is wanted_word and word.reason
        assert desk.core.exchange.accepted_tags == (["direct", given.request.tag] if was_taken else [])
    finally:
        desk.shut()


def test_a_fill_after_the_cancel_was_asked_for_is_ours() -> None:
    """The exchange fills while the cancel is on its way: the order ends filled, the cancel says nothing."""
    desk, ledger = OverLookAlike(), Ledger()
    try:
        given = approval(contract=FAR_CALL, limit_price="20.00")
        ledger.orders[given.request.tag] = replace(order(OrderState.SENT), request=given.request)
        desk.place(given)
        for answer in desk.due(desk.clock.now() + timedelta(seconds=1)):
            ledger.hear(answer)
        desk.arm(FaultRule(name=FaultName.LATE_FILL, probability=1.0))
        desk.cancel(given.request.tag, desk.clock.now())
        for answer in desk.due(desk.clock.now() + timedelta(seconds=5)):
            ledger.hear(answer)
        assert ledger.orders[given.request.tag].state is OrderState.FILLED
        assert problems(desk.core, ledger) == []
    finally:
        desk.shut()


def test_a_token_that_dies_stops_orders_and_reads_until_there_is_a_new_one() -> None:
    """AUTH, and proven not taken: REJECTED. What rested is read again with the next token, at once."""
    desk = OverLookAlike()
    tokens = [desk.core.issue_token()]
    desk.client._token = lambda: tokens[-1]
    try:
        first, second = (approval(tag=tag, contract=FAR_CALL, limit_price="20.00") for tag in ("A", "B"))
        desk.place(first)
        assert [word.tag for word in desk.due(desk.clock.now())] == ["A"]
        died_at = desk.clock.now() + timedelta(seconds=1)
        desk.arm(FaultRule(name=FaultName.TOKEN_DEATH, at=(died_at,)))
        desk.reach(died_at)
        desk.reach(died_at + timedelta(seconds=1))
        with pytest.raises(ApiFailure) as raised:
            desk.reads.orders()
        assert raised.value.error_class is ErrorClass.AUTH and raised.value.exit_code == 4
        desk.place(second)
        (word,) = desk.due(desk.clock.now())
        assert isinstance(word, OrderUpdated) and (word.tag, word.state) == ("B", OrderState.REJECTED)
        assert desk.core.exchange.accepted_tags == ["A"]
        tokens.append(desk.core.issue_token())
        desk.cancel("A", desk.clock.now())
        (end,) = desk.due(desk.clock.now() + timedelta(seconds=5))
        assert isinstance(end, OrderUpdated) and (end.tag, end.state) == ("A", OrderState.CANCELLED)
    finally:
        desk.shut()


def test_an_order_is_never_sent_twice() -> None:
    """Under many faults at once no order is accepted twice, and both books agree or the order is UNKNOWN."""
    failures = {seed: wrong for seed in range(RUNS) if (wrong := _played(seed))}
    assert not failures, "\n".join(f"{wrong}; {REPLAY.format(seed=seed)}" for seed, wrong in failures.items())


def _played(seed: int) -> list[str]:
    try:
        return FaultRun(seed).play()
    except (VolguardError, ValueError, KeyError) as error:
        error.add_note(REPLAY.format(seed=seed))
        raise


def quoted(core: LookAlike) -> list[tuple[OptionContract, str]]:
    """Contracts near the money with their bids."""
    shown = core.board.snapshot
    assert shown is not None and shown.underlying_ltp is not None
    level, listing = shown.underlying_ltp, shown.listing
    near = sorted(range(int(listing.offsets[1])), key=lambda row: abs(float(listing.strike[row]) - level))
    return [(listing.contract(row), f"{shown.bid[row]:.2f}") for row in near if shown.bid[row] > 0.0]


@pytest.mark.parametrize("seed", range(SOCKET_RUNS))
def test_over_real_sockets_too(seed: int) -> None:
    """Replies that are lost on a real connection end found by tag, or absent and still UNKNOWN."""
    clock = running("10:00:00")
    names = (FaultName.DROPPED_REPLY, FaultName.SERVER_ERROR_AFTER, FaultName.SERVER_ERROR_BEFORE)
    name = names[seed % len(names)]
    core = make_core(clock, FaultRule(name=name, every=2, where=frozenset({"place"})), seed=seed + 1)
    core.advance()
    with serving(core) as served:
        token, base = served.token(), served.address.http
        settings = upstox_settings(base_url=base, order_url=f"{base}/hft", assets_url=f"{base}/assets")
        client = UpstoxClient(settings, token=lambda: token, clock=clock)
        try:
            payload = MarketReads(client).instrument_file()
            master = InstrumentMaster.of(payload, underlying=NIFTY, source="the look-alike")
            broker, ledger = UpstoxBroker(client, master, clock, poll_s=0.0), Ledger()
            for number, (contract, bid) in enumerate(served.ask(quoted)[:4]):
                given = approval(clock.now(), tag=f"S-{number}", contract=contract, limit_price=bid)
                ledger.orders[given.request.tag] = replace(order(OrderState.SENT), request=given.request)
                broker.place(given)
            for _ in range(4):
                clock.sleep(0.4)
                for answer in broker.due(clock.now()):
                    ledger.hear(answer)
                for tag in ledger.unknown():
                    broker.query(tag, clock.now())
            for answer in broker.due(clock.now() + timedelta(seconds=1)):
                ledger.hear(answer)
            assert served.ask(lambda held: problems(held, ledger)) == []
            assert served.ask(lambda held: held.counts.faults_fired) == 2
            assert [held.state for held in ledger.orders.values()].count(OrderState.REJECTED) == 0
            assert len(ledger.orders) == 4
        finally:
            client.close()
