"""`volguard reconcile` as an operator and as cron run it, against a look-alike over real sockets."""

from __future__ import annotations

import csv
import json
import os
import pty
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from tests.adapters.upstox.login_parts import stored_token
from tests.cli.command import PROJECT, TIMEOUT_S, Done, command, environment, make_root, volguard
from tests.fakes import TS
from tests.operations.reconcile_scene import mirrored, write_journal
from tests.simulator.upstox_server.desk import CALL, FAR_CALL, fair, market, shot
from tests.simulator.upstox_server.serving import Served, make_core, serving
from volguard.adapters.upstox.token_store import encode_token
from volguard.model.book import Book
from volguard.model.instrument import Side
from volguard.simulator.exchange_orders import Ticket
from volguard.simulator.upstox_server.clock import VirtualClock
from volguard.simulator.upstox_server.faults import FaultName, FaultRule, Faults
from volguard.simulator.upstox_server.server import LookAlike

QUICK = ("--set", "execution.absence_delay_s=0.05")
ALL_READS = frozenset({"order_book", "trades", "positions"})


@dataclass
class Counter:
    """A root that is logged in at a look-alike, with a journal that agrees with it."""

    root: Path
    served: Served
    clock: VirtualClock

    @property
    def url(self) -> str:
        return self.served.address.http

    @property
    def journal(self) -> Path:
        return self.root / "journal" / "rehearsal-paper.db"

    def log_in(self) -> None:
        port = self.url.rpartition(":")[2]
        path = self.root / "data" / f".token-paper-127.0.0.1-{port}.json"
        path.parent.mkdir(exist_ok=True)
        path.touch(0o600)
        path.write_bytes(encode_token(stored_token(self.served.token(), base_url=self.url, now=TS)))

    def do(self, *words: str) -> Done:
        return volguard("reconcile", "--base-url", self.url, *QUICK, *words, root=self.root)

    def trade_outside(self, units: int = 65) -> None:
        price = Decimal(str(fair(CALL)))
        self.served.ask(
            lambda core: core.exchange.trade_outside(CALL, Side.SELL, units, price, self.clock.now())
        )

    def write(self) -> Book:
        book: Book = self.served.ask(mirrored)
        write_journal(self.journal, book)
        return book


def one_call(core: LookAlike, clock: VirtualClock) -> None:
    """An order with a tag of ours that fills."""
    price = Decimal(str(fair(FAR_CALL))) + Decimal("0.1")
    ticket = Ticket(
        contract=FAR_CALL, side=Side.BUY, quantity=65, limit_price=price, tag="VG0badcafe-T001-01"
    )
    core.exchange.place(ticket, clock.now())
    clock.advance(1.0)
    core.exchange.look(shot(1.0))


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    clock = VirtualClock(TS)
    core = make_core(clock, market=market(shot(-15.0)), cadence_s=15.0, gap_cadences=None)
    core.advance()
    one_call(core, clock)
    with serving(core) as served:
        made = Counter(root=make_root(tmp_path), served=served, clock=clock)
        made.log_in()
        made.write()
        yield made


def test_agreement_is_exit_0_and_one_line(counter: Counter) -> None:
    """Quiet enough for cron; as JSON one document."""
    done = counter.do()
    assert (done.code, done.err) == (0, ""), done.err
    assert done.out.startswith("agrees: paper at 2026-09-16 10:00:0") and done.out.count("\n") == 1
    assert "1 position, 1 order, 1 execution" in done.out
    document = counter.do("--json").document
    assert (document["schema"], document["agrees"]) == ("volguard.reconcile/1", True)
    assert document["rehearsal"] is True and document["broker"] == counter.url
    assert document["journal"]["path"] == str(counter.journal)


def test_a_mismatch_is_exit_7_in_table_json_and_csv(counter: Counter, tmp_path: Path) -> None:
    """The same difference in each form; the file is there whole."""
    counter.trade_outside()
    sheet = tmp_path / "out" / "book.csv"
    table, as_json = counter.do("--csv", str(sheet)), counter.do("--json")
    assert (table.code, as_json.code) == (7, 7)
    assert "orphan_position" in table.out and table.out.splitlines()[-1].startswith("MISMATCH: paper")
    (found,) = as_json.document["differences"]
    assert set(found) == {"kind", "subject", "ours", "theirs", "reason"}
    assert (found["kind"], found["ours"], found["theirs"]) == ("orphan_position", "none", "-65")
    assert len(as_json.document["readings"]) == 2
    (row,) = csv.DictReader(sheet.read_text().splitlines())
    assert {name: row[name] for name in found} == found and row["state"] == "lasting"
    assert [path.name for path in sheet.parent.iterdir()] == ["book.csv"]


def test_the_end_of_the_day_can_be_asked_for(counter: Counter) -> None:
    """Charges and cash agree with the broker's; without the option there is no such part before the close."""
    document = counter.do("--end-of-day", "--json").document
    verdicts = {figure["what"]: figure["verdict"] for figure in document["end_of_day"]["figures"]}
    assert verdicts == {"charges": "agrees", "funds": "agrees"} and document["agrees"]
    assert counter.do("--json").document["end_of_day"] is None


@pytest.mark.parametrize(("route", "named"), [("funds", "change of cash"), ("brokerage", FAR_CALL.symbol)])
def test_a_day_that_was_asked_for_and_is_not_whole_is_exit_75(
    counter: Counter, route: str, named: str
) -> None:
    """The figure that could not be had is named; the comparison is shown all the same, and it agrees."""
    rule = FaultRule(name=FaultName.SERVER_ERROR_BEFORE, probability=1.0, where=frozenset({route}))
    counter.served.ask(lambda core: setattr(core.faults, "_armed", Faults((rule,), seed=1)._armed))
    words = ("--set", "upstox.read_attempts=1")
    done = counter.do("--end-of-day", "--json", *words)
    assert done.code == 75 and done.document["agrees"] and named in done.error["error"]
    assert counter.do(*words).code == 0  # nobody asked for the end of the day
    counter.trade_outside()
    assert counter.do("--end-of-day", *words).code == 7  # a mismatch is the graver word


def test_nobody_logged_in_is_exit_4(counter: Counter) -> None:
    """With the command that logs in."""
    for path in (counter.root / "data").glob(".token-*.json"):
        path.unlink()
    done = counter.do("--json")
    assert done.code == 4 and done.error["hint"] == "volguard token" and done.out == ""


def test_a_broker_that_is_away_is_exit_75(counter: Counter) -> None:
    """Nothing listens, or nothing can be read: try again later."""
    rule = FaultRule(name=FaultName.SERVER_ERROR_BEFORE, probability=1.0, where=ALL_READS)
    counter.served.ask(lambda core: setattr(core.faults, "_armed", Faults((rule,), seed=1)._armed))
    mute = counter.do("--set", "upstox.read_attempts=1")
    assert mute.code == 75 and "nothing could be read" in mute.err
    gone = volguard("reconcile", "--base-url", "http://127.0.0.1:9", root=counter.root)
    assert gone.code == 75 and gone.out == ""


def test_one_read_that_fails_is_exit_7(counter: Counter) -> None:
    """Not known is not agreed."""
    rule = FaultRule(name=FaultName.SERVER_ERROR_BEFORE, probability=1.0, where=frozenset({"positions"}))
    counter.served.ask(lambda core: setattr(core.faults, "_armed", Faults((rule,), seed=1)._armed))
    done = counter.do("--set", "upstox.read_attempts=1")
    assert done.code == 7 and "not known" in done.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--yes",), "of --adopt alone"),
        (("--adopt",), "no terminal"),
        (("--journal", "nowhere.db"), "nowhere.db"),
        (("--no-such-option",), "no-such-option"),
    ],
)
def test_a_call_that_makes_no_sense_is_exit_2(counter: Counter, words: tuple[str, ...], said: str) -> None:
    """Nothing is read or asked for."""
    process = subprocess.run(
        command("reconcile", "--base-url", counter.url, *words, root=counter.root),
        cwd=PROJECT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert process.returncode == 2 and said in process.stderr and process.stdout == ""


def test_adopting_without_a_session_says_who_adopts(counter: Counter) -> None:
    """A dry run shows the orphans and asks nobody; with --yes the command that starts one is named."""
    counter.trade_outside()
    dry = counter.do("--adopt", "--dry-run", "--json")
    assert dry.code == 7
    assert dry.document["adoption"] == {
        "positions": [{"contract": CALL.symbol, "quantity": -65}],
        "answer": None,
    }
    done = counter.do("--adopt", "--yes")
    assert done.code == 2 and "no session runs" in done.err and "volguard run --broker upstox" in done.err


@pytest.mark.parametrize("answer", ["n", "y"])
def test_a_person_is_shown_the_orphans_and_asked(counter: Counter, answer: str) -> None:
    """A no is exit 2 and changes nothing; a yes goes on, here to the session that is not there."""
    counter.trade_outside()
    words = ("reconcile", "--base-url", counter.url, *QUICK, "--adopt")
    master, slave = pty.openpty()
    with subprocess.Popen(
        command(*words, root=counter.root),
        cwd=PROJECT,
        env=environment(),
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        os.close(slave)
        os.write(master, f"{answer}\n".encode())
        _, err = process.communicate(timeout=TIMEOUT_S)
    os.close(master)
    assert process.returncode == 2
    assert f"-65 {CALL.symbol}" in err and "Let the running session manage these?" in err
    assert ("declined" in err) is (answer == "n") and ("no session runs" in err) is (answer == "y")


def test_two_runs_differ_in_their_times_alone(counter: Counter) -> None:
    """Reconciling changes nothing: the second run says the same, and the journal is as it was."""
    counter.trade_outside()
    stored = counter.journal.read_bytes()
    texts = [json.dumps(timeless(counter.do("--json").document)) for _ in range(2)]
    assert texts[0] == texts[1]
    assert counter.journal.read_bytes() == stored


def timeless(document: dict[str, object]) -> dict[str, object]:
    return document | {"at": "", "readings": ""}


def test_an_account_without_a_journal_is_told_so(counter: Counter) -> None:
    """Our book is empty, and all that the broker has is a difference."""
    for path in counter.journal.parent.iterdir():
        path.unlink()
    done = counter.do()
    assert done.code == 7
    assert "our book is empty" in " ".join(done.out.split()) and "orphan_position" in done.out


def test_help_shows_examples_for_cron() -> None:
    """A crontab line to copy."""
    done = volguard("reconcile", "--help")
    assert done.code == 0 and "*/10 9-15 * * 1-5" in done.out and "--end-of-day" in done.out
