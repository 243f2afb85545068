"""A disk that fills up while journaling halts the session and loses nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.cli.command import PROJECT, SEED_SEVEN, Day, command, environment, run_day, volguard

# Exec keeps the limit; SQLite sees a write refused, as on a full disk.
LIMITED = (
    "import os, resource, sys\nn = int(sys.argv[1])\nresource.setrlimit(resource.RLIMIT_FSIZE, (n, n))\n"
)
LIMITED += "os.execv(sys.argv[2], sys.argv[2:])\n"
BYTES_MAX = 1_500_000


def test_a_full_disk_halts_and_loses_nothing(fresh_root: Path, twins: tuple[Day, Day]) -> None:
    """When a commit cannot be written the session halts with exit 1 and says so; what was committed is whole.

    With room again the same command goes on and ends as if nothing had happened.
    """
    limited = [sys.executable, "-c", LIMITED, str(BYTES_MAX), *command(*SEED_SEVEN, root=fresh_root)]
    full = subprocess.run(limited, cwd=PROJECT, env=environment(), capture_output=True, text=True)
    assert full.returncode == 1, full.stderr
    assert "journal" in full.stderr
    assert "could not be written" in full.stderr
    assert '"exit_code": 1' in full.stderr
    assert full.stdout == ""
    verified = volguard("journal", "verify", "--json", root=fresh_root)
    assert verified.code == 0, verified.out
    assert verified.document["ok"] is True
    assert verified.document["rows"] > 10
    ended = run_day(fresh_root, *SEED_SEVEN)
    assert "continuing" in ended.err
    for key in ("decisions_hash", "fills", "trades", "net_pnl_inr"):
        assert ended.document[key] == twins[0].document[key]
