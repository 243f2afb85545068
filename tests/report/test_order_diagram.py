"""The picture of the order machine is the machine: every row of its table is drawn, and the README has it."""

from __future__ import annotations

import re

import pytest

from tests.fakes import ROOT, order
from volguard.execution.lifecycle import AFTER_PART, TRANSITIONS, booked
from volguard.model.order import OrderState
from volguard.report.order_diagram import order_diagram, order_section

EDGE = re.compile(r"^    (\w+) --> (\w+): (.+)$", re.MULTILINE)
STAYS = re.compile(r"^\* `(\w+)` stays on (.+)\.$", re.MULTILINE)


def drawn() -> set[tuple[str, str, str]]:
    """Every (state, what happens, state) that the section shows."""
    text = order_section()
    moves = {(a, word, b) for a, b, words in EDGE.findall(text) for word in words.split(", ")}
    return moves | {(a, word, a) for a, words in STAYS.findall(text) for word in words.split(", ")}


def test_every_row_is_drawn_and_nothing_else() -> None:
    """Words from the table, executions as they are booked; no edge that does not run."""
    rows = {(state.value, word.value, target.value) for (state, word), target in TRANSITIONS.items()}
    rows |= {(state.value, "part executed", target.value) for state, target in AFTER_PART.items()}
    rows |= {(state.value, "all executed", "FILLED") for state in AFTER_PART}
    assert drawn() == rows


@pytest.mark.parametrize("state", list(AFTER_PART))
def test_executions_are_booked_as_drawn(state: OrderState) -> None:
    """The part and the whole lead where the picture says."""
    before = order(state, quantity=130)
    assert (state.value, "part executed", booked(before, 65).state.value) in drawn()
    assert (state.value, "all executed", booked(before, 130).state.value) in drawn()


def test_it_is_the_same_each_time_and_starts_where_an_order_does() -> None:
    """A diagram that changes by itself could not be compared."""
    assert order_diagram() == order_diagram()
    assert order_diagram().startswith("stateDiagram-v2\n    [*] --> SENT: journaled, then sent\n")


def test_the_readme_shows_the_machine_that_runs() -> None:
    """Generated: `volguard config order-machine` prints what stands between the markers."""
    text = (ROOT / "README.md").read_text()
    block = re.search(r"<!-- order-machine -->\n(.*?)<!-- /order-machine -->", text, re.DOTALL)
    assert block is not None and block.group(1) == order_section()
