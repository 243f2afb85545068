"""A person decides at the terminal: the real program, the real keys, and what the journal keeps of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import make_root, volguard
from tests.scenario.approval_desk import ASKING, Operator

CTRL_C = "\x03"
Sit = Callable[..., Operator]


@pytest.fixture
def sit(tmp_path: Path) -> Iterator[Sit]:
    """Sit down before a session of one's own."""
    at: list[Operator] = []

    def start(*words: str, root: Path | None = None) -> Operator:
        at.append(Operator(make_root(tmp_path) if root is None else root, *words))
        return at[-1]

    yield start
    for operator in at:
        operator.leave()


def stop(operator: Operator) -> None:
    """Ctrl-C at whatever stands there: 130, the journal closed, the terminal as it was before."""
    operator.press(CTRL_C)
    assert operator.ended() == 130
    assert operator.rows("SessionEnded")[-1]["reason"] == "interrupted"
    assert operator.lines_now == operator.lines_before
    assert operator.seen.count(b"\x1b[?1049h") == operator.seen.count(b"\x1b[?1049l") == 1
    assert operator.seen.count(b"\x1b[?2004h") == operator.seen.count(b"\x1b[?2004l") == 1
    done = volguard("journal", "verify", "--json", root=operator.root)
    assert (done.code, done.document["ok"]) == (0, True)


def leg_of(body: Any) -> tuple[int, str, str]:
    contract = body["contract"]
    return contract["strike"], contract["option_type"], body["side"]


def test_an_approved_proposal_is_traded_as_it_was_shown(sit: Sit) -> None:
    """Key and Enter: the answer with the digest of the card, its orders, its fills, the position shown."""
    operator = sit()
    shown = operator.read_card("P001")
    for words in ("leg  contract", "max loss", "our SPAN-style", "worst cell", "EV under P", "advisor"):
        assert words in shown
    card = operator.rows("ProposalMade")[0]["card"]
    assert re.search(r"P001 \w+ \w+ \S+: .* lots of .*, waits until \d\d:\d\d:\d\d\n", operator.status())
    assert operator.seen.count(b"\a") == 1
    operator.press("a")
    operator.until("approve P001")
    assert operator.rows("ProposalAnswered") == []
    operator.press("\r")
    operator.until("positions (2)")
    (answer,), (closed,) = operator.rows("ProposalAnswered"), operator.rows("ProposalClosed")[:1]
    assert (answer["verdict"], answer["digest"]) == ("APPROVE", card["digest"])
    assert (closed["outcome"], closed["lots"]) == ("APPROVED", card["lots"])
    requests = {
        row["approved"]["request"]["tag"]: row["approved"]["request"] for row in operator.rows("Place")
    }
    filled = {leg_of(requests[fill["tag"]]) for fill in operator.rows("OrderFilled")}
    assert filled == {leg_of(each["leg"]) for each in card["legs"]}
    stop(operator)


def test_fewer_lots_are_traded_than_were_proposed(sit: Sit) -> None:
    """A number below what was proposed: so many lots are in the answer, the orders and the trade."""
    operator = sit("--set", 'account.capital_inr="10000000"')
    operator.read_card("P001")
    card = operator.rows("ProposalMade")[0]["card"]
    assert card["lots"] >= 2
    operator.press(f"f{card['lots'] + 1}\r")
    operator.until(f"lots: a number from 1 to {card['lots']}")
    operator.press("1\r")
    operator.until("positions (2)")
    assert [answer["lots"] for answer in operator.rows("ProposalAnswered")] == [1]
    assert [closed["lots"] for closed in operator.rows("ProposalClosed")][:1] == [1]
    placed = {row["approved"]["request"]["quantity"] for row in operator.rows("Place")}
    assert placed == {card["lot_size"]}
    stop(operator)


def test_a_rejected_proposal_leaves_its_reason_and_no_order(sit: Sit) -> None:
    """The reason typed on the line, arrows and all keys' letters in between, is what the journal keeps."""
    operator = sit()
    operator.read_card("P001")
    operator.press("\x1b[A\x1b[D")
    operator.press("rbad day, far too early")
    operator.until("> bad day, far too early_")
    operator.press("\r")
    operator.until("P001 REJECTED: bad day, far too early")
    (answer,) = operator.rows("ProposalAnswered")
    assert (answer["verdict"], answer["reason"]) == ("REJECT", "bad day, far too early")
    assert operator.rows("ProposalClosed")[0]["outcome"] == "REJECTED"
    assert operator.rows("Place") == []
    stop(operator)


def test_a_proposal_that_nobody_answers_expires(sit: Sit) -> None:
    """The countdown runs down on the screen, in any size of the window, and nothing is sent."""
    operator = sit("--set", "approval.expires_s=240")
    operator.read_card("P001")
    operator.resize(120, 40)
    operator.wait(lambda: max(map(len, operator.frame.split("\n"))) == 120, "the wide window")
    operator.resize(80, 24)
    operator.wait(lambda: {*map(len, operator.frame.split("\n"))} <= {0, 80}, "the small window")
    operator.until("P001 EXPIRED: nobody answered in time")
    counted = [int(text) for text in re.findall(rb" (\d+) s left", operator.seen)]
    assert counted[0] > counted[-1] and counted == sorted(counted, reverse=True)
    assert operator.rows("ProposalAnswered") == operator.rows("Place") == []
    assert operator.rows("ProposalClosed")[0]["outcome"] == "EXPIRED"
    stop(operator)


def test_a_market_that_moves_away_takes_the_proposal_with_it(sit: Sit) -> None:
    """The level moves under a half given answer: the difference is told, Enter sends nothing any more."""
    operator = sit("--set", "approval.level_move_max=0.0005")
    operator.read_card("P001")
    operator.press("a")
    operator.until("P001 INVALIDATED")
    assert "P001 left the screen before your answer was complete: nothing was sent" in operator.frame
    operator.press("\r")
    operator.wait(lambda: "nothing was sent" not in operator.frame, "a clean screen")
    closed = operator.rows("ProposalClosed")[0]
    assert closed["outcome"] == "INVALIDATED" and " -> " in closed["text"] and "limit" in closed["text"]
    assert operator.rows("ProposalAnswered") == operator.rows("Place") == []
    stop(operator)


def test_ctrl_c_at_the_prompt_ends_the_session_and_sends_nothing(sit: Sit) -> None:
    """In the middle of an answer Ctrl-C is still Ctrl-C: exit 130, nothing answered, the terminal back."""
    operator = sit()
    operator.read_card("P001")
    operator.press("a")
    operator.until("approve P001")
    stop(operator)
    assert operator.rows("ProposalAnswered") == operator.rows("Place") == []


def test_a_session_that_cannot_open_says_so_on_the_terminal_of_before(sit: Sit, tmp_path: Path) -> None:
    """With the kill switch on the error is read after the screen is gone, and line editing is back."""
    root = make_root(tmp_path)
    (root / "data").mkdir()
    (root / "data" / "KILL_SWITCH").touch()
    operator = sit(root=root)
    assert operator.ended() != 0
    operator.wait(lambda: b"the kill switch" in operator.seen.split(b"\x1b[?1049l")[-1], "the error")
    assert operator.lines_now == operator.lines_before


def test_off_a_terminal_nobody_is_asked(tmp_path: Path) -> None:
    """Through a pipe it ends with 2, names the flag, opens no journal; no escape goes into the pipe."""
    root = make_root(tmp_path)
    done = volguard(*ASKING, root=root)
    assert done.code == 2
    assert "is not a terminal" in done.err and "--unattended" in done.err
    assert "\x1b" not in done.err
    assert not (root / "journal").exists()


def test_unattended_a_log_tells_proposals_and_their_ends(tmp_path: Path) -> None:
    """Through a pipe with --unattended each proposal is a line with its legs, and a line when it ends."""
    words = ("--unattended", "--speed", "max", "--cadence", "60")
    done = volguard(*ASKING, *words, root=make_root(tmp_path))
    assert done.code == 0, done.err
    made = re.findall(r"PROPOSAL (P\d+) \w+ \w+ [\d-]+: (?:SELL|BUY) ", done.err)
    ended = re.findall(r"PROPOSAL (P\d+) waits no more", done.err)
    assert made and made[:-1] == ended[: len(made) - 1]
    assert "P001 EXPIRED: nobody answered in time" in done.err
    assert "\x1b" not in done.err
