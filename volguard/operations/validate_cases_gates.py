"""How each gate of a promotion is shut on purpose."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from volguard.adapters.code_version import code_version
from volguard.adapters.private_file import write_private
from volguard.model.decision import Phase
from volguard.operations.drill_record import SCHEMA, keep_drill, played_digest
from volguard.operations.promotion import now_of
from volguard.operations.promotion_record import VALID_DAYS, make_promotion, promotion_path, write_promotion
from volguard.operations.validate_case import case
from volguard.operations.validate_cases_offline import alter_row
from volguard.operations.validate_checks_gates import (
    DRILL_SESSIONS_MIN,
    REPLAYED_SESSIONS,
    STOP_SESSIONS,
)
from volguard.operations.validate_evidence import LIVE_KIND
from volguard.operations.validate_rehearsed import Rehearsed
from volguard.operations.validate_row import Context
from volguard.operations.validate_scene import TRADING, Scene

OTHER_STRATEGY: Final = ("strategy.short_delta_max=0.10",)
NOT_TOLD: Final = OTHER_STRATEGY
WORDS: Final = "written for a self-test"


def promotable(scene: Scene) -> Context:
    """A folder with as many sound sessions as SEMI_AUTO wants, and a drill that passed."""
    return drilled(_ready(scene, scene.folder_with_sessions()))


def governed(scene: Scene, **other: Any) -> Context:
    """A folder with a record of FULL_AUTO; `other`: what of it is not as it should be."""
    context = _gated(scene, scene.folder(), phase=Phase.FULL_AUTO)
    now = now_of(scene.loaded, context.at)
    given = {
        "phase": Phase.FULL_AUTO,
        "account": now.account,
        "capital_inr": now.capital_inr,
        "at": context.at,
        "operator": "self-test",
        "words": WORDS,
        "code_version": now.code_version,
        "settings_digest": now.settings_digest,
        "settings_hash": now.settings_hash,
        "gates": (),
        "journals": (),
    }
    record = make_promotion(**{**given, **other})
    write_promotion(_record_path(context), record)
    return context


def drilled(context: Context, **other: object) -> Context:
    """The context with a drill of its settings in its folder; `other`: what of it is not as it should be."""
    document = {
        "schema": SCHEMA,
        "ok": True,
        "code_version": code_version(),
        "played_hash": played_digest(context.loaded.values if context.loaded is not None else {}),
        "sessions": DRILL_SESSIONS_MIN,
    }
    keep_drill(context.root.resolve("journal"), document | other, context.at)
    return context


def _record_path(context: Context) -> Path:
    return promotion_path(context.root.resolve("data"), context.settings.account.name, Phase.FULL_AUTO)


def _edited_record(scene: Scene) -> Context:
    context = governed(scene)
    path = _record_path(context)
    write_private(path, path.read_bytes().replace(WORDS.encode(), b"other words"))
    return context


def _ready(scene: Scene, folder: Path, *overrides: str, phase: Phase = Phase.SEMI_AUTO) -> Context:
    # Looked at with the settings that its sessions ran on.
    return _gated(scene, folder, *TRADING, *overrides, phase=phase)


def _gated(scene: Scene, folder: Path, *overrides: str, phase: Phase = Phase.SEMI_AUTO) -> Context:
    return scene.context(folder, *overrides, phase=phase)


def _days(scene: Scene) -> tuple[date, ...]:
    return scene.earlier_days(REPLAYED_SESSIONS)


def _with(scene: Scene, what: Rehearsed, *not_told: str) -> Context:
    # The day's journal is written anew.
    folder = scene.folder_with_sessions()
    for old in (folder / "journal").glob(f"{what.kind}-{what.trading_date}-*"):
        old.unlink()
    scene.write_session(folder, what, *not_told, told=TRADING)
    return _ready(scene, folder)


def _few(scene: Scene) -> Context:
    folder = scene.folder()
    for day in _days(scene)[:-1]:
        scene.write_session(folder, Rehearsed(trading_date=day))
    return _gated(scene, folder)


def _of_kind(scene: Scene, kind: str) -> Context:
    folder = scene.folder()
    for day in _days(scene):
        scene.write_session(folder, Rehearsed(trading_date=day, kind=kind))
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
    return _ready(scene, folder)


def _quiet(scene: Scene) -> Context:
    folder = scene.folder()
    for day in _days(scene):
        scene.write_session(folder, Rehearsed(trading_date=day))
    return _gated(scene, folder)


def _strangers(scene: Scene) -> Context:
    folder = scene.folder()
    for day in _days(scene):
        scene.write_session(folder, Rehearsed(trading_date=day), told=('account.name="somebody"',))
    return _gated(scene, folder)


def _copied(scene: Scene) -> Context:
    folder = scene.folder()
    written = [scene.write_session(folder, Rehearsed(trading_date=day)) for day in _days(scene)[:-1]]
    for old in sorted(written[0].parent.glob(f"{written[0].name}*")):
        shutil.copy(old, old.with_name(f"copy-of-{old.name}"))
    return _gated(scene, folder)


def _none(scene: Scene) -> Context:
    return _gated(scene, scene.folder())


GATE_CASES: Final = (
    case("gate_sessions", f"{REPLAYED_SESSIONS - 1} sessions", _few),
    case("gate_sessions", "sessions of the simulator alone", lambda s: _of_kind(s, "simulator")),
    case("gate_sessions", "recordings that were replayed", lambda s: _of_kind(s, "replay")),
    case("gate_sessions", "sessions that were cut short", _cut),
    case(
        "gate_sessions",
        "the strategy was changed since",
        lambda s: _ready(s, s.folder_with_sessions(), *OTHER_STRATEGY),
    ),
    case(
        "gate_sessions",
        "FULL_AUTO asked for after SHADOW alone",
        lambda s: _ready(s, s.folder_with_sessions(), phase=Phase.FULL_AUTO),
    ),
    case("gate_sessions", "sessions of another account", _strangers),
    case("gate_sessions", "a journal that is there twice under two names", _copied),
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
    case(
        "gate_mismatches",
        "a session that never saw the broker's book",
        lambda s: _with(s, Rehearsed(trading_date=_days(s)[-1], phase=Phase.SEMI_AUTO, broker=LIVE_KIND)),
    ),
    case("gate_mismatches", "no session", _none),
    case("gate_slippage", "sessions in which nothing was traded", _quiet),
    case("gate_slippage", "no session", _none),
    case("gate_governance", "no record", lambda s: _gated(s, s.folder(), phase=Phase.FULL_AUTO)),
    case("gate_governance", "other words in the record", _edited_record),
    case(
        "gate_governance",
        f"a record of more than {VALID_DAYS} days ago",
        lambda s: governed(s, at=s.at - timedelta(days=VALID_DAYS)),
    ),
    case("gate_governance", "a record of another account", lambda s: governed(s, account="somebody")),
    case("gate_governance", "a record of another strategy", lambda s: governed(s, settings_digest="other")),
)
