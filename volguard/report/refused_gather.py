"""Collect a session's refusals from its journal and carry each on paper."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import chain
from typing import Final

from volguard.adapters.journal_codec import SNAPSHOT_KIND, decode
from volguard.adapters.journal_reader import JournalReader
from volguard.model.decision import Decision
from volguard.model.event import DecisionMade, MarketSeen, ProposalClosed, ProposalMade, SessionStarted
from volguard.model.market import ChainSnapshot
from volguard.model.proposal import ProposalCard, ProposalOutcome
from volguard.nse.rules import Rules
from volguard.report.refused import (
    Refusal,
    RefusedDay,
    carried_on_paper,
    refusals_of,
)
from volguard.report.settings_used import setting_named

QUALITY: Final = "quality_new_trades_min"  # at least so good a look is a mark


def gather_refused(reader: JournalReader, session: SessionStarted, rules: Rules) -> RefusedDay:
    """A journal's refusals on paper. Raises JournalDamaged."""
    kinds = (DecisionMade.__name__, MarketSeen.__name__)
    decisions: list[Decision] = []
    seen: list[MarketSeen] = []
    for row in reader.rows(kinds=kinds):
        said = decode(row.kind, row.body)
        if isinstance(said, DecisionMade):
            decisions.append(said.decision)
        elif isinstance(said, MarketSeen):
            seen.append(said)
    return refused_day(reader, session, rules, decisions, seen)


def refused_day(
    reader: JournalReader,
    session: SessionStarted,
    rules: Rules,
    decisions: Sequence[Decision],
    seen: Iterable[MarketSeen],
) -> RefusedDay:
    """The same, where the journal's decisions and looks are at hand. Raises JournalDamaged."""
    looks = _Looks(reader)
    mark = looks.at(last_good(seen, setting_named(session, QUALITY)))
    refusals = chain(refusals_of(decisions, session.source.underlying), _turned_down(reader))
    return carried_on_paper(refusals, decisions, looks.at, mark, rules)


class _Looks:
    # The snapshots of a journal by time, each read once.
    def __init__(self, reader: JournalReader) -> None:
        self._reader = reader
        rows = [(row.ts_ist, row.seq) for row in reader.rows(kinds=(SNAPSHOT_KIND,))]
        self._times = [ts for ts, _ in rows]
        self._rows = [seq for _, seq in rows]
        self._read: dict[int, ChainSnapshot] = {}

    def at(self, ts: datetime | None) -> ChainSnapshot | None:
        """The last look up to a moment."""
        number = 0 if ts is None else bisect_right(self._times, ts)
        if number == 0:
            return None
        seq = self._rows[number - 1]
        if seq not in self._read:
            self._read[seq] = self._reader.snapshot(seq)
        return self._read[seq]


def last_good(seen: Iterable[MarketSeen], quality_min: object) -> datetime | None:
    """When the market was last seen well: never after a hole, and without a limit at no look."""
    if not isinstance(quality_min, int | float):
        return None
    good = [one.ts for one in seen if one.quality >= quality_min and not one.figures.get("gap_s")]
    return max(good, default=None)


def _turned_down(reader: JournalReader) -> tuple[Refusal, ...]:
    # Proposals that came to nothing: the operator's no is a refusal like any other.
    cards: dict[str, ProposalCard] = {}
    found = []
    for row in reader.rows(kinds=(ProposalMade.__name__, ProposalClosed.__name__)):
        said = decode(row.kind, row.body)
        if isinstance(said, ProposalMade):
            cards[said.card.proposal_id] = said.card
        elif isinstance(said, ProposalClosed) and said.outcome is not ProposalOutcome.APPROVED:
            found.append(_of_card(cards[said.proposal_id], said.outcome))
    return tuple(found)


def _of_card(card: ProposalCard, outcome: ProposalOutcome) -> Refusal:
    legs = tuple(one.leg for one in card.legs)
    return Refusal(
        ts=card.made_at,
        bucket=card.bucket,
        structure=card.structure,
        expiry=card.expiry,
        strikes=tuple(leg.contract.strike for leg in legs),
        legs=legs,
        lots=card.lots,
        reason=f"proposal_{outcome.value.lower()}",
    )
