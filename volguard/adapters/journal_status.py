"""How a journal stands when no session runs on it: read with sqlite alone, so that it answers at once."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from volguard.adapters.journal_open import KEEP_HINT, connect_read_only, stored_schema
from volguard.model.errors import JournalDamaged, UsageError

STATUS_SCHEMA: Final = "volguard.status/1"


def journal_status(path: Path) -> dict[str, Any]:
    """The last checkpoint and how the session ended; raises JournalDamaged, UsageError, ConfigError."""
    with closing(connect_read_only(path)) as connection:
        stored_schema(path, connection)
        try:
            return _document(path, connection)
        except (sqlite3.DatabaseError, json.JSONDecodeError, KeyError) as error:
            raise JournalDamaged(f"journal {path} cannot be read: {error}", hint=KEEP_HINT) from error


def _document(path: Path, connection: sqlite3.Connection) -> dict[str, Any]:
    desk = _last(connection, "Checkpoint")
    ended = _last(connection, "SessionEnded", "SessionResumed")  # one that was resumed has not ended
    if desk is None:
        raise UsageError(f"journal {path} holds no checkpoint yet")
    (rows,) = connection.execute("SELECT max(seq) FROM events").fetchone()
    return {
        "schema": STATUS_SCHEMA,
        "running": False,
        "session_id": desk["session_id"],
        "ts": desk["now"],
        "ended": ended.get("reason") if ended else None,
        "phase": desk["phase"],
        "trading_state": desk["trading_state"],
        "safety_level": desk["safety_level"],
        "source": f"{desk['source']['kind']} {desk['source']['label']}",
        "data_quality": desk["quality"],
        "snapshots": desk["snapshots"],
        "decisions": desk["decisions"],
        "pnl_net_inr": desk["pnl_net_inr"],
        "trades": [
            f"{trade['trade_id']} {trade['structure']} {trade['lots']} lots {trade['state']}"
            for trade in desk["book"]["trades"]
        ],
        "journal": {"path": str(path), "rows": rows},
    }


def _last(connection: sqlite3.Connection, *kinds: str) -> dict[str, Any] | None:
    among = ",".join("?" * len(kinds))
    query = f"SELECT body FROM events WHERE kind IN ({among}) ORDER BY seq DESC LIMIT 1"
    row = connection.execute(query, kinds).fetchone()
    return json.loads(row[0]) if row else None
