"""Every check in order, and the document that a look at them gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

from volguard.model.decision import Phase
from volguard.model.errors import UsageError
from volguard.operations.validate_checks_access import ACCESS_CHECKS
from volguard.operations.validate_checks_broker import BROKER_CHECKS
from volguard.operations.validate_checks_config import CONFIG_CHECKS
from volguard.operations.validate_checks_files import FILE_CHECKS
from volguard.operations.validate_checks_gates import GATE_CHECKS
from volguard.operations.validate_checks_margin import MARGIN_CHECKS
from volguard.operations.validate_row import Check, Context, Row, Verdict, looked_at

SCHEMA: Final = "volguard.validate/1"
CHECKS: Final[tuple[Check, ...]] = (
    *CONFIG_CHECKS,
    *ACCESS_CHECKS,
    *FILE_CHECKS,
    *BROKER_CHECKS,
    *MARGIN_CHECKS,
)
GATES: Final[tuple[Check, ...]] = GATE_CHECKS
CONNECTIVITY: Final = ("rest", "feed", "portfolio_stream")  # all three passed: the broker is within reach


def chosen(only: Sequence[str], phase: Phase | None) -> tuple[Check, ...]:
    """The checks of a call: all of them, or those that are named; gates where a phase is asked for.

    Raises UsageError on a name that no check has.
    """
    checks = (*CHECKS, *(GATES if phase not in (None, Phase.SHADOW) else ()))
    known = {check.id for check in checks}
    for name in only:
        if name not in known:
            hint = "gates need --phase" if name in {gate.id for gate in GATES} else ""
            raise UsageError(
                f"there is no check {name}, known are {', '.join(check.id for check in checks)}", hint=hint
            )
    return tuple(check for check in checks if not only or check.id in only)


def look(checks: Sequence[Check], context: Context, tell: Callable[[Check], None]) -> tuple[Row, ...]:
    """Look at each in order; `tell` hears of every check before it is looked at."""
    rows = []
    for check in checks:
        tell(check)
        rows.append(looked_at(check, context))
    return tuple(rows)


def validate_document(rows: Sequence[Row], context: Context) -> dict[str, Any]:
    """The rows as `volguard.validate/1`."""
    counts = Counter(row.verdict for row in rows)
    return {
        "schema": SCHEMA,
        "ok": is_good(rows),
        "at": context.at.isoformat(),
        "root": str(context.root.path),
        "live": context.live is not None,
        "broker": None if context.loaded is None else context.settings.upstox.base_url,
        "rehearsal": None if context.loaded is None else context.settings.upstox.is_rehearsal,
        "phase": None if context.phase is None else context.phase.value,
        "connectivity_verified": is_connected(rows),
        "promotion": None,
        "counts": {verdict.value: counts[verdict] for verdict in Verdict},
        "rows": [row_document(row) for row in rows],
    }


def row_document(row: Row) -> dict[str, Any]:
    """One row as the document holds it."""
    return {
        "id": row.id,
        "verdict": row.verdict.value,
        "reason": row.finding.reason,
        "evidence": [
            {"name": one.name, "seen": one.seen, "limit": one.limit or None} for one in row.finding.evidence
        ],
        "mend": row.finding.mend or None,
    }


def is_good(rows: Sequence[Row]) -> bool:
    """No row failed."""
    return not any(row.verdict is Verdict.FAIL for row in rows)


def is_connected(rows: Sequence[Row]) -> bool:
    """REST, market feed and portfolio stream were all looked at, and passed."""
    passing = {row.id for row in rows if row.verdict is Verdict.PASS}
    return passing.issuperset(CONNECTIVITY)
