"""The way to the broker that live checks look through."""

from __future__ import annotations

from dataclasses import dataclass

from volguard.adapters.upstox.account import AccountReads
from volguard.adapters.upstox.kept_socket import Opener, opener_of
from volguard.model.broker import InstrumentKey
from volguard.model.instrument import OptionContract
from volguard.wiring.upstox import UpstoxLink


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Live:
    """One link for all checks of a call, so that they share a token and a rate budget."""

    link: UpstoxLink
    account: AccountReads
    open_socket: Opener


def live_through(link: UpstoxLink) -> Live:
    """Live checks through a link, with real sockets."""
    account = AccountReads(link.client, contract_of=no_contract)
    return Live(link=link, account=account, open_socket=opener_of(link.settings))


def no_contract(_key: InstrumentKey) -> OptionContract | None:
    """No key is a contract of ours: no check reads orders or positions."""
    return None
