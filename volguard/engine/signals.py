"""Which signals are journaled, and when: with what is decided on them, and when one says another word."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from volguard.engine.bucket_expiries import bucket_expiries
from volguard.engine.state import Turn
from volguard.measure.chain_vix import month_volatility
from volguard.measure.market_view import MarketView
from volguard.model.event import SignalsCause, SignalsNoted
from volguard.strategy.signals import SignalInputs, read_signals
from volguard.volatility.regimes import MarketRegime

LOOK_EVERY_S: Final = 300.0


def note_signals(turn: Turn) -> None:
    """Note the signals that a proposal, an entry or a refusal is decided on; once a step."""
    if turn.desk.notes_signals and not turn.signals:
        _note(turn, SignalsCause.DECISION)


def note_changes(turn: Turn) -> None:
    """Note the signals of a look when one says another word than when they were noted last.

    Without a decision they are looked at once in LOOK_EVERY_S, and when the VIX begins to spike: what
    flickers in between is no change.
    """
    if turn.desk.notes_signals and not turn.signals and _is_due(turn):
        _note(turn, SignalsCause.CHANGE)


def _is_due(turn: Turn) -> bool:
    memory = turn.desk.signals
    last = memory.looked_at
    if last is None or turn.now - last >= timedelta(seconds=LOOK_EVERY_S):
        return True
    return turn.desk.vix_spike.is_spiking and memory.regime is not MarketRegime.VIX_SPIKE


def _note(turn: Turn, cause: SignalsCause) -> None:
    view = turn.market
    if view is None:
        return
    signals, memory = read_signals(_inputs(turn, view), turn.desk.signals)
    words = tuple(signal.word for signal in signals)
    is_new = cause is SignalsCause.DECISION or words != memory.words
    turn.desk = replace(turn.desk, signals=replace(memory, words=words))
    if is_new:
        turn.signals = signals
        turn.records.append(SignalsNoted(ts=turn.now, cause=cause, signals=signals))


def _inputs(turn: Turn, view: MarketView) -> SignalInputs:
    desk, settings = turn.desk, turn.settings
    if turn.month_iv is None:  # a step without a look of its own: an answer to a proposal
        turn.month_iv = month_volatility(view, desk.source.capabilities, turn.rules.contracts)
    month_iv, origin = turn.month_iv
    expiries = {expiry for expiry in bucket_expiries(turn).values() if expiry is not None}
    return SignalInputs(
        now=turn.now,
        view=view,
        quality=desk.quality or 0.0,
        month_iv=month_iv,
        month_iv_origin=origin,
        vix_rise=desk.vix_spike.rise_share,
        outlook=turn.outlook,
        expiries=tuple(sorted(expiries)),
        event_horizon_days=settings.policy.event_horizon_days,
        events=settings.events,
        iv_rv_settings=settings.iv_rv,
        regime_settings=settings.regimes,
        rules=turn.rules,
    )
