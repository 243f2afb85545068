"""Whether the broker can be asked at all: bad polls in a row, as a value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from volguard.adapters.upstox.failures import ApiFailure
from volguard.model.broker import ErrorClass

BAD_POLLS_MAX: Final = 3  # so many in a row: the broker is away


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerHealth:
    """What the last polls came to; `text` says why the last bad one was."""

    bad_polls: int = 0
    last_good_at: datetime | None = None
    text: str = ""

    @property
    def is_healthy(self) -> bool:
        """Fewer than three bad polls in a row."""
        return self.bad_polls < BAD_POLLS_MAX

    def after(self, ts: datetime, failure: ApiFailure | None) -> BrokerHealth:
        """The health after one more poll; a plain no is an answer too."""
        if failure is None or failure.error_class is ErrorClass.REJECT:
            return BrokerHealth(last_good_at=ts)
        return replace(self, bad_polls=self.bad_polls + 1, text=failure.message)

    def news_since(self, before: BrokerHealth) -> str:
        """What to announce about the step from `before` to here: gone, back, or nothing."""
        if before.is_healthy and not self.is_healthy:
            return (
                f"the broker is away: {self.bad_polls} bad polls in a row, limit {BAD_POLLS_MAX}; {self.text}"
            )
        if not before.is_healthy and self.is_healthy:
            return f"the broker answers again after {before.bad_polls} bad polls"
        return ""
