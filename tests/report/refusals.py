"""Refusals made by hand, and the quotes that they are carried on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from tests.fakes import CONDOR, EXPIRY, TS, Touch, call, chain, put, shipped_rules
from volguard.model.book import Bucket, StructureKind
from volguard.model.decision import Action, CandidateRecord, Decision
from volguard.model.instrument import OptionContract
from volguard.model.market import ChainSnapshot
from volguard.report.refused import OnPaper, Refusal, on_paper

LATER = TS + timedelta(hours=5)
STRIKES = (24_000, 24_200, 24_800, 25_000)
AT_ENTRY: Mapping[OptionContract, Touch] = {
    put(24_000): (9.00, 65, 9.10, 65),
    put(24_200): (30.00, 65, 30.20, 65),
    call(24_800): (28.00, 65, 28.20, 65),
    call(25_000): (8.00, 65, 8.10, 65),
}
AT_MARK: Mapping[OptionContract, Touch] = {
    put(24_000): (12.00, 65, 12.20, 65),
    put(24_200): (45.00, 65, 45.20, 65),
    call(24_800): (15.00, 65, 15.10, 65),
    call(25_000): (4.00, 65, 4.10, 65),
}
NOWHERE = float("nan")


def refusal(**changes: Any) -> Refusal:
    """Two lots of a condor, refused for its costs at ten."""
    values: dict[str, Any] = {
        "ts": TS,
        "bucket": Bucket.WEEKLY,
        "structure": StructureKind.IRON_CONDOR,
        "expiry": EXPIRY,
        "strikes": STRIKES,
        "legs": CONDOR,
        "lots": 2,
        "reason": "cost_test",
    }
    return Refusal(**values | changes)


def mark(**touches: Touch) -> ChainSnapshot:
    """The look at three o'clock; a leg by name (put_24000) as given."""
    quotes = dict(AT_MARK)
    for name, touch in touches.items():
        kind, strike = name.split("_")
        quotes[(put if kind == "put" else call)(int(strike))] = touch
    return chain(LATER, quotes)


def carried(of: Refusal | None = None, at_mark: ChainSnapshot | None = None) -> OnPaper:
    """A refusal from its look to the mark."""
    look = mark() if at_mark is None else at_mark
    return on_paper(refusal() if of is None else of, chain(TS, AT_ENTRY), look, shipped_rules())


def candidate(refused: str, strikes: tuple[int, ...] = STRIKES, **changes: Any) -> CandidateRecord:
    """A condor of one lot with a credit and an edge of 0.1 a rupee of loss."""
    figures: dict[str, Any] = {
        "width": strikes[1] - strikes[0],
        "credit_per_unit": 40.8,
        "ev_p_per_loss": 0.1,
    }
    return CandidateRecord(
        structure=StructureKind.IRON_CONDOR,
        strikes=strikes,
        lots=1,
        figures=figures | changes,
        refusal=refused,
    )


def decision(*found: CandidateRecord, action: Action = Action.WAIT, **changes: Any) -> Decision:
    """A weekly decision on candidates."""
    values: dict[str, Any] = {
        "ts": TS,
        "action": action,
        "reason": "cost_test",
        "text": "refused",
        "bucket": Bucket.WEEKLY,
        "figures": {"expiry": EXPIRY.isoformat(), "forecast_edge_judged": True},
        "candidates": found,
    }
    return Decision(**values | changes)
