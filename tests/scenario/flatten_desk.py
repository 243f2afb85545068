"""A rehearsed account over real sockets, and the operator who flattens it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.cli.command import PROJECT, Done, command, environment, finish, make_root
from tests.fakes import NIFTY
from tests.simulator.upstox_server.serving import Served, make_core, running, serving
from volguard.model.instrument import OptionContract, OptionType, Side
from volguard.simulator.upstox_server.faults import FaultRule, Faults
from volguard.simulator.upstox_server.server import LookAlike

LOT = 65


@dataclass
class Account:
    """The look-alike in a thread, a root beside it, a token in its place."""

    served: Served
    root: Path

    @property
    def kill_switch(self) -> Path:
        """The file that a rehearsal's flatten puts."""
        return self.root / "data" / "rehearsal" / "KILL_SWITCH"

    def do(self, *words: str, stdin: str | None = None) -> Done:
        """One command to its end, without a terminal."""
        return finish_with(self.begin(*words, stdin=stdin), stdin)

    def begin(self, *words: str, stdin: str | None = None) -> subprocess.Popen[str]:
        """One command that goes on."""
        return subprocess.Popen(
            command(*words, "--base-url", self.served.address.http, root=self.root),
            cwd=PROJECT,
            env=environment(),
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def log_in(self) -> None:
        """A token made elsewhere, put in place as the operator does it."""
        done = self.do("token", "--token", "-", stdin=f"{self.served.token()}\n")
        assert done.code == 0, done.err

    def hold(self, units: Mapping[OptionContract, int]) -> None:
        """Positions from another channel, at what the market shows."""
        self.served.ask(lambda core: _trade(core, units))

    def held(self) -> dict[OptionContract, int]:
        """What the exchange says is held."""
        return self.served.ask(
            lambda core: {one.contract: one.quantity for one in core.exchange.account.open_holdings()}
        )

    def arm(self, *rules: FaultRule) -> None:
        """From now on these go wrong, and no others."""

        def change(core: LookAlike) -> None:
            core.faults._armed = Faults(rules, seed=1)._armed

        self.served.ask(change)

    def freeze(self, contract: OptionContract, for_s: float) -> None:
        """Nothing trades in it for so long."""
        self.served.ask(lambda core: core.freeze(contract, for_s=for_s))

    def thaw(self) -> None:
        """Everything trades again."""

        def change(core: LookAlike) -> None:
            core.board.frozen.clear()
            core.board.frozen_since.clear()
            core.exchange.frozen = frozenset()

        self.served.ask(change)

    def condors(self) -> dict[OptionContract, int]:
        """Three iron condors of the nearest expiry: twelve contracts, one lot each."""
        expiry, level = self.served.ask(_nearest)
        atm = round(level / 50) * 50

        def leg(distance: int, kind: OptionType) -> OptionContract:
            sign = 1 if kind is OptionType.CALL else -1
            return OptionContract(
                underlying=NIFTY, expiry=expiry, strike=atm + sign * distance, option_type=kind
            )

        return {
            leg(distance, kind): (-LOT if distance <= 200 else LOT)
            for kind in OptionType
            for distance in (100, 150, 200, 250, 300, 350)
        }

    def first_uncovered(self) -> str:
        """The first trade after which a type's shorts outnumbered its longs, empty when none did."""
        trades = self.served.ask(
            lambda core: [
                (one.order.ticket.contract, one.order.ticket.side, one.quantity)
                for one in core.exchange.trades
            ]
        )
        units: dict[OptionContract, int] = {}
        was_whole = False
        for contract, side, quantity in trades:
            units[contract] = units.get(contract, 0) + side.sign * quantity
            totals = [
                sum(count for held, count in units.items() if held.option_type is kind) for kind in OptionType
            ]
            if was_whole and min(totals) < 0:
                return f"{side} {quantity} {contract.symbol}"
            was_whole = was_whole or min(totals) >= 0
        return ""

    def our_tags(self) -> list[str]:
        """Tags of the flatten's orders that the exchange accepted."""
        return self.served.ask(
            lambda core: [tag for tag in core.exchange.accepted_tags if tag.startswith("FL")]
        )


@contextmanager
def account(folder: Path, *rules: FaultRule, speed: float = 5.0, **options: Any) -> Iterator[Account]:
    """An account that is logged in, its clock five times as fast."""
    core = make_core(running("10:00:00", speed), *rules, cadence_s=3.0, **options)
    core.advance()
    with serving(core) as served:
        made = Account(served=served, root=make_root(folder))
        made.log_in()
        yield made


def finish_with(process: subprocess.Popen[str], stdin: str | None) -> Done:
    """Wait for a command, after giving it its stdin."""
    if stdin is not None and process.stdin is not None:
        process.stdin.write(stdin)
        process.stdin.close()
        process.stdin = None
    return finish(process)


def _nearest(core: LookAlike) -> tuple[Any, float]:
    index = core.board.index
    assert index is not None
    return core.board.listing.expiries[0], index.ltp


def _trade(core: LookAlike, units: Mapping[OptionContract, int]) -> None:
    # Longs first: that is how such a book comes about.
    for contract, quantity in sorted(units.items(), key=lambda one: -one[1]):
        touch = core.exchange.touch(contract)
        side = Side.BUY if quantity > 0 else Side.SELL
        price = touch.price_for(side) if touch is not None else None
        core.exchange.trade_outside(contract, side, abs(quantity), price or Decimal("1.00"), core.clock.now())
