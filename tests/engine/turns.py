"""Steps in the making, for tests of the engine's parts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.fakes import TS, make_engine, session_started
from volguard.engine.state import Desk, State, Turn
from volguard.engine.step import Engine
from volguard.model.decision import Phase, SafetyLevel, TradingState
from volguard.model.event import Alert, Cancel, DecisionMade, Modify, Place, StateChanged
from volguard.volatility.outlook import NO_OUTLOOK

ENGINE = make_engine()


def make_desk(**changes: Any) -> Desk:
    """A session that trades, with an empty book."""
    started = session_started()
    base: dict[str, Any] = {
        "session_id": "s-1",
        "session_code": "abcd1234",
        "phase": Phase.SHADOW,
        "trading_date": TS.date(),
        "source": started.source,
        "now": TS,
        "account_inr": Decimal(2_000_000),
        "trading_state": TradingState.ACTIVE,
        "safety_level": SafetyLevel.NORMAL,
    }
    return Desk(**{**base, **changes})


def make_turn(engine: Engine = ENGINE, **changes: Any) -> Turn:
    """A step in the making on such a desk, without a market."""
    return Turn(
        desk=make_desk(**changes),
        market=None,
        outlook=NO_OUTLOOK,
        settings=engine.settings,
        rules=engine.rules,
    )


def make_state(**changes: Any) -> State:
    """A state of such a desk, without a market."""
    return State(desk=make_desk(**changes))


def moves(turn: Turn) -> list[tuple[TradingState, SafetyLevel, str]]:
    """Changes of state that a turn noted."""
    return [(r.trading_state, r.safety_level, r.reason) for r in turn.records if isinstance(r, StateChanged)]


def alerts(turn: Turn) -> list[str]:
    """Codes of the alerts that a turn raised."""
    return [effect.code for effect in turn.effects if isinstance(effect, Alert)]


def decisions(turn: Turn) -> list[tuple[str, str]]:
    """Decisions that a turn made."""
    return [(r.decision.action, r.decision.reason) for r in turn.records if isinstance(r, DecisionMade)]


def leaving(effects: Any) -> list[Place | Modify | Cancel]:
    """What would leave the house."""
    return [effect for effect in effects if isinstance(effect, Place | Modify | Cancel)]
