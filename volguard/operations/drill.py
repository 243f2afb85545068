"""The rehearsal: sessions on the operator's own configuration against a broker that lies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from volguard.adapters.code_version import code_version
from volguard.operations.drill_checks import DrillCheck, check_configuration
from volguard.operations.drill_days import CAPITAL_FACTORS, TIGHT_STOPS, TRADING, DrillDays, plan_of
from volguard.operations.drill_record import SCHEMA, played_digest
from volguard.operations.drill_shrink import Shrunk, shrink
from volguard.simulator.fault_invariants import Invariant, SafetyAction
from volguard.simulator.fault_session import FaultResult
from volguard.simulator.lies import Lie

SESSIONS: Final = 60
SHOWN_VIOLATIONS: Final = 5  # of one session
Tell = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillRequest:
    """How many sessions, from which seed on; `is_shrinking`: what fails is cut down to what it takes."""

    sessions: int = SESSIONS
    seed: int = 0
    is_shrinking: bool = False
    replay: str = "volguard drill"  # the words of the call that replays a seed


@dataclass(slots=True, kw_only=True)
class Coverage:
    """What was told, looked at and done over all sessions."""

    told: Counter[Lie]
    met: Counter[Lie]  # sessions in which it was told
    failed_with: Counter[Lie]  # sessions in which it was told and something was not true
    checked: Counter[Invariant]
    broken: Counter[Invariant]
    actions: Counter[SafetyAction]
    failures: list[FaultResult]
    orders: int = 0
    trades: int = 0
    crashes: int = 0
    naked_s_max: float = 0.0

    @classmethod
    def none(cls) -> Coverage:
        """Nothing yet."""
        return cls(
            told=Counter(),
            met=Counter(),
            failed_with=Counter(),
            checked=Counter(),
            broken=Counter(),
            actions=Counter(),
            failures=[],
        )

    def take(self, result: FaultResult) -> None:
        """Count one session."""
        kinds = {told.lie for told in result.lies}
        self.told.update(told.lie for told in result.lies)
        self.met.update(kinds)
        self.checked.update(result.checked)
        self.broken.update(result.broken)
        self.actions.update(result.actions)
        self.orders += result.orders
        self.trades += result.trades
        self.crashes += result.crashes
        self.naked_s_max = max(self.naked_s_max, result.naked_s_max)
        if result.violations:
            self.failed_with.update(kinds)
            self.failures.append(result)


def drill(days: DrillDays, request: DrillRequest, tell: Tell) -> tuple[Coverage, FaultResult, list[Shrunk]]:
    """All sessions, one without a lie first; what fails is cut down where that was asked for."""
    tell(0, request.sessions, "an honest session")
    honest = days.run(replace(plan_of(request.seed), rates={}))
    coverage, shrunk = Coverage.none(), []
    for number in range(request.sessions):
        seed = request.seed + number
        tell(number, request.sessions, f"seed {seed}")
        result = days.run(plan_of(seed))
        coverage.take(result)
        if result.violations and request.is_shrinking:
            tell(number, request.sessions, f"seed {seed} fails: looking for what it takes")
            shrunk.append(shrink(days, plan_of(seed), result))
    return coverage, honest, shrunk


def drill_document(
    days: DrillDays, checks: tuple[DrillCheck, ...], request: DrillRequest, at: datetime, tell: Tell
) -> dict[str, Any]:
    """A `volguard.drill/1` document; `ok` when every check passed and every invariant held."""
    coverage, honest, shrunk = drill(days, request, tell)
    checks = (*checks, *_of_sessions(coverage, honest, request))
    return {
        **_head(at, checks),
        "settings_hash": days.given.digest,
        "played_hash": played_digest(days.given.values),
        "sessions": request.sessions,
        "first_seed": request.seed,
        "changed_settings": _changes(),
        "orders": coverage.orders,
        "trades": coverage.trades,
        "crashes": coverage.crashes,
        "naked_s_max": coverage.naked_s_max,
        "faults": [
            {
                "name": lie.value,
                "told": coverage.told[lie],
                "sessions": coverage.met[lie],
                "failed_sessions": coverage.failed_with[lie],
            }
            for lie in Lie
        ],
        "invariants": [
            {
                "name": one.name.lower(),
                "text": one.value,
                "checked": coverage.checked[one],
                "broken": coverage.broken[one],
            }
            for one in Invariant
        ],
        "actions": [
            {"name": one.name.lower(), "text": one.value, "seen": coverage.actions[one]}
            for one in SafetyAction
        ],
        "failures": [_failure(result, request) for result in coverage.failures],
        "shrunk": [one.document() for one in shrunk],
    }


def refused_document(checks: tuple[DrillCheck, ...], at: datetime) -> dict[str, Any]:
    """The document of a configuration on which no session can run."""
    return {
        **_head(at, checks),
        "settings_hash": None,
        "played_hash": None,
        "sessions": 0,
        "first_seed": None,
        "changed_settings": [],
        "orders": 0,
        "trades": 0,
        "crashes": 0,
        "naked_s_max": 0.0,
        "faults": [],
        "invariants": [],
        "actions": [],
        "failures": [],
        "shrunk": [],
    }


def _head(at: datetime, checks: tuple[DrillCheck, ...]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "at": at.isoformat(),
        "ok": all(check.is_passed for check in checks),
        "code_version": code_version(),
        "checks": [check.document() for check in checks],
    }


def _changes() -> list[dict[str, str]]:
    factors = ", ".join(str(factor) for factor in CAPITAL_FACTORS)
    return [
        *({"setting": text, "why": "so that a session trades whatever its day"} for text in TRADING),
        {
            "setting": f"account.capital_inr times {factors}",
            "why": "so that orders fill in parts and in slices",
        },
        *({"setting": text, "why": "in some sessions, so that the stops are met"} for text in TIGHT_STOPS),
    ]


def _of_sessions(
    coverage: Coverage, honest: FaultResult, request: DrillRequest
) -> tuple[DrillCheck, DrillCheck, DrillCheck]:
    held = sum(coverage.checked.values())
    failed = ", ".join(str(result.seed) for result in coverage.failures)
    return (
        DrillCheck(
            id="trades",
            is_passed=honest.trades > 0,
            reason=f"a session without a lie makes {honest.trades} executions"
            + ("" if honest.trades else ": these limits let nothing trade, so the drill proves nothing"),
            mend="" if honest.trades else "volguard why tells which limit refuses",
        ),
        DrillCheck(
            id="honest",
            is_passed=not honest.violations,
            reason=honest.violations[0] if honest.violations else "without a lie nothing is wrong",
            mend="report it: this is a defect of the program" if honest.violations else "",
        ),
        DrillCheck(
            id="invariants",
            is_passed=not coverage.failures,
            reason=f"{len(coverage.failures)} of {request.sessions} sessions failed: seeds {failed}"
            if coverage.failures
            else f"{held} looks at {len(Invariant)} invariants in {request.sessions} sessions, all held",
            mend=f"{request.replay} --seed {coverage.failures[0].seed} --sessions 1 --shrink"
            if coverage.failures
            else "",
        ),
    )


def _failure(result: FaultResult, request: DrillRequest) -> Mapping[str, Any]:
    return {
        "seed": result.seed,
        "violations": list(result.violations[:SHOWN_VIOLATIONS]),
        "count": len(result.violations),
        "replay": f"{request.replay} --seed {result.seed} --sessions 1",
    }


__all__ = ["DrillRequest", "check_configuration", "drill_document", "refused_document"]
