"""Every error volguard raises on purpose, split by what the caller must do next.

VolguardError
├── UsageError            2   call again, differently
│   ├── ConfigError       2   mend a file or an override
│   ├── DateNotCovered    2   extend a dated table
│   └── DataError         2   give another file
├── GateFailed            3   collect the evidence first
├── TokenError            4   log in
├── RiskRefused           5   a success of the system; nothing to mend here
├── OutcomeUnknown        6   a person must look at the broker's book
├── ReconcileMismatch     7   explain the difference
├── NotFlat               8   close what remains by hand
├── JournalDamaged        9   keep the file, start from a copy
├── TryLater             75   market closed, broker or network away
├── LockHeld             79   another instance works on this journal
├── JournalWriteFailed    1   free the disk; halted safely
└── InvariantBroken       1   halted; the book and the program disagree
"""

from __future__ import annotations

from datetime import date


class VolguardError(Exception):
    """Base of all; `exit_code` is the process's, `hint` the next safe thing to do."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(VolguardError):
    """The command or its arguments cannot be carried out as given."""

    exit_code = 2


class ConfigError(UsageError):
    """A setting is missing, unknown or out of range; the message names file, key and value."""


class DateNotCovered(UsageError):
    """A dated table has no row for this date; the last value is never assumed."""

    def __init__(self, table: str, day: date, key: str = "", *, hint: str = "") -> None:
        of_key = f" for {key}" if key else ""
        super().__init__(
            f"table {table} has no row{of_key} on {day.isoformat()}",
            hint=hint or f"add a dated row with its source to {table}",
        )
        self.table = table
        self.day = day
        self.key = key

    def __reduce__(self) -> tuple[object, ...]:
        """Errors come back from other processes; without this they would lose what they were made of."""
        return type(self), (self.table, self.day, self.key), {"hint": self.hint}


class DataError(UsageError):
    """A file cannot be used; the message names the file and where in it."""


class GateFailed(VolguardError):
    """A validation or promotion gate failed."""

    exit_code = 3


class TokenError(VolguardError):
    """The access token is missing or expired."""

    exit_code = 4


class RiskRefused(VolguardError):
    """Risk said no before anything was sent."""

    exit_code = 5


class OutcomeUnknown(VolguardError):
    """An order may or may not live at the broker."""

    exit_code = 6


class ReconcileMismatch(VolguardError):
    """Journal and broker disagree."""

    exit_code = 7


class NotFlat(VolguardError):
    """The deadline passed and positions remain."""

    exit_code = 8


class JournalDamaged(VolguardError):
    """The chain of hashes is broken, or a replay differs; `seq` is the first bad row."""

    exit_code = 9

    def __init__(self, message: str, *, seq: int | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.seq = seq


class TryLater(VolguardError):
    """Nothing is wrong here; the market, the broker or the network is away."""

    exit_code = 75


class LockHeld(VolguardError):
    """Another process owns this journal."""

    exit_code = 79


class JournalWriteFailed(VolguardError):
    """The journal could not be written; nothing was sent after it."""


class InvariantBroken(VolguardError):
    """Money, quantity or sequence does not add up; the caller halts."""
