"""Tables and CSV of a comparison: one line when all agrees, every word of a difference in 80 columns."""

from __future__ import annotations

import csv
import io
from typing import Any

from rich.console import Console

from volguard.report.reconcile_tables import CSV_COLUMNS, reconcile_csv, reconcile_table, verdict_line


def text_of(document: dict[str, Any], width: int = 80) -> str:
    console = Console(width=width, force_terminal=False)
    with console.capture() as captured:
        console.print(reconcile_table(document))
    return captured.get()


def row(kind: str = "position", **changes: str) -> dict[str, str]:
    made = {
        "kind": kind,
        "subject": "NIFTY 2026-09-22 24500 CE",
        "ours": "-65",
        "theirs": "-130",
        "reason": "traded from elsewhere, [or] an execution was missed",
    }
    return made | changes


def figure(verdict: str = "agrees", **changes: Any) -> dict[str, Any]:
    made = {
        "what": "charges",
        "subject": "all contracts",
        "ours_inr": "94.40",
        "theirs_inr": "94.41",
        "tolerance_inr": "0.20",
        "verdict": verdict,
        "reason": "4 orders",
    }
    return made | changes


def a_document(**changes: Any) -> dict[str, Any]:
    document = {
        "schema": "volguard.reconcile/1",
        "agrees": not changes.get("differences"),
        "account": "paper",
        "broker": "https://api.upstox.com",
        "rehearsal": False,
        "at": "2026-09-16T10:31:05+05:30",
        "readings": ["2026-09-16T10:31:05+05:30"],
        "journal": {"path": "/desk/journal/paper.db", "seq": 812},
        "notes": [],
        "compared": {"orders": 12, "trades": 1, "positions": 4},
        "differences": [],
        "moving": [],
        "expired": [],
        "end_of_day": None,
        "adoption": None,
    }
    return document | changes


def test_agreement_is_one_line() -> None:
    """Quiet enough for cron."""
    said = "agrees: paper at 2026-09-16 10:31:05: 4 positions, 12 orders, 1 execution, journal to row 812\n"
    assert text_of(a_document(), width=120) == said
    end = {"executions": [], "figures": [figure()]}
    assert text_of(a_document(end_of_day=end), width=120) == said.replace("\n", "; end of day\n")


def test_a_difference_keeps_every_word_in_80_columns() -> None:
    """Folded, never cut; brackets are no markup; the verdict stands last."""
    text = text_of(a_document(differences=[row()], moving=[row("lost_order", subject="VG-1", theirs="none")]))
    assert all(len(line) <= 80 for line in text.splitlines())
    joined = "".join(text.split())
    for words in ("position", "-65", "-130", "lasting", "moving", "lost_order"):
        assert words in joined
    assert text.splitlines()[-1].startswith("MISMATCH: paper at 2026-09-16 10:31:05: 1 difference; 1 more")
    wide = text_of(a_document(differences=[row()]), width=160)
    assert "NIFTY 2026-09-22 24500 CE" in wide and "[or] an execution was missed" in wide


def test_what_was_in_motion_is_shown_and_does_not_fail() -> None:
    """The verdict agrees and says so."""
    text = text_of(a_document(moving=[row("order_state")]), width=140)
    assert "moving" in text and "agrees: paper" in text
    assert "1 difference in motion, none lasts" in text


def test_a_book_that_was_not_read_is_not_counted() -> None:
    """Not read is no number."""
    line = verdict_line(a_document(compared={"orders": None, "trades": 1, "positions": 4}))
    assert "orders not read" in line


def test_figures_of_the_day_are_shown_where_one_does_not_agree() -> None:
    """What the broker does not give is called so, with the reason."""
    missing = figure("not_available", theirs_inr=None, reason="funds answered HTTP 423")
    text = text_of(a_document(end_of_day={"executions": [], "figures": [figure(), missing]}), width=140)
    assert "94.41" in text and "not available" in text and "HTTP 423 (within 0.20)" in text
    assert text.splitlines()[-1].endswith("; end of day, 1 figure not available")


def test_notes_and_expired_contracts_and_adoption_are_told() -> None:
    """An empty book says why it is."""
    adoption = {"positions": [{"contract": "NIFTY X", "quantity": -65}], "answer": None}
    document = a_document(notes=["no journal: our book is empty"], expired=["NIFTY Y"], adoption=adoption)
    text = text_of(document, width=140)
    assert "our book is empty" in text and "expired, not compared: NIFTY Y" in text
    assert "to adopt: -65 NIFTY X; the session: not asked" in text
    nothing = {"positions": [], "answer": None}
    assert "nothing to adopt" in text_of(a_document(adoption=nothing), width=140)


def test_csv_has_every_difference_and_figure_once() -> None:
    """A head, then rows that a sheet reads back whole."""
    end = {
        "executions": [],
        "figures": [figure(), figure("differs"), figure("not_available", theirs_inr=None)],
    }
    document = a_document(
        differences=[row(reason='a "quoted", reason')], moving=[row("lost_order")], end_of_day=end
    )
    head, *rows = csv.reader(io.StringIO(reconcile_csv(document).decode()))
    assert tuple(head) == CSV_COLUMNS
    assert [one[1:3] for one in rows] == [
        ["lasting", "position"],
        ["moving", "lost_order"],
        ["agrees", "charges"],
        ["not_available", "charges"],
    ]
    assert rows[0] == [
        *("2026-09-16T10:31:05+05:30", "lasting", "position", "NIFTY 2026-09-22 24500 CE"),
        *("-65", "-130", 'a "quoted", reason'),
    ]
    assert rows[-1][5] == "not available"
