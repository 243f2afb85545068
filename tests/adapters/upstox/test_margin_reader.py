"""What the margin calculator says of a proposal is an answer like others; so is why it says nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.adapters.upstox.broker_parts import OverLookAlike
from tests.fakes import TS, call
from tests.simulator.upstox_server.desk import FAR_CALL, FAR_PUT
from volguard.adapters.upstox.account import AccountReads
from volguard.adapters.upstox.broker import UpstoxBroker
from volguard.model.book import Position
from volguard.model.broker import MarginAnswer, MarginLine
from volguard.model.event import AskMargin, MarginAnswered
from volguard.simulator.upstox_server.faults import FaultName, FaultRule

SHORT = (Position(contract=FAR_CALL, quantity=-65), Position(contract=FAR_PUT, quantity=-65))


@pytest.fixture
def desk() -> Iterator[OverLookAlike]:
    """A broker over the look-alike."""
    made = OverLookAlike()
    yield made
    made.shut()


def question(*positions: Position) -> AskMargin:
    return AskMargin(ts=TS, proposal_id="P001", positions=positions)


def answers(desk: OverLookAlike, seconds: float) -> list[MarginAnswered]:
    due = desk.due(TS + timedelta(seconds=seconds))
    return [one for one in due if isinstance(one, MarginAnswered)]


def test_the_figure_is_that_of_the_calculator_and_is_told_once(desk: OverLookAlike) -> None:
    """Of the legs together, once all of them are on, by the proposal's name."""
    desk.broker.ask_margin(question(*SHORT))
    (told,) = answers(desk, 1)
    keys = [desk.master.key_of(position.contract) for position in SHORT]
    lines = [MarginLine(key=key, quantity=-65, product="D") for key in keys if key is not None]
    assert told.margin_inr == desk.reads.margin(lines).final_inr > Decimal(0)
    assert (told.proposal_id, told.missing, told.ts) == ("P001", "", TS + timedelta(seconds=1))
    assert answers(desk, 2) == []


def test_what_the_broker_does_not_say_is_not_known(desk: OverLookAlike) -> None:
    """No figure, and the reason: never a guess, never zero."""
    desk.arm(
        FaultRule(
            name=FaultName.HTML_403, probability=1.0, times_max=9, where=frozenset({"margin"}), size=0.0
        )
    )
    desk.broker.ask_margin(question(*SHORT))
    (told,) = answers(desk, 1)
    assert told.margin_inr is None and "403" in told.missing


def test_a_leg_that_the_instrument_file_lacks_is_not_asked_about(desk: OverLookAlike) -> None:
    before = desk.core.counts.requests
    desk.broker.ask_margin(question(SHORT[0], Position(contract=call(99000), quantity=65)))
    (told,) = answers(desk, 1)
    assert (told.margin_inr, told.missing) == (None, "a leg is not in the broker's instrument file")
    asked = desk.core.counts.requests
    assert asked - before <= 1  # the order book at most


def test_a_margin_of_nothing_is_no_answer(desk: OverLookAlike, monkeypatch: pytest.MonkeyPatch) -> None:
    """A calculator that names zero for shorts has not understood: it must not look like a small margin."""
    nothing = MarginAnswer(required_inr=Decimal(0), final_inr=Decimal(0))
    monkeypatch.setattr(AccountReads, "margin", lambda _reads, _lines: nothing)
    desk.broker.ask_margin(question(*SHORT))
    (told,) = answers(desk, 1)
    assert (told.margin_inr, told.missing) == (None, "the broker named no margin above 0")


class Later:
    """An errand that is run when the test says so."""

    def __init__(self) -> None:
        self.job: Callable[[], None] | None = None

    @property
    def is_free(self) -> bool:
        return self.job is None

    def run(self, job: Callable[[], None]) -> None:
        self.job = job

    def close(self) -> None:
        self.job = None


def test_a_calculator_that_takes_long_keeps_nobody_waiting(desk: OverLookAlike) -> None:
    """It is asked on an errand of its own; the answer comes when it is there."""
    later = Later()
    broker = UpstoxBroker(desk.client, desk.master, desk.clock, margin_errands=later)
    broker.ask_margin(question(*SHORT))
    assert [one for one in broker.due(TS) if isinstance(one, MarginAnswered)] == []
    assert later.job is not None
    later.job()
    (told,) = [one for one in broker.due(TS) if isinstance(one, MarginAnswered)]
    assert told.margin_inr is not None
