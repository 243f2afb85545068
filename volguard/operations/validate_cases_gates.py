"""How each gate of a promotion is shut on purpose."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Final

from volguard import __version__
from volguard.model.decision import Phase
from volguard.operations.drill_record import SCHEMA, keep_drill, played_digest
from volguard.operations.validate_case import case
from volguard.operations.validate_cases_offline import alter_row
from volguard.operations.validate_checks_gates import (
    DRILL_SESSIONS_MIN,
    REPLAYED_SESSIONS,
    STOP_SESSIONS,
    UNCOMPUTED,
)
from volguard.operations.validate_rehearsed import Rehearsed
from volguard.operations.validate_row import Context
from volguard.operations.validate_scene import Scene

OTHER_STRATEGY: Final = ("strategy.short_delta_max=0.10",)
NOT_TOLD: Final = ("strategy.require_forecast_edge=false", "strategy.require_vrp=false")


def promotable(scene: Scene) -> Context:
    """A folder with as many sound sessions as SEMI_AUTO wants, and a drill that passed."""
    return drilled(_gated(scene, scene.folder_with_sessions()))


def drilled(context: Context, **other: object) -> Context:
    """The context with a drill of its settings in its folder; `other`: what of it is not as it should be."""
    document = {
        "schema": SCHEMA,
        "ok": True,
        "code_version": __version__,
        "played_hash": played_digest(context.loaded.values if context.loaded is not None else {}),
        "sessions": DRILL_SESSIONS_MIN,
    }
    keep_drill(context.root.resolve("journal"), document | other, context.at)
    return context


def _gated(scene: Scene, folder: Path, *overrides: str, phase: Phase = Phase.SEMI_AUTO) -> Context:
    return scene.context(folder, *overrides, phase=phase)


def _days(scene: Scene) -> tuple[date, ...]:
    return scene.earlier_days(REPLAYED_SESSIONS)


def _with(scene: Scene, what: Rehearsed, *not_told: str) -> Context:
    # The day's journal is written anew.
    folder = scene.folder_with_sessions()
    for old in (folder / "journal").glob(f"{what.kind}-{what.trading_date}-*"):
        old.unlink()
    scene.write_session(folder, what, *not_told)
    return _gated(scene, folder)


def _few(scene: Scene) -> Context:
    folder = scene.folder()
    for day in _days(scene)[:-1]:
        scene.write_session(folder, Rehearsed(trading_date=day))
    return _gated(scene, folder)


def _simulated(scene: Scene) -> Context:
    folder = scene.folder()
    for day in _days(scene):
        scene.write_session(folder, Rehearsed(trading_date=day, kind="simulator"))
    return _gated(scene, folder)


def _cut(scene: Scene) -> Context:
    folder = scene.folder()
    for day in _days(scene):
        scene.write_session(folder, Rehearsed(trading_date=day, is_cut=True))
    return _gated(scene, folder)


def _poor(scene: Scene) -> Context:
    folder = scene.folder()
    for place, day in enumerate(_days(scene)):
        scene.write_session(folder, Rehearsed(trading_date=day, is_poor=place % 2 == 0))
    return _gated(scene, folder)


def _altered(scene: Scene) -> Context:
    folder = scene.folder_with_sessions()
    alter_row(sorted((folder / "journal").glob("upstox-*.db"))[-1])
    return _gated(scene, folder)


def _none(scene: Scene) -> Context:
    return _gated(scene, scene.folder())


GATE_CASES: Final = (
    case("gate_sessions", f"{REPLAYED_SESSIONS - 1} sessions", _few),
    case("gate_sessions", "sessions of the simulator alone", _simulated),
    case("gate_sessions", "sessions that were cut short", _cut),
    case(
        "gate_sessions",
        "the strategy was changed since",
        lambda s: _gated(s, s.folder_with_sessions(), *OTHER_STRATEGY),
    ),
    case(
        "gate_sessions",
        "FULL_AUTO asked for after SHADOW alone",
        lambda s: _gated(s, s.folder_with_sessions(), phase=Phase.FULL_AUTO),
    ),
    case("gate_quality", "quotes of half the sessions were poor", _poor),
    case("gate_quality", "no session", _none),
    case("gate_chain", "one letter of one row was changed", _altered),
    case("gate_chain", "no session", _none),
    case(
        "gate_replay",
        "a session ran on a strategy that its journal does not tell",
        lambda s: _with(s, Rehearsed(trading_date=_days(s)[-1]), *NOT_TOLD),
    ),
    case("gate_replay", "no session", _none),
    case(
        "gate_hard_stop",
        f"a hard stop within {STOP_SESSIONS} sessions",
        lambda s: _with(s, Rehearsed(trading_date=_days(s)[0], is_stopped=True)),
    ),
    case("gate_hard_stop", "no session", _none),
    case("gate_drill", "no drill", _none),
    case("gate_drill", "a drill that failed", lambda s: drilled(_none(s), ok=False)),
    case("gate_drill", "a drill of another version", lambda s: drilled(_none(s), code_version="0.0.0")),
    case("gate_drill", "a drill of other settings", lambda s: drilled(_none(s), played_hash="other")),
    case("gate_drill", "a drill of one session", lambda s: drilled(_none(s), sessions=1)),
    *(
        case(gate, "nothing computes it yet", lambda s: _gated(s, s.folder(), phase=Phase.FULL_AUTO))
        for gate in UNCOMPUTED
    ),
)
