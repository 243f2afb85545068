"""The panic button over real sockets, as the operator presses it: its plan, what it reaches, how it ends."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from pathlib import Path
from signal import SIGINT

from tests.adapters.journal_samples import written
from tests.cli.command import finish, make_root, volguard
from tests.scenario.flatten_desk import LOT, account
from volguard.adapters.control import ControlServer
from volguard.adapters.lock import FlattenLock, JournalLock
from volguard.adapters.side_file import read_side_file
from volguard.model.event import OperatorCommand
from volguard.model.instrument import OptionContract
from volguard.simulator.upstox_server.faults import FaultName, FaultRule


def dead(*calls: str) -> FaultRule:
    return FaultRule(name=FaultName.SERVER_ERROR_BEFORE, probability=1.0, where=frozenset(calls))


def leg(units: dict[OptionContract, int], *, short: bool) -> OptionContract:
    return next(contract for contract, quantity in units.items() if (quantity < 0) is short)


def test_twelve_legs_one_of_them_frozen(tmp_path: Path) -> None:
    """The plan names all twelve; the run ends in 8 naming the frozen one; unfrozen, the next ends in 0."""
    with account(tmp_path) as desk:
        condors = desk.condors()
        desk.hold(condors)
        frozen = leg(condors, short=False)
        desk.freeze(frozen, for_s=36_000.0)

        plan = desk.do("flatten", "--plan", "--json")
        assert plan.code == 0, plan.err
        document = plan.document
        assert document["schema"] == "volguard.flatten/1" and document["state"] == "plan"
        exits = document["plan"]["exits"]
        assert len(exits) == 12 and document["plan"]["orders"] == 12
        assert [one["side"] for one in exits] == ["BUY"] * 6 + ["SELL"] * 6
        assert [one["wave"] for one in exits] == [1] * 6 + [2] * 6
        assert re.fullmatch(r"\d+\.\d\d", document["plan"]["cost_inr"])
        assert desk.held() == condors and desk.our_tags() == []
        table = desk.do("flatten", "--plan")
        assert table.code == 0 and frozen.symbol in table.out and "12 orders" in table.out

        refused = desk.do("flatten")
        assert refused.code == 2 and "--yes" in refused.err and desk.our_tags() == []

        first = desk.do("flatten", "--yes", "--deadline-s", "60", "--json")
        assert first.code == 8, first.err
        assert desk.held() == {frozen: LOT}
        (remains,) = first.document["remaining"]
        assert remains["name"] == frozen.symbol and remains["quantity"] == LOT
        assert first.error["exit_code"] == 8 and frozen.symbol in first.error["error"]
        assert "ALERT" in first.err
        assert desk.kill_switch.is_file() and not (desk.root / "data" / "KILL_SWITCH").exists()
        record = read_side_file(Path(first.document["side_file"]))
        assert record.rows[-1].body["state"] == "not_flat"
        assert desk.first_uncovered() == ""

        desk.thaw()
        second = desk.do("flatten", "--yes", "--json")
        assert second.code == 0, second.err
        assert desk.held() == {}
        tags = desk.our_tags()
        assert len(tags) == len(set(tags))

        desk.kill_switch.unlink()
        assert desk.do("flatten", "--plan").code == 0 and not desk.kill_switch.exists()
        third = desk.do("flatten", "--yes")
        assert third.code == 0 and "ALREADY FLAT" in third.out and desk.kill_switch.is_file()


def test_a_hung_process_holds_the_lock(tmp_path: Path) -> None:
    """It is said loudly; the account is flat all the same, and the record is kept beside the journal."""
    with account(tmp_path) as desk:
        condors = desk.condors()
        desk.hold(condors)
        journal = desk.root / "journal" / "rehearsal-paper.db"
        journal.parent.mkdir(exist_ok=True)
        lock = JournalLock.take(journal)
        try:
            done = desk.do("flatten", "--yes", "--json")
        finally:
            lock.release()
        assert done.code == 0, done.err
        assert desk.held() == {}
        assert "does not let go" in done.err
        assert done.document["journal_lock"].startswith("not taken after 10 s")
        assert read_side_file(Path(done.document["side_file"])).rows


def test_one_call_that_fails_for_ever(tmp_path: Path) -> None:
    """Quotes dead: closed by last prices. A lost reply: no order twice. Positions dead: exit 8, not known."""
    with account(tmp_path) as desk:
        condors = desk.condors()
        desk.hold(condors)
        desk.arm(dead("quotes"), FaultRule(name=FaultName.DROPPED_REPLY, every=3, where=frozenset({"place"})))
        done = desk.do("flatten", "--yes", "--json")
        assert done.code == 0, done.err
        assert "last prices" in done.err and desk.held() == {}
        tags = desk.our_tags()
        assert len(tags) == len(set(tags)) and desk.first_uncovered() == ""

        desk.arm(dead("positions"))
        unknown = desk.do("flatten", "--yes", "--deadline-s", "15", "--json")
        assert unknown.code == 8 and unknown.document["state"] == "not_known"
        assert "not known" in unknown.error["error"]


def test_without_a_login_there_is_nothing_to_flatten_with(tmp_path: Path) -> None:
    """A dead token is exit 4 with the way to a new one; the kill switch is on, the plan put none."""
    with account(tmp_path) as desk:
        desk.served.ask(lambda core: core.tokens.revoke_all())
        looked = desk.do("flatten", "--plan")
        assert looked.code == 4 and not desk.kill_switch.exists()
        done = desk.do("flatten", "--yes")
        assert done.code == 4 and "volguard token" in done.err and "was not read" in done.err
        assert desk.kill_switch.is_file()
        for token in (desk.root / "data").rglob(".token-*"):
            token.unlink()
        missing = desk.do("flatten", "--plan")
        assert missing.code == 4 and "volguard token" in missing.err


def test_the_operator_stops_it_and_is_told_what_remains(tmp_path: Path) -> None:
    """Exit 130, nothing more is sent."""
    with account(tmp_path) as desk:
        condors = desk.condors()
        desk.hold(condors)
        for contract, quantity in condors.items():
            if quantity < 0:
                desk.freeze(contract, for_s=36_000.0)
        process = desk.begin("flatten", "--yes")
        deadline = time.monotonic() + 60.0
        while len(desk.our_tags()) < 6 and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.1)
        process.send_signal(SIGINT)
        done = finish(process)
        assert done.code == 130, done.err
        assert "STOPPED" in done.out and leg(condors, short=True).symbol in done.err
        assert desk.held() == condors


def test_the_operator_is_paged_and_the_broker_locked(tmp_path: Path) -> None:
    """The page goes to the operator's own command; the broker's switch is set after zero alone."""
    with account(tmp_path) as desk:
        condors = desk.condors()
        desk.hold(condors)
        frozen = leg(condors, short=False)
        desk.freeze(frozen, for_s=36_000.0)
        told = tmp_path / "told"
        code = f"import sys, pathlib; pathlib.Path({str(told)!r}).write_text(sys.stdin.read())"
        words = ("--set", f"alerts.command={json.dumps([sys.executable, '-c', code])}")
        first = desk.do("flatten", "--yes", "--lock-broker", "--deadline-s", "40", *words)
        assert first.code == 8 and frozen.symbol in told.read_text()
        assert desk.served.ask(lambda core: core.exchange.closed_to_orders) == ""

        desk.thaw()
        second = desk.do("flatten", "--yes", "--lock-broker", "--json")
        assert second.code == 0, second.err
        assert second.document["broker_lock"] == "on" and "12 hours" in second.err
        assert desk.served.ask(lambda core: core.exchange.closed_to_orders) != ""


def test_no_account_and_no_session(tmp_path: Path) -> None:
    """Nobody is logged in and nothing runs: exit 4, with the kill switch on."""
    root = make_root(tmp_path)
    done = volguard("flatten", "--yes", root=root)
    assert done.code == 4 and "hint: volguard token" in done.err
    assert (root / "data" / "KILL_SWITCH").is_file()


def test_a_flat_paper_session_does_not_speak_for_the_account(tmp_path: Path) -> None:
    """No login: both sessions are told to flatten, and the account that nobody read is not called flat."""
    root = make_root(tmp_path)
    folder = root / "journal"
    folder.mkdir()
    heard: list[tuple[str, str]] = []

    def session(name: str, frame: str) -> ControlServer:
        def take(word: OperatorCommand, _text: str) -> str:
            heard.append((name, word.value))
            return "ok"

        server = ControlServer(folder / name, on_word=take)
        assert server.start()
        server.publish(frame.encode())
        return server

    written(folder / "simulator-2026-09-16-1.db")
    paper = session("simulator-2026-09-16-1.db", '{"positions": [], "open_orders": []}')
    live = session("paper.db", '{"positions": [{"quantity": -65, "symbol": "X"}], "open_orders": []}')
    try:
        done = volguard("flatten", "--yes", "--json", root=root)
    finally:
        live.close()
        paper.close()
    assert done.code == 4, done.err
    assert done.document["state"] == "not_known" and done.document["papers"][0]["is_flat"]
    assert sorted(heard) == [("paper.db", "FLATTEN"), ("simulator-2026-09-16-1.db", "FLATTEN")]
    assert "the account was not read" in done.error["error"] and "kill switch on" in done.error["error"]
    assert (root / "data" / "KILL_SWITCH").is_file()


def test_a_second_flatten_is_refused_at_once(tmp_path: Path) -> None:
    """Exit 79, naming the process that flattens; the look-alike heard nothing of it."""
    with account(tmp_path) as desk:
        desk.hold(desk.condors())
        journal = desk.root / "journal" / "rehearsal-paper.db"
        journal.parent.mkdir(exist_ok=True)
        lock = FlattenLock.take(journal)
        try:
            second = desk.do("flatten", "--yes", "--json")
        finally:
            lock.release()
        assert second.code == 79 and f"process {os.getpid()}" in second.error["error"]
        assert desk.our_tags() == [] and not desk.kill_switch.exists()
