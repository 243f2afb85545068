"""Tables of a validation: what to mend stands below, connectivity is claimed only where verified."""

from __future__ import annotations

from typing import Any

from rich.console import Console, RenderableType

from volguard.report.validate_tables import self_test_table, validate_table


def text_of(table: RenderableType) -> str:
    console = Console(width=120, force_terminal=False)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def a_row(name: str, verdict: str, mend: str | None = None) -> dict[str, Any]:
    evidence = [{"name": "age", "seen": f"{name} 3 s", "limit": "10 s"}]
    return {"id": name, "verdict": verdict, "reason": f"[{name}] said", "evidence": evidence, "mend": mend}


def a_document(**changes: Any) -> dict[str, Any]:
    rows = [a_row("one", "pass"), a_row("two", "fail", "mend two"), a_row("three", "skipped", "add --live")]
    document = {
        "schema": "volguard.validate/1",
        "ok": False,
        "at": "2026-09-16T10:00:00+05:30",
        "root": "/desk",
        "live": True,
        "broker": "http://127.0.0.1:9",
        "rehearsal": True,
        "phase": "SEMI_AUTO",
        "connectivity_verified": False,
        "counts": {"pass": 1, "warn": 0, "fail": 1, "skipped": 1},
        "rows": rows,
    }
    return document | changes


def test_a_failed_row_shows_its_figures_and_its_mend() -> None:
    """Figures of rows that passed stay out of the way; what failed is shown with figures and mend."""
    text = text_of(validate_table(a_document(), all_evidence=False))
    assert "two 3 s (limit 10 s)" in text and "one 3 s" not in text
    assert text.index("mend two") > text.index("[two] said")
    assert "add --live" not in text  # a skipped row is nothing to mend
    assert "NOT READY: 1 pass, 1 fail, 1 skipped" in text
    assert "CONNECTIVITY VERIFIED" not in text


def test_brackets_of_a_reason_are_no_markup() -> None:
    """A reason may name a table of the settings in brackets: it is shown as it is."""
    assert "[one] said" in text_of(validate_table(a_document(), all_evidence=True))


def test_all_figures_are_shown_where_they_are_asked_for() -> None:
    """A look at one check shows its figures although it passed."""
    assert "one 3 s (limit 10 s)" in text_of(validate_table(a_document(), all_evidence=True))


def test_connectivity_is_claimed_where_it_is_verified() -> None:
    """The words an operator looks for in the morning come from the document alone."""
    document = a_document(ok=True, connectivity_verified=True)
    text = text_of(validate_table(document, all_evidence=False))
    assert "CONNECTIVITY VERIFIED" in text
    assert "no check failed" in text
    assert "live: http://127.0.0.1:9, a look-alike, gates of SEMI_AUTO" in text


def test_the_self_test_shows_how_each_check_was_broken() -> None:
    """Check, what was broken, and what the check then said; a fault is named below."""
    said = {"verdict": "fail", "reason": "10 MiB are free"}
    row = {"id": "disk", "broken_how": "little is free", "sound": None, "broken": said, "fault": None}
    good = text_of(self_test_table({"ok": True, "checks": 1, "rows": [row]}))
    assert "little is free" in good and "10 MiB are free" in good
    assert "1 checks broken in 1 ways: every one can fail" in good
    bad = {**row, "broken": None, "fault": "no case breaks this check"}
    text = text_of(self_test_table({"ok": False, "checks": 1, "rows": [bad]}))
    assert "disk: no case breaks this check" in text and "SELF-TEST FAILED" in text
