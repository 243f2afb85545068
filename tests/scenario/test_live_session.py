"""Orders that leave, to the look-alike: killed, resumed, held against its book, closed by another hand."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.cli.command import finish, make_root, volguard
from tests.fakes import TRADING
from tests.scenario.test_morning import Morning, served, stop
from volguard.adapters.journal_reader import JournalReader
from volguard.adapters.recovery import recover_state
from volguard.engine.state import Desk
from volguard.model.book import TradeState
from volguard.wiring import engine_of

SWITCHES = [word for text in TRADING for word in ("--set", text)]
LIVE = ("run", "--phase", "FULL_AUTO", "--broker", "upstox", "--no-report", *SWITCHES)
JOURNAL = "rehearsal-paper.db"


class Live(Morning):
    """A morning whose sessions keep the account's own journal."""

    @property
    def journal(self) -> Path | None:
        """The account's journal, once there is one."""
        path = self.root / "journal" / JOURNAL
        return path if path.exists() else None

    def desk(self) -> Desk:
        """The desk as the journal has it."""
        assert self.journal is not None
        with JournalReader.open(self.journal) as reader:
            desk = recover_state(reader, engine_of(reader)).desk
        assert desk is not None
        return desk

    def until(self, session: subprocess.Popen[str], kind: str, count: int, text: str = "") -> None:
        """Wait for so many rows of a kind that say a text."""
        seen = self.seen(session, lambda rows: sum(text in json.dumps(r) for r in rows) >= count, kind)
        assert seen, "" if session.stderr is None or session.poll() is None else session.stderr.read()


def test_a_live_book_survives_a_kill_and_another_hand(tmp_path: Path) -> None:
    """Four legs filled, kill -9, resumed after a look at the broker's book; flattened; resumed."""
    with served(make_root(tmp_path), "--start", "09:29:00", "--speed", "10") as plain:
        live = Live(root=plain.root, url=plain.url, redirect=plain.redirect)
        assert live.log_in().code == 0
        assert live.do("data", "instruments").code == 0
        assert live.do("data", "history", "--from", "2024-09-16").code in (0, 3)

        session = live.begin(*LIVE)
        live.until(session, "FillBooked", 4)
        session.kill()
        finish(session)
        before = live.desk()
        assert before.broker == "upstox" and len(before.book.positions) == 4

        resumed = live.begin(*LIVE)
        live.until(resumed, "StateChanged", 1, "a new process reads the broker's book first")
        live.until(resumed, "StateChanged", 2, "the broker's book is ours")
        agreed = live.do("reconcile")
        assert agreed.code == 0, agreed.out + agreed.err

        flat = live.do("flatten", "--yes", "--json")
        assert flat.code == 0 and flat.document["state"] == "flat", flat.err
        assert finish(resumed).code == 0
        assert live.desk().is_yielding and live.do("reconcile").code == 0  # its record speaks for it

        assert live.do(*LIVE).code == 5  # the rehearsal's own kill switch is on
        (live.root / "data" / "rehearsal" / "KILL_SWITCH").unlink()
        reads = len(live.rows("BrokerBookRead") or [])
        third = live.begin(*LIVE)
        live.until(third, "BrokerBookRead", reads + 3)
        assert stop(third).code == 130
        desk = live.desk()
        assert desk.book.positions == () and desk.mismatches == ()
        assert {trade.state for trade in desk.book.trades} == {TradeState.CLOSED}
        assert live.do("reconcile").code == 0
        proven = volguard("journal", "replay", "--json", root=live.root)
        assert proven.code == 0 and proven.document["identical"] is True, proven.out
