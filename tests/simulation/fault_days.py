"""Sessions against a broker that lies, on the settings that ship with the project."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from tests.fakes import ROOT
from volguard.config import Root
from volguard.operations.drill_days import DrillDays, SessionPlan, plan_of
from volguard.simulator.fault_session import FaultResult
from volguard.simulator.lies import Lie


@cache
def days() -> DrillDays:
    """The markets and engines of the shipped settings."""
    return DrillDays(Root(path=ROOT, is_packaged=False, config_dir=ROOT / "config"))


def plan(
    seed: int,
    *,
    rates: dict[Lie, float] | None = None,
    crash_at: int | None = None,
    **occasion: object,
) -> SessionPlan:
    """The session of a seed, with other rates, a crash, or on another occasion."""
    made = plan_of(seed)
    return replace(
        made,
        rates=made.rates if rates is None else rates,
        crash_at=crash_at,
        occasion=replace(made.occasion, **occasion),
    )


def session(
    seed: int,
    *,
    rates: dict[Lie, float] | None = None,
    crash_at: int | None = None,
    **occasion: object,
) -> FaultResult:
    """One session of `plan`."""
    return days().run(plan(seed, rates=rates, crash_at=crash_at, **occasion))
