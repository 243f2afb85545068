"""A session at the market's pace: asked how it stands, doubled, stopped by the kill switch, interrupted."""

from __future__ import annotations

import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import (
    finish,
    make_root,
    rows_of,
    start,
    volguard,
    wait_for_rows,
)

MARKET = ("run", "--phase", "SHADOW", "--seed", "7", "--cadence", "60", "--json", "--no-report")
WORDS = (*MARKET, "--speed", "300")
PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of the running session."""
    return make_root(tmp_path_factory.mktemp("live"))


@pytest.fixture(scope="module")
def journal(root: Path) -> Path:
    """The running session's journal."""
    return root / "journal" / "simulator-2026-09-16-1.db"


@pytest.fixture(scope="module")
def session(root: Path, journal: Path) -> Iterator[subprocess.Popen[str]]:
    """A session of a minute or more, well under way."""
    process = start(*WORDS, root=root)
    try:
        assert wait_for_rows(process, journal, 20)
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if result := found():
            return result
        time.sleep(0.02)
    raise TimeoutError("it did not happen")


@pytest.mark.usefixtures("session")
def test_status_asks_the_running_session(root: Path) -> None:
    """`status --json` answers from the session itself: running, its newest frame, and that goes on."""
    first = volguard("status", "--json", root=root)
    assert first.code == 0, first.err
    assert first.document["running"] is True
    assert first.document["schema"] == "volguard.status/1"
    assert first.document["session_id"] == "simulator-2026-09-16-1"
    later = wait_until(lambda: advanced(root, first.document["ts"]))
    assert later["session_id"] == first.document["session_id"]


def advanced(root: Path, ts: str) -> Any:
    document = volguard("status", "--json", root=root).document
    return document if document["ts"] > ts else None


@pytest.mark.usefixtures("session")
def test_status_in_words_says_that_it_runs(root: Path) -> None:
    """Without --json the same is told in words."""
    done = volguard("status", root=root)
    assert done.code == 0
    assert done.out.startswith("session simulator-2026-09-16-1 is running")


@pytest.mark.usefixtures("session")
def test_the_control_socket_is_the_owners_alone(journal: Path) -> None:
    """Nobody but the owner may talk to a session."""
    mode = journal.with_suffix(".sock").stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


@pytest.mark.usefixtures("session")
def test_a_second_instance_is_turned_away(root: Path, journal: Path) -> None:
    """A second session on the same journal ends with 79, names journal and holder, and touches nothing."""
    done = volguard(*WORDS, root=root)
    assert done.code == 79, done.err
    said = done.err.strip().splitlines()[-1]
    assert f"journal {journal} is in use by process" in said
    assert done.out == ""
    assert [path.name for path in journal.parent.glob("*.db")] == [journal.name]


@pytest.mark.usefixtures("session")
def test_a_running_journal_can_be_verified(root: Path) -> None:
    """Reading never waits for the writer, nor disturbs it."""
    done = volguard("journal", "verify", "--json", root=root)
    assert (done.code, done.document["ok"]) == (0, True)


@pytest.mark.usefixtures("session")
def test_a_kill_switch_that_appears_stops_new_risk(root: Path, journal: Path) -> None:
    """The kill-switch file is seen between two snapshots and journaled; nothing is opened meanwhile."""
    switch = root / "data" / "KILL_SWITCH"
    switch.parent.mkdir(exist_ok=True)
    switch.touch()
    seen = wait_until(lambda: [r for r in rows_of(journal, "KillSwitchSeen") if r[2]["present"]])[0][0]
    wait_until(lambda: [r for r in rows_of(journal, "MarketSeen") if r[0] > seen + 5])
    opened = [r for r in rows_of(journal, "Place") if r[0] > seen]
    assert all(body["approved"]["request"]["purpose"] != "OPEN" for _, _, body in opened)
    switch.unlink()
    wait_until(lambda: [r for r in rows_of(journal, "KillSwitchSeen") if not r[2]["present"]])


def test_ctrl_c_ends_a_paced_session_at_once(
    session: subprocess.Popen[str], root: Path, journal: Path
) -> None:
    """Ctrl-C does not wait for the next snapshot: exit 130, the journal whole, the socket gone.

    `status` then tells how it stands, and the same session goes on at any speed.
    """
    began = time.monotonic()
    session.send_signal(signal.SIGINT)
    stopped = finish(session)
    assert time.monotonic() - began < 10.0
    assert stopped.code == 130, stopped.err
    assert stopped.document["ended"] == "interrupted"
    assert not journal.with_suffix(".sock").exists()
    status = volguard("status", "--json", root=root)
    assert (status.document["running"], status.document["ended"]) == (False, "interrupted")
    assert volguard("journal", "verify", "--json", root=root).code == 0
    ended = volguard(*MARKET, "--speed", "max", root=root)
    assert ended.code == 0, ended.err
    assert ended.document["journal"]["path"] == str(journal)
    assert ended.document["snapshots"] == 385
