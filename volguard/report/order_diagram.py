"""The order machine as a Mermaid diagram, made from its table: what is drawn is what runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from volguard.execution.lifecycle import AFTER_PART, TRANSITIONS
from volguard.model.order import FINAL_STATES, OrderState

PART: Final = "part executed"
WHOLE: Final = "all executed"


def order_diagram() -> str:
    """A `stateDiagram-v2`: an edge's label lists the broker's words, and executions, that lead along it."""
    lines = [
        "stateDiagram-v2",
        f"    [*] --> {OrderState.SENT}: journaled, then sent",
        *(f"    {start} --> {end}: {_joined(words)}" for (start, end), words in _edges().items()),
        *(f"    {state} --> [*]" for state in OrderState if state in FINAL_STATES),
    ]
    return "\n".join(lines) + "\n"


def unmoved_by() -> str:
    """What leaves a state as it is, a line of Markdown each: doubled, late and overtaken words."""
    return "".join(f"* `{state}` stays on {_joined(words)}.\n" for state, words in _loops().items())


def order_section() -> str:
    """The diagram in its fence and the words that change nothing: the block of the README."""
    return f"```mermaid\n{order_diagram()}```\n\n{unmoved_by()}"


# Every (state, what happens, state): the table's rows in its own order, then the executions.
def _moves() -> Iterator[tuple[OrderState, str, OrderState]]:
    for (state, word), target in TRANSITIONS.items():
        yield state, word.value, target
    for state, target in AFTER_PART.items():
        yield state, PART, target
        yield state, WHOLE, OrderState.FILLED


def _edges() -> dict[tuple[OrderState, OrderState], list[str]]:
    found: dict[tuple[OrderState, OrderState], list[str]] = {}
    for state, what, target in _moves():
        if state is not target:
            found.setdefault((state, target), []).append(what)
    return found


def _loops() -> dict[OrderState, list[str]]:
    found: dict[OrderState, list[str]] = {}
    for state, what, target in _moves():
        if state is target:
            found.setdefault(state, []).append(what)
    return found


def _joined(words: Iterable[str]) -> str:
    return ", ".join(words)
