"""From steps to frames: what may wait for the next frame waits, a proposal does not."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache

from tests.fakes import TRADING, make_engine, opening, simulated
from volguard.adapters.frames import Frames
from volguard.engine.state import State, Step
from volguard.engine.status import proposed_in
from volguard.model.decision import Phase
from volguard.model.event import MarketSnapshot
from volguard.model.status import StatusView

ENGINE = make_engine(*TRADING)


@dataclass
class Shown:
    """A screen that wants a frame every ten seconds."""

    frame_interval_s: float = 10.0
    seen: list[StatusView] = field(default_factory=list)

    def show(self, status: StatusView) -> None:
        self.seen.append(status)

    def close(self) -> None:
        self.seen.clear()


@cache
def steps() -> tuple[tuple[State, Step], ...]:
    """A SEMI_AUTO session up to its first proposal, and one look more."""
    day = simulated(seed=1, scenario="crash", cadence_s=10.0, start=85, stop=140)
    started, history = opening(day)
    state, made = State(), []
    events = [MarketSnapshot(ts=shot.ts, snapshot=shot) for shot in day.market.shots]
    for event in (replace(started, phase=Phase.SEMI_AUTO), history, *events):
        had = bool(made) and bool(proposed_in(made[-1][1]))
        step = ENGINE.step(state, event)
        state = step.state
        made.append((state, step))
        if had:
            break
    return tuple(made)


def test_a_proposal_is_drawn_at_once_however_young_the_last_frame() -> None:
    screen = Shown()
    frames = Frames(ENGINE, screen, lambda _body: None, lambda: 5.0)
    for state, step in steps():
        frames(state, step)
    drawn = [tuple(card.proposal_id for card in view.proposals) for view in screen.seen]
    asked = next(proposed_in(step) for _, step in steps() if proposed_in(step))
    assert len(steps()) > 4
    assert drawn == [(), asked]


def test_what_this_process_has_to_tell_stands_among_the_alerts_once() -> None:
    """With the session's time, newest on top; it is asked for at every step and told on the next frame."""
    notices = iter([("the alert command failed: pager ended with 3",), (), (), ()])
    screen = Shown(frame_interval_s=0.0)
    frames = Frames(ENGINE, screen, lambda _body: None, lambda: 5.0, lambda: next(notices, ()))
    for state, step in steps()[:4]:
        frames(state, step)
    clock = f"{steps()[0][0].desk.now:%H:%M:%S}" if steps()[0][0].desk is not None else ""
    told = f"{clock} the alert command failed: pager ended with 3"
    assert screen.seen[0].alerts[0] == told
    assert screen.seen[-1].alerts.count(told) == 1
