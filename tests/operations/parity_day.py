"""A short simulated day that trades, journaled with a broker that may fill otherwise than on paper."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from tests.fakes import (
    NOTHING_HAPPENS,
    ROOT,
    TRADING,
    FakeClock,
    make_runner,
    session_started,
    shipped_rules,
    simulated,
)
from volguard.adapters.code_version import code_version
from volguard.adapters.paper import PaperExchange
from volguard.adapters.sqlite_journal import SqliteJournal
from volguard.config.loader import load
from volguard.config.roots import Root
from volguard.config.settings import SECTIONS, Settings
from volguard.engine.state import State
from volguard.engine.step import Engine
from volguard.model.decision import Phase
from volguard.model.event import OperatorCommand, OrderFilled
from volguard.model.market import ChainSnapshot
from volguard.runner import Watch
from volguard.wiring import platform_text

CADENCE_S = 300.0


class DearBroker(PaperExchange):
    """Fills as paper does, each unit `extra` rupees worse for us."""

    def __init__(self, extra: Decimal, *, delay_s: float = 0.25) -> None:
        super().__init__(delay_s=delay_s, cadence_s=CADENCE_S, gap_cadences=3.0, lot_size=lambda _: 65)
        self._extra = extra

    def fills_at(self, snapshot: ChainSnapshot) -> Iterator[OrderFilled]:
        """The paper's executions at a worse price."""
        for fill in super().fills_at(snapshot):
            sign = 1 if fill.touch_ask == fill.price else -1
            yield replace(fill, price=fill.price + sign * self._extra)


def write_day(
    path: Path,
    exchange: PaperExchange | None = None,
    *,
    watch: Watch = NOTHING_HAPPENS,
    phase: Phase = Phase.SHADOW,
) -> Path:
    """Run the day into a journal of its own: 14 looks five minutes apart, both edge switches off."""
    root = Root(path=ROOT, is_packaged=False, config_dir=ROOT / "config")
    loaded = load(root, TRADING, settings_class=Settings, sections=SECTIONS)
    day = simulated(seed=1, scenario="calm", cadence_s=CADENCE_S, start=2, stop=16)
    started = replace(
        session_started(day.market.info, phase),
        session_id=path.stem,
        settings=loaded.values,
        settings_hash=loaded.digest,
        code_version=code_version(),
        platform=platform_text(),
    )
    journal = SqliteJournal.open(path, create=True)
    try:
        make_runner(
            day.market,
            journal,
            engine=Engine(loaded.settings.engine, shipped_rules()),
            exchange=DearBroker(Decimal(0)) if exchange is None else exchange,
            watch=watch,
            clock=FakeClock(),
        ).run((started, day.history), State())
    finally:
        journal.close()
    return path


def flatten_after(looks: int) -> Watch:
    """The operator says FLATTEN once, before the look of that number."""
    asked = iter(range(10_000))

    def words() -> tuple[tuple[OperatorCommand, str], ...]:
        return ((OperatorCommand.FLATTEN, "enough"),) if next(asked) == looks else ()

    return Watch(stop_requested=lambda: False, kill_switch_present=lambda: False, words=words)


def edit_row(path: Path, kind: str, change: Callable[[str], str]) -> int:
    """Change the first row of a kind that the change alters; its number."""
    with closing(sqlite3.connect(path)) as connection, connection:
        rows = connection.execute("SELECT seq, body FROM events WHERE kind = ? ORDER BY seq", (kind,))
        for seq, body in rows.fetchall():
            if change(body) != body:
                connection.execute("UPDATE events SET body = ? WHERE seq = ?", (change(body), seq))
                return int(seq)
    raise AssertionError(f"no row of kind {kind} was changed")
