"""What the rehearsal looks at before it plays: the configuration as it is, and the folders it needs."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from volguard.adapters.kill_switch import KillSwitchFile
from volguard.config.kill_switch import kill_switch_path
from volguard.config.roots import Root
from volguard.config.settings import Settings
from volguard.model.errors import ConfigError

NAKED_S_MAX: Final = 30.0  # how long a configuration may let a short stand without its long
ORDERS_PER_SECOND_MAX: Final = 10
ABSENCE_DELAY_S_MIN: Final = 2.0
PROBE: Final = ".drill-probe"


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillCheck:
    """One look: whether it passed, what was seen, and what to do where it did not."""

    id: str
    is_passed: bool
    reason: str
    mend: str = ""

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"id": self.id, "passed": self.is_passed, "reason": self.reason, "mend": self.mend}


def refused(error: ConfigError) -> DrillCheck:
    """The check of a configuration that does not load."""
    return DrillCheck(id="configuration", is_passed=False, reason=error.message, mend=error.hint or "")


def check_configuration(settings: Settings, root: Root) -> tuple[DrillCheck, ...]:
    """All looks at a configuration that loads; the folders are tried, and left as they were."""
    return (
        DrillCheck(id="configuration", is_passed=True, reason="every setting is there and in its range"),
        _partial_fills(settings),
        _second_reading(settings),
        _order_rate(settings),
        _kill_switch(kill_switch_path(root, settings)),
        _folder("journal", root.resolve("journal")),
    )


def _partial_fills(settings: Settings) -> DrillCheck:
    limit_s = settings.execution.partial_fill_timeout_s
    return DrillCheck(
        id="partial_fills",
        is_passed=limit_s <= NAKED_S_MAX,
        reason=f"execution.partial_fill_timeout_s is {limit_s:g}: a short may stand alone so long, "
        f"limit {NAKED_S_MAX:g} s",
        mend="" if limit_s <= NAKED_S_MAX else f"set it to {NAKED_S_MAX:g} or less",
    )


def _second_reading(settings: Settings) -> DrillCheck:
    delay_s = settings.execution.absence_delay_s
    is_passed = delay_s >= ABSENCE_DELAY_S_MIN
    return DrillCheck(
        id="second_reading",
        is_passed=is_passed,
        reason=f"execution.absence_delay_s is {delay_s:g}: seconds until an order book is read again, "
        f"at least {ABSENCE_DELAY_S_MIN:g}",
        mend=""
        if is_passed
        else f"set it to {ABSENCE_DELAY_S_MIN:g} or more: a book may be older than an order",
    )


def _order_rate(settings: Settings) -> DrillCheck:
    rate = settings.limits.orders_per_second_max
    is_passed = rate <= ORDERS_PER_SECOND_MAX
    return DrillCheck(
        id="order_rate",
        is_passed=is_passed,
        reason=f"limits.orders_per_second_max is {rate}, the broker takes {ORDERS_PER_SECOND_MAX}",
        mend="" if is_passed else f"set it to {ORDERS_PER_SECOND_MAX} or less",
    )


def _kill_switch(path: Path) -> DrillCheck:
    if KillSwitchFile(path).is_present():
        return DrillCheck(
            id="kill_switch",
            is_passed=False,
            reason=f"the kill switch {path} is on, or cannot be looked at",
            mend="remove the file when you have looked at the book",
        )
    # A file of another name, in the same folder: the real one would stop a session that runs.
    fault = _fault_of(path.with_name(f"{path.name}{PROBE}"))
    return DrillCheck(
        id="kill_switch",
        is_passed=not fault,
        reason=f"the kill switch {path} cannot be put: {fault}" if fault else f"{path} can be put",
        mend=f"make {path.parent} a folder that you can write to" if fault else "",
    )


def _folder(name: str, folder: Path) -> DrillCheck:
    fault = _fault_of(folder / PROBE)
    return DrillCheck(
        id=name,
        is_passed=not fault,
        reason=f"{folder} cannot be written to: {fault}" if fault else f"{folder} can be written to",
        mend=f"make {folder} a folder that you can write to" if fault else "",
    )


def _fault_of(probe: Path) -> str:
    # Why a file cannot be made there; empty when it can. What was made for the try is gone again.
    made: list[Path] = []
    try:
        for folder in reversed([parent for parent in probe.parents if not parent.exists()]):
            folder.mkdir()
            made.append(folder)
        descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, b"a try of the drill\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        return error.strerror or str(error)
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)
        for folder in reversed(made):
            with suppress(OSError):
                folder.rmdir()
    return ""
