"""The whole of a flatten below the command line: looked at, refused when closed, run, told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tests.fakes import shipped, shipped_rules
from tests.operations.flatten_scene import CONDORS, LOT, SHORTS, FlattenScene, dead
from tests.simulator.upstox_server.desk import fair
from volguard.adapters.kill_switch import KillSwitchFile
from volguard.adapters.lock import FlattenLock
from volguard.adapters.side_file import read_side_file
from volguard.adapters.upstox.account import AccountReads
from volguard.model.errors import LockHeld, TokenError, TryLater
from volguard.model.event import OperatorCommand
from volguard.model.instrument import Side
from volguard.model.units import IST
from volguard.operations.flatten import (
    FlattenCall,
    flatten,
    look_at,
    no_login_error,
    not_flat_words,
    require_open,
    run_name,
)
from volguard.operations.flatten_desk import FlattenDesk, alone
from volguard.operations.flatten_document import flat_document, plan_document
from volguard.operations.flatten_loop import proves_zero
from volguard.simulator.upstox_server.clock import VirtualClock


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[FlattenScene]:
    """Nothing held yet."""
    made = FlattenScene(tmp_path)
    yield made
    made.close()


def desk_of(scene: FlattenScene) -> FlattenDesk:
    return FlattenDesk(
        settings=shipped(),
        rules=shipped_rules(),
        account="paper",
        base_url="https://api.upstox.com",
        is_rehearsal=False,
        edge=scene.new_edge(),
        journal=scene.folder / "journal" / "paper.db",
        has_live_session=False,
        papers=(),
        kill_switch=KillSwitchFile(scene.folder / "data" / "KILL_SWITCH"),
        machine=VirtualClock(scene.clock.now()),
    )


def call_of(scene: FlattenScene, words: list[OperatorCommand]) -> FlattenCall:
    def send_word(_journal: Path, word: OperatorCommand, _text: str) -> str | None:
        words.append(word)
        return None

    return FlattenCall(deadline_s=60.0, say=scene.said.append, stopped=lambda: False, send_word=send_word)


def test_looking_sends_nothing_and_plans_all(scene: FlattenScene) -> None:
    """Twelve legs, priced; nothing is written and nothing leaves."""
    scene.hold()
    desk = desk_of(scene)
    looked = look_at(desk, scene.edge)
    document = plan_document(desk, looked)
    assert document["state"] == "plan" and len(document["plan"]["exits"]) == len(CONDORS)
    assert not looked.is_zero and scene.core.exchange.accepted_tags == []
    assert not desk.kill_switch.is_present() and not desk.journal.parent.exists()


def test_an_empty_account_is_read_twice(scene: FlattenScene) -> None:
    """Only then is it called flat."""
    before = scene.core.counts.requests
    desk = desk_of(scene)
    looked = look_at(desk, scene.edge)
    assert looked.is_zero and plan_document(desk, looked)["state"] == "already_flat"
    assert scene.core.counts.requests - before == 4  # both books, twice


def test_a_positions_book_that_lags_is_not_flat(scene: FlattenScene, monkeypatch: pytest.MonkeyPatch) -> None:
    """An order of today has sold, the positions do not show it: neither look nor run calls it zero."""
    price = Decimal(str(fair(SHORTS[0]))) - 2
    scene.rest(SHORTS[0], Side.SELL, LOT, str(price))
    scene.clock.advance(5.0)
    scene.core.advance()
    assert scene.held == {SHORTS[0]: -LOT}
    monkeypatch.setattr(AccountReads, "positions", lambda _self: ())
    edge = scene.new_edge()
    looked = look_at(desk_of(scene), edge)
    assert looked.plan is not None and looked.plan.is_empty
    assert not looked.is_zero and "do not agree" in looked.troubles["books"]
    books = edge.books(())
    assert books is not None and not proves_zero(books, edge.witnesses)


def test_an_account_that_is_flat_already_is_proven_with_the_switch_on(scene: FlattenScene) -> None:
    """A session that starts this moment must not trade on behind the last look."""
    desk, words = desk_of(scene), list[OperatorCommand]()
    call, seen = call_of(scene, words), list[bool]()

    def send_word(journal: Path, word: OperatorCommand, text: str) -> str | None:
        seen.append(desk.kill_switch.is_present())
        with pytest.raises(LockHeld):
            FlattenLock.take(journal)
        return call.send_word(journal, word, text)

    looked = look_at(desk, scene.edge)
    assert not desk.kill_switch.is_present()
    before = scene.core.counts.requests
    done = flatten(desk, replace(call, send_word=send_word))
    assert seen == [True] and words == [OperatorCommand.YIELD] and desk.kill_switch.is_present()
    assert scene.core.counts.requests - before == 4  # both books, twice, after the session has left
    document = flat_document(desk, looked, done)
    assert document["state"] == "already_flat" and document["orders_sent"] == 0
    FlattenLock.take(desk.journal).release()


def test_without_a_login_what_runs_is_told_and_nothing_is_called_flat(scene: FlattenScene) -> None:
    """The session is told to flatten, for nobody else can; the error says what was not done."""
    trouble = TokenError("no access token for account paper", hint="volguard token")
    desk = replace(desk_of(scene), edge=None, no_login=trouble)
    words: list[OperatorCommand] = []
    done = flatten(desk, call_of(scene, words))
    assert not done.is_flat and flat_document(desk, None, done)["state"] == "not_known"
    assert words == [OperatorCommand.FLATTEN] and desk.kill_switch.is_present()
    error = no_login_error(desk, done)
    assert isinstance(error, TokenError) and error.exit_code == 4
    assert error.hint.startswith("volguard token, then volguard flatten")
    for part in ("no access token", "account was not read", "kill switch on: ", "session of paper.db: none"):
        assert part in error.message
    assert any(line.startswith("\aALERT: ") for line in scene.said)


def test_two_flattens_at_once_are_one(scene: FlattenScene) -> None:
    """The second is refused, naming the first, before it does anything: no unit is closed twice."""
    scene.hold({SHORTS[0]: -LOT})
    desk, words = desk_of(scene), list[OperatorCommand]()
    with alone(desk, scene.said.append), pytest.raises(LockHeld, match=f"by process {os.getpid()}") as raised:
        flatten(desk, call_of(scene, words))
    assert raised.value.exit_code == 79
    assert words == [] and not desk.kill_switch.is_present() and scene.core.exchange.accepted_tags == []
    assert flatten(desk, call_of(scene, words)).is_flat and scene.held == {}


def test_a_flatten_lock_that_cannot_be_made_stops_nobody(scene: FlattenScene) -> None:
    """It is said; the panic button works without its lock."""
    scene.hold({SHORTS[0]: -LOT})
    (scene.folder / "journal").write_text("")
    assert flatten(desk_of(scene), call_of(scene, [])).is_flat and scene.held == {}
    assert any("see that no other flatten runs" in line for line in scene.said)


def test_two_runs_of_one_second_share_no_tag(scene: FlattenScene) -> None:
    """Each begins its tags with a part of its own, recorded; the longest tag keeps within 40 characters."""
    now = scene.clock.now()
    names = {run_name(now) for _ in range(50)}
    assert len(names) == 50 and len({name[:12] for name in names}) == 1
    longest = f"{min(names)}-12345678-999-9999"
    assert len(longest) <= 40
    scene.hold({SHORTS[0]: -LOT})
    done = flatten(desk_of(scene), call_of(scene, []))
    assert done.side_file is not None
    rows = read_side_file(Path(done.side_file)).rows
    (begun,) = [row.body["tags_begin"] for row in rows if row.kind == "FlattenBegan"]
    (tag,) = scene.core.exchange.accepted_tags
    assert tag.startswith(f"{begun}-") and len(tag) <= 40


def test_books_that_cannot_be_read_give_no_plan(scene: FlattenScene) -> None:
    """And are not called flat."""
    scene.arm(dead("positions"))
    looked = look_at(desk_of(scene), scene.edge)
    assert looked.plan is None and not looked.is_zero and "positions" in looked.troubles


def test_a_token_that_is_not_taken_is_a_matter_of_login(scene: FlattenScene) -> None:
    """Exit 4, with the way to a new one."""
    scene.core.tokens.revoke_all()
    with pytest.raises(TokenError) as raised:
        look_at(desk_of(scene), scene.edge)
    assert raised.value.exit_code == 4 and raised.value.hint == "volguard token"


def test_nothing_is_sent_while_the_exchange_is_closed(scene: FlattenScene) -> None:
    """An order would wait for the next open at the price of today."""
    desk = desk_of(scene)
    require_open(desk, scene.edge)
    evening = VirtualClock(datetime(2026, 9, 16, 19, 0, tzinfo=IST))
    with pytest.raises(TryLater, match="closed at 19:00"):
        require_open(desk, replace(scene.edge, clock=evening))


def test_a_run_puts_the_switch_on_asks_the_session_and_ends_flat(scene: FlattenScene) -> None:
    """In that order, and the document says all of it."""
    scene.hold({SHORTS[0]: -LOT})
    words: list[OperatorCommand] = []
    desk = desk_of(scene)
    looked = look_at(desk, scene.edge)
    done = flatten(desk, call_of(scene, words))
    document = flat_document(desk, looked, done)
    assert done.is_flat and document["state"] == "flat" and scene.held == {}
    assert words == [OperatorCommand.YIELD] and desk.kill_switch.is_present()
    assert document["journal_lock"] == "held" and Path(document["side_file"]).is_file()
    assert document["orders_sent"] == 1 and document["remaining"] == []
    assert document["paid_beyond_mid_inr"] == "6.50"


def test_what_remains_is_named_and_paged(scene: FlattenScene) -> None:
    """With the units and the reason, the long that was kept last."""
    scene.hold()
    scene.core.freeze(SHORTS[0], for_s=3600.0)
    done = flatten(desk_of(scene), call_of(scene, []))
    words = not_flat_words(done)
    assert words.startswith(f"not flat: -65 {SHORTS[0].symbol} (an order rests at ")
    assert words.index("kept: it covers") > words.index("does not fill")
    assert any(line.startswith("\aALERT: ") and SHORTS[0].symbol in line for line in scene.said)
