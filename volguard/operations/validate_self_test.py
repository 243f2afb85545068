"""Proves that no check is empty: each passes on a sound input, and says so when that input is broken."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from volguard.operations.validate import CHECKS, GATES
from volguard.operations.validate_case import Case
from volguard.operations.validate_cases_broker import BROKER_CASES
from volguard.operations.validate_cases_gates import GATE_CASES, governed, promotable
from volguard.operations.validate_cases_offline import OFFLINE_CASES, known_events, with_channel
from volguard.operations.validate_row import Check, Context, Row, Verdict, looked_at
from volguard.operations.validate_scene import Scene

SCHEMA: Final = "volguard.validate_self_test/1"
CASES: Final[tuple[Case, ...]] = (*OFFLINE_CASES, *BROKER_CASES, *GATE_CASES)


def self_test_document(
    tell: Callable[[str], None], checks: Sequence[Check] = (*CHECKS, *GATES), cases: Sequence[Case] = CASES
) -> dict[str, Any]:
    """Every case of every check as `volguard.validate_self_test/1`; `tell` hears each before it is tried.

    Not ok when a check has no case, does not pass on its sound input, or does not say that it was broken.
    """
    with TemporaryDirectory(prefix="volguard-self-test-") as folder, ExitStack() as undo:
        scene = Scene(Path(folder), undo)
        sound = _Sound(scene)
        rows = [row for check in checks for row in _rows(check, cases, scene, sound, tell)]
    return {
        "schema": SCHEMA,
        "ok": not any(row["fault"] for row in rows),
        "checks": len(checks),
        "rows": rows,
    }


class _Sound:
    # The sound row of a check, looked at once; contexts are shared where checks leave them alone.
    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._contexts: dict[str, Context] = {}
        self._rows: dict[str, Row] = {}
        self._makers: Mapping[str, Callable[[Scene], Context]] = {
            "offline": lambda s: s.context(),
            "live": lambda s: s.live_context(),
            "gate": promotable,
            "gate_governance": lambda s: governed(s),
            "events": known_events,
            "alerts": lambda s: with_channel(s, is_dead=False),
        }

    def row(self, check: Check) -> Row:
        if check.id not in self._rows:
            self._rows[check.id] = looked_at(check, self._context(check))
        return self._rows[check.id]

    def _context(self, check: Check) -> Context:
        kind = "live" if check.is_live else "gate" if check in GATES else "offline"
        name = check.id if check.id in self._makers else kind
        if name not in self._contexts:
            self._contexts[name] = self._makers[name](self._scene)
        return self._contexts[name]


def _rows(
    check: Check, cases: Sequence[Case], scene: Scene, sound: _Sound, tell: Callable[[str], None]
) -> list[dict[str, Any]]:
    rows = []
    for case in cases:
        if case.check == check.id:
            tell(f"{check.title}: {case.how}")
            rows.append(_row(case, sound.row(check), looked_at(check, case.broken(scene))))
    return rows or [
        {
            "id": check.id,
            "broken_how": "nothing breaks it",
            "sound": None,
            "broken": None,
            "fault": "no case breaks this check: nobody knows whether it can fail",
        }
    ]


def _row(case: Case, sound: Row, broken: Row) -> dict[str, Any]:
    fault = ""
    if sound.verdict is not Verdict.PASS:
        fault = f"it said {sound.verdict} of a sound input: {sound.finding.reason}"
    elif broken.verdict is not case.expected:
        fault = f"it said {broken.verdict}, must say {case.expected}, when {case.how}"
    return {
        "id": case.check,
        "broken_how": case.how,
        "sound": _said(sound),
        "broken": _said(broken),
        "fault": fault or None,
    }


def _said(row: Row) -> dict[str, str]:
    return {"verdict": row.verdict.value, "reason": row.finding.reason}
