"""What one thing that the market shows says of it, or why it says nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One signal of one look. It says a stable word, or it abstains and `missing` says why.

    `value`: the figure behind it, in the unit that `text` tells; may be known of a signal that abstains.
    `age_s`: of the oldest thing it rests on; None for what was scheduled or is not there. `confidence` in
    [0, 1] is that of its weakest input, None of one that abstains. `expiry`: of which one, None for all.
    """

    name: str
    value: float | None
    says: str
    text: str
    age_s: float | None
    confidence: float | None
    missing: str = ""
    expiry: date | None = None

    @property
    def abstains(self) -> bool:
        """Whether it says nothing."""
        return bool(self.missing)

    @property
    def word(self) -> str:
        """By what a change is told: name, expiry, and what it says."""
        of = "" if self.expiry is None else f" {self.expiry.isoformat()}"
        return f"{self.name}{of} {self.says or 'ABSTAINS'}"

    @property
    def line(self) -> str:
        """The whole of it on one line, for a person."""
        of = "" if self.expiry is None else f" {self.expiry.isoformat()}"
        said = f"abstains, {self.missing}" if self.abstains else self.says
        return f"{self.name}{of}: {said}" + (f" ({self.about})" if self.about else "")

    @property
    def about(self) -> str:
        """The figures behind what it says, with age and confidence."""
        age = "" if self.age_s is None else f"{self.age_s:.0f} s old"
        sure = "" if self.confidence is None else f"confidence {self.confidence:.2f}"
        return "; ".join(part for part in (self.text, age, sure) if part)
