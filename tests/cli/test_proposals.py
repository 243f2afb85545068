"""`volguard semi-auto` without a terminal, and `volguard proposals`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import Done, make_root, volguard
from tests.fakes import TRADING

SWITCHES = [word for text in TRADING for word in ("--set", text)]
DAY = ("--scenario", "trend", "--cadence", "60", "--speed", "max", "--no-report", *SWITCHES)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with one day on which nobody answered."""
    folder = make_root(tmp_path_factory.mktemp("semi"))
    assert volguard("semi-auto", "--unattended", *DAY, root=folder).code == 0
    return folder


def listed(root: Path, *words: str) -> Done:
    return volguard("proposals", *words, root=root)


def test_unattended_proposals_expire_and_nothing_is_traded(root: Path) -> None:
    """Each with what was shown and how it ended; the journal replays to the same."""
    rows = listed(root, "--json").document["proposals"]
    assert rows and {row["outcome"] for row in rows} == {"EXPIRED"}
    assert all(row["trade_id"] is None and row["waited_s"] >= 60.0 for row in rows)
    first = rows[0]["card"]
    assert first["proposal_id"] == "P001" and len(first["digest"]) == 16 and len(first["legs"]) >= 2
    assert volguard("journal", "replay", root=root).code == 0
    shown = volguard("journal", "show", "--kind", "OrderChanged", "--json", root=root)
    assert "OrderChanged" not in shown.out.replace('"--kind"', "")


def test_proposals_as_a_table(root: Path) -> None:
    """A line each and the counts; --last takes the newest."""
    done = listed(root)
    rows = listed(root, "--json").document["proposals"]
    assert done.code == 0 and f"{len(rows)} proposals: EXPIRED {len(rows)}" in done.out
    one = listed(root, "--last", "1", "--json").document["proposals"]
    assert [row["card"]["proposal_id"] for row in one] == [rows[-1]["card"]["proposal_id"]]


def test_what_was_turned_down_is_carried_on_paper(root: Path) -> None:
    """Proposals that expired are refusals by that name, reckoned from the journal; each structure once."""
    document = listed(root, "--refused", "--json").document
    (session,) = document["sessions"]
    structures = session["refused"]["structures"]
    expired = [row for row in structures if row["reason"] == "proposal_expired"]
    assert expired and any(row["net_inr"] is not None for row in expired)
    keys = [(row["bucket"], row["structure"], *row["strikes"], row["reason"]) for row in structures]
    assert len(keys) == len(set(keys))
    shown = listed(root, "--refused")
    assert shown.code == 0 and "proposal_expired" in shown.out and "no exit rule applied" in shown.out
    assert listed(root, "--refused", "--last", "1").code == 2


def test_no_proposal_is_said(tmp_path: Path) -> None:
    """An empty root is no error."""
    done = listed(make_root(tmp_path))
    assert done.code == 0 and "no proposal was made" in done.out


def test_without_a_terminal_nobody_can_be_asked(tmp_path: Path) -> None:
    """Exit 2, the flag named, and no journal made."""
    root = make_root(tmp_path)
    done = volguard("run", "--phase", "SEMI_AUTO", "--speed", "max", root=root)
    assert done.code == 2 and "--unattended" in done.err
    assert not (root / "journal").exists()


def test_unattended_belongs_to_semi_auto(tmp_path: Path) -> None:
    """Other phases ask nobody."""
    done = volguard("run", "--phase", "SHADOW", "--unattended", root=make_root(tmp_path))
    assert done.code == 2 and "--unattended belongs to SEMI_AUTO" in done.err


def test_a_phase_that_was_not_earned_does_not_run_on_a_real_account(tmp_path: Path) -> None:
    """Exit 3 with what is missing; nothing is opened."""
    root = make_root(tmp_path)
    done = volguard("semi-auto", "--unattended", "--broker", "upstox", root=root)
    assert done.code == 3 and "SEMI_AUTO" in done.err
    assert not (root / "journal").exists()


def test_the_evidence_towards_the_next_phase(tmp_path: Path) -> None:
    """The gates as far as they are, without a session; shut ones are no error."""
    root = make_root(tmp_path)
    done = volguard("shadow", "--report", "--json", root=root)
    assert done.code == 0 and "gate_sessions" in done.out
    assert not (root / "journal").exists()
