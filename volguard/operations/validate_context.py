"""What a validation looks at, put together: root, settings as far as they load, clock, link to the broker."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Final

from volguard.adapters.clock import SystemClock
from volguard.adapters.upstox.rehearsal import clock_for
from volguard.config.loader import Loaded, load
from volguard.config.roots import Root
from volguard.config.settings import SECTIONS, Settings
from volguard.model.decision import Phase
from volguard.model.errors import ConfigError
from volguard.nse.rules import Rules
from volguard.operations.validate_live import Live, live_through
from volguard.operations.validate_row import Context
from volguard.ports import Clock
from volguard.wiring import rules_of
from volguard.wiring.upstox import open_link

ATTEMPTS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextRequest:
    """What the operator asked to have looked at."""

    root: Root
    overrides: tuple[str, ...]
    preset: str | None
    environ: Mapping[str, str]
    is_live: bool
    phase: str | None


@contextmanager
def opened(request: ContextRequest) -> Iterator[Context]:
    """The context of a call; its connections end with it.

    Raises TryLater when the look-alike that the call names is away: without it there is no time to check at.
    """
    loaded, stopping = loaded_of(request), Event()
    with ExitStack() as open_things:
        live: Live | None = None
        clock: Clock = SystemClock(stopping)
        if loaded is not None and request.is_live:
            link = open_link(_impatient(loaded.settings), request.root, stopping)
            open_things.callback(link.close)
            live, clock = live_through(link), link.clock
        elif loaded is not None:
            clock = clock_for(loaded.settings.upstox, stopping)
        rules = None if loaded is None else rules_of(loaded.settings)
        yield context_of(request, loaded=loaded, rules=rules, clock=clock, live=live)


def context_of(
    request: ContextRequest,
    *,
    loaded: Loaded[Settings] | None,
    rules: Rules | None,
    clock: Clock,
    live: Live | None,
) -> Context:
    """The context at this moment."""
    read_clock = clock.now
    return Context(
        root=request.root,
        overrides=request.overrides,
        preset=request.preset,
        environ=request.environ,
        clock=clock,
        at=read_clock(),
        loaded=loaded,
        rules_made=rules,
        phase=None if request.phase is None else Phase(request.phase),
        live=live,
        free_bytes=free_bytes,
        alert_channels=(),
    )


# A broker that is away must not hold up a dozen rows, each for as long as a session would try.
def _impatient(settings: Settings) -> Settings:
    attempts = min(ATTEMPTS, settings.upstox.read_attempts)
    return replace(settings, upstox=replace(settings.upstox, read_attempts=attempts))


def free_bytes(folder: Path) -> int:
    """Bytes that this user may still write where a folder lies."""
    return shutil.disk_usage(folder).free


def loaded_of(request: ContextRequest) -> Loaded[Settings] | None:
    """The settings of a call, None where they do not load."""
    try:
        return load(
            request.root,
            request.overrides,
            settings_class=Settings,
            sections=SECTIONS,
            preset=request.preset,
        )
    except ConfigError:
        return None  # the row `configuration` loads again, and says why
