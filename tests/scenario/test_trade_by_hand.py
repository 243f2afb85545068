"""The operator trades a structure of his own: asked from another terminal, approved in the session's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from tests.cli.command import finish, make_root, start, volguard
from tests.scenario.approval_desk import Operator

# The strategy's own window is over before it begins: the machine proposes nothing by itself.
QUIET = ("--set", "strategy.entry_from=15:20:00", "--set", "strategy.entry_until=15:21:00")
CTRL_C = "\x03"
Sit = Callable[..., Operator]


@pytest.fixture
def sit(tmp_path: Path) -> Iterator[Operator]:
    """A session that asks nothing, on a terminal, with its first looks done."""
    operator = Operator(make_root(tmp_path), *QUIET)
    operator.until("is outside 15:20")
    yield operator
    operator.leave()


def condor(operator: Operator) -> str:
    """Shorts 500 points out, wings of 200 points, around the level that the screen tells."""
    figures = operator.rows("MarketSeen")[-1]["figures"]
    middle = round(figures["reference_level"] / 100) * 100
    return f"+{middle - 700}PE -{middle - 500}PE -{middle + 500}CE +{middle + 700}CE"


def weekly() -> str:
    return date(2026, 9, 22).isoformat()


def test_asked_in_one_terminal_and_approved_in_the_other(sit: Operator) -> None:
    """The command says where to answer, waits, and ends with the trade that it became; a journal of both."""
    words = ("--legs", condor(sit), "--expiry", weekly(), "--lots", "1")
    shown = volguard("trade", *words, "--dry-run", "--json", root=sit.root)
    assert shown.code == 0 and shown.document["schema"].startswith("volguard.payoff/"), shown.err
    assert sit.rows("OperatorSpoke") == []
    asking = start("trade", *words, "--json", root=sit.root)
    card = sit.read_card("P001")
    assert "asked for by the operator" in card and "strategy: entry_window" in card
    sit.press("a")
    sit.until("approve P001")
    sit.press("\r")
    done = finish(asking)
    assert done.code == 0, done.err
    assert "P001 is shown in the session's terminal until" in done.err
    document = done.document
    (trade,) = {row["trade_id"] for row in sit.rows("TradeChanged")}
    assert (document["schema"], document["outcome"]) == ("volguard.trade/1", "APPROVED")
    assert (document["trade_id"], document["lots"], document["proposal_id"]) == (trade, 1, "P001")
    assert document["legs"] == condor_as_sent(sit)
    again = volguard("trade", *words, "--lots", "2000", root=sit.root)
    assert again.code == 5 and "not traded: " in again.err, again.err
    naked = volguard("trade", "--legs", condor(sit).split()[1], "--expiry", weekly(), root=sit.root)
    assert naked.code == 2 and "no structure that is managed here" in naked.err, naked.err
    listed = volguard("proposals", "--json", root=sit.root).document["proposals"]
    assert [row["outcome"] for row in listed] == ["APPROVED"]
    assert listed[0]["card"]["figures"]["asked_by"] == "operator"
    sit.press(CTRL_C)
    assert sit.ended() == 130


def condor_as_sent(operator: Operator) -> str:
    spoken = operator.rows("OperatorSpoke")[0]["text"]
    return " ".join(word.split("@")[0] for word in spoken.split()[2:])


def test_rejected_it_ends_with_two(sit: Operator) -> None:
    """The operator thinks better of it: said in both places, nothing sent."""
    asking = start("trade", "--legs", condor(sit), "--expiry", weekly(), root=sit.root)
    sit.read_card("P001")
    sit.press("r")
    sit.until("P001")
    sit.press("too wide\r")
    done = finish(asking)
    assert done.code == 2 and "not traded, REJECTED: too wide" in done.err, done.err
    assert sit.rows("Place") == []


def test_without_somebody_to_answer_nothing_is_asked(tmp_path: Path) -> None:
    """No session, or one that asks nobody: exit 2 and what to start."""
    root = make_root(tmp_path)
    words = ("trade", "--legs", "+24000PE -24200PE")
    assert volguard(*words, root=root).code == 2
    running = start(
        *("run", "--phase", "SEMI_AUTO", "--unattended", "--seed", "3", "--speed", "30", "--no-report"),
        root=root,
    )
    try:
        while not list((root / "journal").glob("*.sock")):
            assert running.poll() is None
        refused = volguard(*words, root=root)
        assert refused.code == 2 and "nobody answers a proposal in this session" in refused.err, refused.err
    finally:
        running.kill()
        running.communicate()
    over = volguard(*words, root=root)
    assert over.code == 2 and "no session runs on" in over.err, over.err
