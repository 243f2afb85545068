"""The whole of a flatten below the command line: looked at, refused when closed, run, told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from tests.fakes import shipped, shipped_rules
from tests.operations.flatten_scene import CONDORS, LOT, SHORTS, FlattenScene, dead
from volguard.adapters.kill_switch import KillSwitchFile
from volguard.model.errors import TokenError, TryLater
from volguard.model.event import OperatorCommand
from volguard.model.units import IST
from volguard.operations.flatten import FlattenCall, flatten, look_at, not_flat_words, require_open
from volguard.operations.flatten_desk import FlattenDesk
from volguard.operations.flatten_document import flat_document, plan_document
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
    done = flatten(desk, call_of(scene, words), touch_broker=True)
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
    done = flatten(desk_of(scene), call_of(scene, []), touch_broker=True)
    words = not_flat_words(done)
    assert words.startswith(f"not flat: -65 {SHORTS[0].symbol} (an order rests at ")
    assert words.index("kept: it covers") > words.index("does not fill")
    assert any(line.startswith("\aALERT: ") and SHORTS[0].symbol in line for line in scene.said)
