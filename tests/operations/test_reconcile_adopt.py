"""Orphans are handed to the running session alone, after a yes, and compared again afterwards."""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.operations.reconcile_scene import Scene, scene_of_books
from tests.simulator.upstox_server.desk import CALL, FAR_CALL, FAR_PUT
from volguard.adapters.control import socket_path
from volguard.model.errors import ReconcileMismatch, UsageError
from volguard.model.instrument import Side
from volguard.operations.reconcile_adopt import Orphan, adoptable, reconcile_and_adopt


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Our book agrees but for a short call that somebody else sold."""
    with scene_of_books(tmp_path) as made:
        made.place(FAR_CALL, Side.BUY)
        made.mirror()
        made.trade_outside(CALL, Side.SELL, 130)
        yield made


@contextmanager
def session(answer: bytes, then: Callable[[], object] = lambda: None) -> Iterator[tuple[Path, list[bytes]]]:
    """Where a session's journal would lie, and the words that it has heard; it answers each alike."""
    heard: list[bytes] = []
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as server:
        journal = Path(folder) / "paper.db"
        server.bind(str(socket_path(journal)))
        server.listen(1)

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                heard.append(b"".join(iter(lambda: connection.recv(100), b"")))
                then()
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield journal, heard
        thread.join(10.0)
        assert not thread.is_alive()


def adopted(scene: Scene, journal: Path, permits: Callable[..., bool] = lambda _: True) -> dict[str, Any]:
    return reconcile_and_adopt(scene.desk(), journal, end_of_day=None, permits=permits)


def test_the_session_adopts_and_the_books_agree(scene: Scene) -> None:
    """It is asked by its control socket; the document is of the comparison after its word."""
    with session(b"ok: 1 position adopted", scene.hear_all) as (journal, heard):
        document = adopted(scene, journal)
    assert heard == [b"ADOPT\n"]
    assert document["agrees"] and document["differences"] == []
    assert document["adoption"] == {
        "positions": [{"contract": CALL.symbol, "quantity": -130}],
        "answer": "ok: 1 position adopted",
    }


def test_a_session_that_says_ok_and_does_nothing_is_found_out(scene: Scene) -> None:
    """The second comparison decides, not the word."""
    with session(b"ok") as (journal, _):
        document = adopted(scene, journal)
    assert not document["agrees"] and document["adoption"]["answer"] == "ok"


def test_a_refusal_is_a_mismatch_that_stays(scene: Scene) -> None:
    """Exit 7 with the session's own words."""
    with (
        session(b"refused: no book of the broker was read yet") as (journal, _),
        pytest.raises(ReconcileMismatch, match="no book of the broker") as caught,
    ):
        adopted(scene, journal)
    assert caught.value.exit_code == 7


def test_without_a_session_nobody_would_watch(scene: Scene, tmp_path: Path) -> None:
    """The error names a command that there is, and what closes the position instead."""
    with pytest.raises(UsageError, match="no session runs") as caught:
        adopted(scene, tmp_path / "paper.db")
    assert "volguard run --broker upstox" in caught.value.hint and "volguard flatten" in caught.value.hint


def test_nothing_is_sent_without_a_yes(scene: Scene, tmp_path: Path) -> None:
    """The orphans are shown; nobody listens, and nobody is asked."""
    seen: list[tuple[Orphan, ...]] = []

    def no(orphans: tuple[Orphan, ...]) -> bool:
        seen.append(orphans)
        return False

    document = adopted(scene, tmp_path / "paper.db", no)
    assert seen == [(Orphan(symbol=CALL.symbol, quantity=-130),)]
    assert document["adoption"]["answer"] is None and not document["agrees"]


def test_only_what_a_session_can_manage_is_adopted(scene: Scene) -> None:
    """An intraday position would be doubled by our exit, a known one is no orphan."""
    scene.place(FAR_PUT, Side.BUY, product="I", tag=None)
    assert [one.symbol for one in adoptable(scene.reconcile())] == [CALL.symbol]


def test_where_all_agrees_nobody_is_asked(tmp_path: Path) -> None:
    """No orphan, no question."""
    with scene_of_books(tmp_path) as scene:

        def never(orphans: tuple[Orphan, ...]) -> bool:
            raise AssertionError(orphans)

        document = adopted(scene, tmp_path / "paper.db", never)
    assert document["agrees"] and document["adoption"] == {"positions": [], "answer": None}
