"""What a flatten works with, opened so that as little as possible can stop it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from threading import Event
from typing import Final

from volguard.adapters.clock import SystemClock
from volguard.adapters.control import ask_status
from volguard.adapters.kill_switch import KillSwitchFile
from volguard.adapters.lock import FlattenLock
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.instrument_files import EXCHANGE, FOLDER, instrument_path, read_master
from volguard.adapters.upstox.instruments import InstrumentMaster
from volguard.config.kill_switch import kill_switch_path
from volguard.config.roots import Root
from volguard.config.settings import Settings
from volguard.model.errors import ConfigError, DataError, TokenError, TryLater, UsageError, VolguardError
from volguard.model.instrument import Underlying
from volguard.nse.rules import Rules
from volguard.operations.flatten_edge import FlattenEdge
from volguard.operations.flatten_paper import PaperSession, paper_sessions
from volguard.ports import Clock
from volguard.wiring import rules_of
from volguard.wiring.live import live_journal_path
from volguard.wiring.sources import data_folder_of
from volguard.wiring.upstox import LOGIN_HINT, UpstoxLink, open_link

OLD_DAYS: Final = 7
READ_ATTEMPTS: Final = 1  # the loop asks again by itself, and must not wait for one question


@dataclass(frozen=True, slots=True, kw_only=True)
class FlattenDesk:
    """`edge` None: nobody can look at the account, for `no_login`. `machine` is this machine's clock."""

    settings: Settings
    rules: Rules
    account: str
    base_url: str
    is_rehearsal: bool
    edge: FlattenEdge | None
    journal: Path
    has_live_session: bool
    papers: tuple[PaperSession, ...]
    kill_switch: KillSwitchFile
    machine: Clock
    no_login: VolguardError | None = None


@contextmanager
def flatten_desk(
    settings: Settings, root: Root, stopping: Event, say: Callable[[str], None]
) -> Iterator[FlattenDesk]:
    """The desk of a call, with or without a login; its connections end with it.

    Raises ConfigError without a root folder.
    """
    if root.is_packaged:
        raise ConfigError(
            f"no root folder at or above {root.path}: whose positions is not known",
            hint="name the folder above config/ with --root or VOLGUARD_ROOT",
        )
    journal = live_journal_path(root, settings)
    papers = paper_sessions(journal.parent, besides=journal, say=say)
    link, trouble = _link(settings, root, stopping)
    try:
        yield FlattenDesk(
            settings=settings,
            rules=rules_of(settings),
            account=settings.account.name,
            base_url=settings.upstox.base_url,
            is_rehearsal=settings.upstox.is_rehearsal,
            edge=None if link is None else edge_of(link, settings, root, say),
            journal=journal,
            has_live_session=_listens(journal),
            papers=papers,
            kill_switch=KillSwitchFile(kill_switch_path(root, settings)),
            machine=SystemClock(stopping),
            no_login=trouble,
        )
    finally:
        if link is not None:
            link.close()


def edge_of(link: UpstoxLink, settings: Settings, root: Root, say: Callable[[str], None]) -> FlattenEdge:
    """The broker over an open link; without an instrument file there are no orders of our own."""
    return FlattenEdge(
        client=link.client,
        clock=link.clock,
        master=master_for(link, settings, root, say),
        contracts=rules_of(settings).contracts,
    )


def master_for(
    link: UpstoxLink, settings: Settings, root: Root, say: Callable[[str], None]
) -> InstrumentMaster | None:
    """Today's instrument file, else the broker's, else the newest that is here, said; None: none at all."""
    data = data_folder_of(settings, root)
    underlying = Underlying(settings.market.underlying)
    today = link.read_clock().date()
    path = instrument_path(data, today)
    try:
        if path.is_file():
            return read_master(path, underlying)
        return InstrumentMaster.of(
            link.reads.instrument_file(), underlying=underlying, source="the broker's instrument file"
        )
    except (ApiFailure, DataError) as error:
        say(f"warning: {error.message}")
    for older in sorted((data / FOLDER).glob("*.json.gz"), reverse=True):
        try:
            master = _unexpired(read_master(older, underlying), today)
        except DataError as error:
            say(f"warning: {error.message}")
            continue
        say(f"warning: contracts are known by {older.name} alone{_age_words(older, today)}")
        return master
    say("warning: no instrument file: no order of ours can be made, only the broker's exit-all is left")
    return None


# A key whose contract has expired may be given to another one: an order by it would close what is not held.
def _unexpired(master: InstrumentMaster, today: date) -> InstrumentMaster:
    return InstrumentMaster(
        [option for option in master.options if option.contract.expiry >= today],
        underlying=master.underlying,
        source=master.source,
        digest=master.digest,
        fetched_at=master.fetched_at,
    )


def _age_words(path: Path, today: date) -> str:
    try:
        day = date.fromisoformat(path.name.removeprefix(f"{EXCHANGE}-").removesuffix(".json.gz"))
    except ValueError:
        return ", its name tells no day"
    age_days = (today - day).days
    return f", which is {age_days} days old" if age_days > OLD_DAYS else ""


@contextmanager
def alone(desk: FlattenDesk, say: Callable[[str], None]) -> Iterator[None]:
    """Be the one flatten of the account: two would close the same position twice.

    Raises LockHeld naming the process that flattens it. A lock that cannot be made is said and stops nobody.
    """
    lock: FlattenLock | None = None
    try:
        desk.journal.parent.mkdir(parents=True, exist_ok=True)
        lock = FlattenLock.take(desk.journal)
    except UsageError as error:
        say(f"warning: {error.message}; see that no other flatten runs")
    except OSError as error:
        say(f"warning: no lock beside {desk.journal}: {error.strerror}; see that no other flatten runs")
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


def _link(settings: Settings, root: Root, stopping: Event) -> tuple[UpstoxLink | None, VolguardError | None]:
    patient = replace(settings, upstox=replace(settings.upstox, read_attempts=READ_ATTEMPTS))
    try:
        link = open_link(patient, root, stopping)
    except TryLater as error:
        return None, error
    if link.holder.current() is not None:
        return link, None
    trouble = link.holder.trouble or "nobody is logged in at the broker"
    link.close()
    return None, TokenError(trouble, hint=LOGIN_HINT)


def _listens(journal: Path) -> bool:
    try:
        return ask_status(journal) is not None
    except VolguardError:
        return True
