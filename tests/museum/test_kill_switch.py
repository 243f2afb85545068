"""Bugs 27 to 32 of other programs, about the panic button: it must work, end flat, and know that it has."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import make_root, volguard
from tests.fakes import NOTHING_HAPPENS, TRADING, MemoryJournal, approval, make_engine, make_runner, shipped
from tests.museum.broker import Nothing, Watched
from tests.museum.scene import ENGINE, Scene, crash_day
from tests.operations.flatten_scene import CONDORS, LOT, SHORTS, FlattenScene
from tests.simulator.upstox_server.desk import FAR_CALL
from volguard.adapters.control import ControlServer, Words, send_word
from volguard.adapters.kill_switch import KillSwitchFile
from volguard.adapters.upstox import endpoints
from volguard.adapters.upstox.endpoints import Endpoint, Host
from volguard.config import find_root
from volguard.config.kill_switch import kill_switch_path
from volguard.engine.state import State
from volguard.model.decision import Approved, TradingState
from volguard.model.event import KillSwitchSeen, OperatorCommand, TimePassed
from volguard.model.instrument import Side
from volguard.model.order import OrderState, Purpose
from volguard.operations.flatten_loop import FlattenState
from volguard.simulator.upstox_server.messages import Request, Response

PATIENCE_S = 20.0
NOW_FLATTENS = make_engine(
    *TRADING,
    "bucket.monthly.is_enabled=false",
    "account.capital_inr=10000000",
    "limits.kill_switch_flattens=true",
)


@pytest.fixture
def desk() -> Iterator[Watched]:
    """A broker over the look-alike."""
    made = Watched()
    yield made
    made.shut()


@pytest.fixture
def account(tmp_path: Path) -> Iterator[FlattenScene]:
    """An account at the look-alike, and a flatten over it."""
    made = FlattenScene(tmp_path)
    yield made
    made.close()


def in_time(work: Any) -> None:
    """Do something that must not hang."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    assert not thread.is_alive(), "it hangs"


def test_museum_27_the_panic_path_waits_for_itself(desk: Watched) -> None:
    """A failure while a failure is dealt with is dealt with too, and nobody is held up by a lock of his own.

    The stream may speak while a request is under way; a step that raises halts, and the next one as well.
    """
    handle = desk.core.handle

    def answer(sent: Request) -> Response:
        if sent.path.endswith("/order/place"):
            in_time(lambda: desk.broker.hear(None))
            in_time(lambda: list(desk.broker.tracks))
            in_time(lambda: desk.broker.cancel("VG-1", desk.clock.now()))
            in_time(lambda: desk.broker.query("VG-1", desk.clock.now()))
        return handle(sent)

    desk.core.handle = answer  # type: ignore[method-assign]
    in_time(lambda: desk.place(approval(contract=FAR_CALL, limit_price="20.00")))
    assert (desk.states(1) + desk.states(5))[-1] == ("VG-1", "CANCELLED")

    scene = Scene.holding()
    for number in range(3):
        event = TimePassed(ts=scene.soon(number + 1.0))
        step = ENGINE.failed(scene.state, event, "the panic path itself failed")
        scene.state = step.state
        assert scene.desk.trading_state is TradingState.HALTED
    scene.flatten()
    scene.look()
    assert [one.side for one in scene.placed(purpose=Purpose.CLOSE)] == [Side.BUY, Side.BUY]


def test_museum_28_an_exit_with_nothing_behind_it(account: FlattenScene) -> None:
    """Being asked to close sends orders for what is held; without a token it is not called done."""
    scene = Scene.holding()
    shorts = {contract for contract, units in scene.units().items() if units < 0}
    scene.flatten()
    scene.look()
    assert {one.contract for one in scene.placed(purpose=Purpose.CLOSE)} == shorts
    account.hold({SHORTS[0]: -LOT})
    given, account.token = account.token, None
    outcome = account.run(deadline_s=5.0)
    assert outcome.state is FlattenState.NOT_KNOWN and account.pages != []
    account.token = given
    assert account.run().state is FlattenState.FLAT and account.held == {}


def test_museum_29_the_second_exit_always_fires(account: FlattenScene) -> None:
    """What is closed is not closed again: asked twice, or after it is flat, each unit leaves once."""
    scene = Scene.holding()
    for _ in range(3):  # what was sent first is still on its way
        scene.flatten()
        scene.look()
    while scene.units():
        scene.fill_all()
        scene.flatten()
        scene.look()
    closed = scene.placed(purpose=Purpose.CLOSE)
    assert len(closed) == 4 and {one.quantity for one in closed} == {390}
    scene.flatten()
    scene.look()
    assert scene.placed(purpose=Purpose.CLOSE) == closed and scene.units() == {}
    account.hold()
    assert account.run().state is FlattenState.FLAT
    sent = list(account.core.exchange.accepted_tags)
    again = account.run()
    assert (again.state, again.orders_sent, again.sweeps) == (FlattenState.FLAT, 0, 0)
    assert account.core.exchange.accepted_tags == sent


def test_museum_30_a_button_without_a_route(desk: Watched, tmp_path: Path) -> None:
    """Every call that this program makes is one that the broker has, and every word that it says is taken."""
    hosts = {Host.API: "api", Host.ORDER: "order", Host.ASSETS: "assets"}

    def asked(method: str, host: str, path: str) -> tuple[int, bytes]:
        said = desk.core.handle(Request(method=method, host=host, path=path, query={}, headers={}, body=b""))
        return said.status, said.body

    unknown = asked("POST", "api", "/v2/emergency/stop")
    assert unknown[0] == 404
    table = [one for one in vars(endpoints).values() if isinstance(one, Endpoint)]
    assert {"exit_all", "multi_cancel", "set_kill_switch", "positions"} <= {one.name for one in table}
    for one in table:
        path = one.path.format_map(Anything())
        assert asked(one.method, hosts[one.host], path) != unknown, one.name

    journal, words = tmp_path / "paper.db", Words(is_paper=False, is_answered=True)
    server = ControlServer(journal, on_word=words.take)
    assert server.start()
    try:
        for command in OperatorCommand:
            said = send_word(journal, command, "now")
            assert said is not None and said.startswith("ok"), command
    finally:
        server.close()
    assert [command for command, _ in words.drain()] == list(OperatorCommand)


def test_museum_31_stopped_with_the_positions_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The switch stops what adds risk, never the minding of what is held; its file is the root's.

    Where it is set so it closes at once.
    """
    root = make_root(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    switch = KillSwitchFile(kill_switch_path(find_root(root, {}, Path("/")), shipped()))
    monkeypatch.chdir(elsewhere)
    assert switch.path.is_absolute() and not switch.is_present()
    KillSwitchFile(root / "data" / "KILL_SWITCH").put("enough")
    assert switch.is_present()
    refused = volguard("run", "--phase", "SHADOW", root=root)  # from a folder of its own
    assert (refused.code, "kill switch" in refused.err) == (5, True)

    scene = Scene.holding()
    scene.tell(KillSwitchSeen(ts=scene.soon(), present=True))
    assert scene.desk.trading_state is TradingState.HALTED and scene.units() != {}
    while not scene.placed(purpose=Purpose.CLOSE):  # a stop of the day is minded as before
        scene.look()
    assert len(scene.placed(purpose=Purpose.OPEN)) == 4

    at_once = Scene.holding(NOW_FLATTENS)
    at_once.tell(KillSwitchSeen(ts=at_once.soon(), present=True))
    at_once.look()
    assert len(at_once.placed(purpose=Purpose.CLOSE)) == 2

    journal, closed = MemoryJournal(), list[str]()

    class Edge(Nothing):
        def place(self, approved: Approved) -> None:
            closed.append(approved.request.tag)

    watch = replace(NOTHING_HAPPENS, kill_switch_present=switch.is_present)
    runner = make_runner(crash_day().market, journal, engine=ENGINE, exchange=Edge(), watch=watch)
    outcome = runner.run(tuple(Scene.opened().events), State())
    assert outcome.end_reason == "market_over" and closed == []  # on to the close, and nothing entered


def test_museum_32_an_exit_that_is_not_looked_after(account: FlattenScene) -> None:
    """It is over when nothing is held, by executions and by the broker's own positions, read twice."""
    scene = Scene.holding()
    scene.flatten()
    scene.look()
    for order in scene.alive():
        scene.word(order.request.tag, OrderState.FILLED, filled=390)
    assert scene.desk.flatten_reason == "operator" and scene.desk.book.positions != ()
    while scene.units():
        scene.fill_all()
        scene.look()
    assert scene.desk.book.live_orders == () and scene.desk.book.live_trades == ()
    account.hold(dict(list(CONDORS.items())[:1]))
    account.core.freeze(SHORTS[0], for_s=3600.0)
    outcome = account.run(deadline_s=15.0)
    assert outcome.state is FlattenState.NOT_FLAT
    assert [one.holding.contract for one in outcome.remaining] == [SHORTS[0]] and account.held != {}


class Anything(dict[str, str]):
    """Something in each place of a path."""

    def __missing__(self, key: str) -> str:
        known = {"exchange": "NSE", "date": "2026-09-16", "to_date": "2026-09-16", "from_date": "2026-09-15"}
        return known.get(key, "x")
