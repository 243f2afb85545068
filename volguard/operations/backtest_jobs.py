"""Many backtests at once: on the cores of this machine, or on a cluster that is running already.

A job holds all that it needs, so it gives the same document wherever it is played; what was played before is
taken from the cache. An interrupted run keeps what was done.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from volguard.config.loader import Loaded, load
from volguard.config.roots import Root
from volguard.config.settings import SECTIONS, Settings
from volguard.model.errors import UsageError
from volguard.operations.backtest import BacktestRequest, Measured, Progress, open_days, run_backtest
from volguard.operations.backtest_cache import BacktestCache

SCHEDULER_WAIT_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One backtest: what is asked, and the settings that it runs with as they were typed."""

    request: BacktestRequest
    root: Root
    overrides: tuple[str, ...]
    preset: str | None
    measured: Measured

    def settings(self) -> Loaded[Settings]:
        """Its settings, checked. Raises ConfigError."""
        return load(self.root, self.overrides, settings_class=Settings, sections=SECTIONS, preset=self.preset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """Where jobs run: so many processes of this machine, or the scheduler of a cluster at an address."""

    count: int = 1
    cluster: str | None = None


def play_job(job: Job, progress: Progress = lambda _done, _total, _words: None) -> dict[str, Any]:
    """The document of a job, from the cache where it was played before. Raises as `run_backtest`."""
    loaded = job.settings()
    cache = BacktestCache.of(job.root)
    digest = open_days(job.request, loaded, job.root).digest
    path = cache.path(job.request, loaded, digest, job.measured)
    found = cache.read(path) if job.request.journals is None else None  # journals come of playing
    if found is None:
        found = run_backtest(job.request, loaded, job.root, job.measured, progress=progress)
        if found["data_digest"] == digest:  # else the data changed in between
            cache.write(path, found)
    return found


def play_jobs(
    jobs: Sequence[Job], workers: Workers, done: Callable[[int], None] = lambda _count: None
) -> list[dict[str, Any]]:
    """The documents in the order of the jobs; `done` hears how many there are. Raises as `play_job`."""
    documents: dict[int, dict[str, Any]] = {}
    with _played(jobs, workers) as played:
        for place, document in played:
            documents[place] = document
            done(len(documents))
    return [documents[place] for place in range(len(jobs))]


@contextmanager
def _played(jobs: Sequence[Job], workers: Workers) -> Iterator[Iterator[tuple[int, dict[str, Any]]]]:
    if workers.cluster is not None:
        with _on_cluster(jobs, workers.cluster) as played:
            yield played
    elif workers.count <= 1 or len(jobs) <= 1:
        yield ((place, play_job(job)) for place, job in enumerate(jobs))
    else:
        with _on_cores(jobs, min(workers.count, len(jobs))) as played:
            yield played


@contextmanager
def _on_cores(jobs: Sequence[Job], count: int) -> Iterator[Iterator[tuple[int, dict[str, Any]]]]:
    # Fresh processes: what this one has loaded or opened is none of theirs. Nobody waits for those that are
    # at work when this one is interrupted, or another has failed: what they were at is played again.
    pool = ProcessPoolExecutor(
        max_workers=count, mp_context=multiprocessing.get_context("spawn"), initializer=_leave_interrupts
    )
    try:
        futures: dict[Future[dict[str, Any]], int] = {
            pool.submit(play_job, job): place for place, job in enumerate(jobs)
        }
        yield ((futures[future], future.result()) for future in as_completed(futures))
    except BaseException:
        for worker in multiprocessing.active_children():
            worker.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _leave_interrupts() -> None:
    # Ctrl-C reaches every process of a terminal: the first one decides what becomes of the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _on_cluster(jobs: Sequence[Job], address: str) -> Iterator[Iterator[tuple[int, dict[str, Any]]]]:
    try:
        from distributed import Client
        from distributed import as_completed as as_they_come
    except ImportError as error:
        raise UsageError("no cluster engine is installed", hint="pip install 'volguard[cluster]'") from error
    try:
        client = Client(address, timeout=SCHEDULER_WAIT_S)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"no scheduler answers at {address}",
            hint="start one: dask scheduler, and dask worker on each machine",
        ) from error
    try:
        futures = client.map(play_job, list(jobs), pure=False, retries=0)
        places = {future.key: place for place, future in enumerate(futures)}
        yield ((places[future.key], future.result()) for future in as_they_come(futures))
    finally:
        client.close()
