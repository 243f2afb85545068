"""The record of a promotion: who gave a phase, in which words, on which evidence; one file each, 0600.

The file is no secret key's work: whoever may write it may forge its digest. It is therefore never believed
alone: `promotion.earned_phase` holds it against the journals that it names.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from volguard.adapters.private_file import read_private, write_private
from volguard.config.loader import digest_of
from volguard.model.decision import Phase
from volguard.model.errors import DataError

SCHEMA: Final = "volguard.promotion/1"
AGAIN: Final = "move it away; volguard validate --phase PHASE --promote writes another"
VALID_DAYS: Final = 90  # of FULL_AUTO; SEMI_AUTO asks the operator anyway, trade by trade


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFigure:
    """One gate as it stood: its name, its verdict, what was found and each figure beside its limit."""

    id: str
    verdict: str
    reason: str
    figures: tuple[tuple[str, str, str], ...]  # name, seen, limit


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalMark:
    """A session that was counted: hashes of its journal's first and last row, and the last row's number."""

    trading_date: date
    beginning: str
    head_seq: int
    head_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """A phase as it was given. `expires_at` None: it does not expire; `digest` is over all the rest."""

    phase: Phase
    account: str
    capital_inr: Decimal
    at: datetime
    expires_at: datetime | None
    operator: str
    words: str
    code_version: str
    settings_digest: str  # of what restarts the count: limits and strategy
    settings_hash: str  # of all settings
    gates: tuple[GateFigure, ...]
    journals: tuple[JournalMark, ...]
    evidence_hash: str
    digest: str


def make_promotion(
    *,
    phase: Phase,
    account: str,
    capital_inr: Decimal,
    at: datetime,
    operator: str,
    words: str,
    code_version: str,
    settings_digest: str,
    settings_hash: str,
    gates: Sequence[GateFigure],
    journals: Sequence[JournalMark],
) -> Promotion:
    """A record with its hashes; FULL_AUTO expires after 90 days."""
    expires_at = at + timedelta(days=VALID_DAYS) if phase is Phase.FULL_AUTO else None
    blank = Promotion(
        phase=phase,
        account=account,
        capital_inr=capital_inr,
        at=at,
        expires_at=expires_at,
        operator=operator,
        words=words,
        code_version=code_version,
        settings_digest=settings_digest,
        settings_hash=settings_hash,
        gates=tuple(gates),
        journals=tuple(journals),
        evidence_hash="",
        digest="",
    )
    whole = replace(blank, evidence_hash=evidence_hash_of(blank))
    return replace(whole, digest=digest_of_record(whole))


def evidence_hash_of(record: Promotion) -> str:
    """BLAKE2b over the gates' figures, the journals' heads, the settings' hashes and the code version."""
    return digest_of(
        {
            "gates": record.gates,
            "journals": record.journals,
            "settings": (record.settings_digest, record.settings_hash),
            "code_version": record.code_version,
        }
    )


def digest_of_record(record: Promotion) -> str:
    """BLAKE2b over every field but the digest itself."""
    return digest_of({**msgspec.to_builtins(record), "digest": None})


def promotion_path(data: Path, account: str, phase: Phase) -> Path:
    """Where the record of an account's phase lies."""
    return data / f"phase-{account}-{phase.value}.json"


def write_promotion(path: Path, record: Promotion) -> None:
    """Put a record in place of an earlier one, 0600, whole or not at all. Raises ConfigError."""
    document = {"schema": SCHEMA, **msgspec.to_builtins(record)}
    write_private(path, (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode())


def read_promotion(path: Path) -> Promotion | None:
    """The record of a file, None where there is none. Raises DataError on one that is none or was edited.

    Raises NotPrivate when others may read or write it.
    """
    try:
        content = read_private(path)
    except FileNotFoundError:
        return None
    try:
        document: dict[str, Any] = msgspec.json.decode(content, type=dict[str, Any])
        schema = document.pop("schema", None)
        record = msgspec.convert(document, Promotion, strict=False)
    except (msgspec.DecodeError, ValueError) as error:
        raise DataError(f"{path} is no record of a promotion: {error}", hint=AGAIN) from error
    if schema != SCHEMA:
        raise DataError(f"{path} is no {SCHEMA} document", hint=AGAIN)
    if document != msgspec.json.decode(msgspec.json.encode(record)) or is_edited(record):
        raise DataError(f"{path} was edited: its hashes are not those of what it says", hint=AGAIN)
    return record


def is_edited(record: Promotion) -> bool:
    """A hash in the record is not that of what it says."""
    hashes = (evidence_hash_of(record), digest_of_record(record))
    return (record.evidence_hash, record.digest) != hashes


def record_problem(record: Promotion, *, account: str, settings_digest: str, at: datetime) -> str:
    """Why a record does not hold for an account, its settings and a time; "" when it does."""
    phase = record.phase.value
    if record.account != account:
        return f"the record of {phase} is of account {record.account}, this is {account}"
    if record.at > at:
        return f"the record of {phase} is of {record.at:%Y-%m-%d %H:%M}, which has not come yet"
    if record.expires_at is not None and at >= record.expires_at:
        return f"the record of {phase} expired on {record.expires_at:%Y-%m-%d}"
    if record.settings_digest != settings_digest:
        return f"limits or strategy were changed since {phase} was given on {record.at:%Y-%m-%d}"
    return ""
