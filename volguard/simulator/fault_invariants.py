"""What must be true of a session whatever its broker does, and what it can do for its safety."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Invariant(StrEnum):
    """One thing that must hold; the value says it to a person."""

    NO_STEP_RAISED = "no step raises, whatever is told"
    SENT_ONCE = "no order is sent or accepted twice"
    JOURNALED_FIRST = "nothing reaches the exchange without a journal row that survives a crash"
    SAME_AFTER_CRASH = "a restart comes to the state that was on disk"
    RISK_ONLY_WHEN_ACTIVE = "no order adds risk unless trading is active and nothing is in doubt"
    HEDGE_FIRST = "a short leaves for no more than what is filled of its hedge"
    SHORTS_OUT_FIRST = "no hedge is sold while its short is open"
    BELOW_FREEZE = "every order is whole lots, below the freeze quantity"
    UNKNOWN_STOPS_RISK = "an order that may live stops new risk"
    UNKNOWN_IS_SOUGHT = "an order that may live is looked for until it is known"
    UNKNOWN_IS_LEFT_ALONE = "an order that may live is neither re-priced nor cancelled"
    ABSENT_TWICE = "an order counts as absent only after two readings with a delay"
    WITHDRAWN = "an entry does not go on once trading is not active"
    NOTHING_UNWORKED = "no order rests that nothing works, no cancel is given up"
    BOOKED_ONCE = "an execution is booked once"
    BOOK_IS_ITS_FILLS = "what an order has filled is the sum of its executions"
    NEVER_BEYOND_FLAT = "no leg is closed for more than is held of it"
    NOTHING_LEFT_LYING = "a trade that is over holds nothing, one on its way out is worked on"
    EXITS_MOVE = "an exit that can be priced is on the exchange"
    NAKED_BUDGET = "no short stands without its long beyond its budget but in an emergency"
    FLATTEN_CLOSES_ALL = "once everything is to be closed every trade is on its way out"
    LATCHED = "a halt, a stop, an emergency and a flatten stay until the operator's word"
    HEALS_SLOWLY = "trading goes on only after a clean dwell"
    HOLE_STOPS_RISK = "a hole in the feed and a tie that breaks stop new risk"
    BOOK_READ_FIRST = "nothing is sent on a book that is not known to be the broker's"
    MISMATCH_STOPS_RISK = "what the broker holds and we do not stops new risk"
    BOOK_IS_BROKERS = "after the close the book is the broker's"
    CASH_CONSERVED = "after the close cash is the broker's, to the paisa"
    NOTHING_ALIVE = "no order lives after the close"


class SafetyAction(StrEnum):
    """What a session does when something is wrong."""

    READ_BACK = "order book read for a tag"
    COUNTED_ABSENT = "order counted as absent"
    TAKEN_BACK = "order that appeared late taken off"
    CANCELLED = "order cancelled"
    UNWOUND = "entry unwound"
    HEDGES_SOLD = "half a trade closed again"
    LATE_FILL_CLOSED = "late fill closed"
    EXITED = "exit by rule"
    EXIT_ANEW = "exit that no longer fits made anew"
    EXIT_HURRIED = "slow exit made urgent"
    REFUSED = "order refused by risk"
    REDUCED = "new risk stopped"
    HEALED = "trading resumed"
    HALTED = "trading halted"
    FLATTENED = "everything closed"
    EMERGENCY = "emergency"
    PAGED = "operator paged"
    BREAKER = "order breaker opened"
    RESTARTED = "restarted from the journal"


@dataclass(slots=True)
class Ledger:
    """How often each invariant was looked at, what broke, and what was done."""

    checked: Counter[Invariant] = field(default_factory=Counter)
    broken: Counter[Invariant] = field(default_factory=Counter)
    actions: Counter[SafetyAction] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def hold(self, invariant: Invariant, is_true: bool, at: datetime, text: str) -> None:
        """Count a look at an invariant; one that is not true is kept, once, with its time."""
        self.checked[invariant] += 1
        if is_true:
            return
        told = f"{at:%H:%M:%S} {text}"
        if told not in self.violations:
            self.broken[invariant] += 1
            self.violations.append(told)
