"""How much a phase asks of the phase before it."""

from __future__ import annotations

from typing import Final

from volguard.model.decision import Phase

SESSIONS_MIN: Final = {Phase.SEMI_AUTO: 7, Phase.FULL_AUTO: 21}
PHASE_BEFORE: Final = {Phase.SEMI_AUTO: Phase.SHADOW, Phase.FULL_AUTO: Phase.SEMI_AUTO}
