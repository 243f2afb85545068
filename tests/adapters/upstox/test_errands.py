"""Errands: one job at a time in a thread of its own, and none is waited for at the end."""

from __future__ import annotations

import threading

import pytest

from volguard.adapters.upstox.errands import ThreadErrands


def test_jobs_run_elsewhere_one_at_a_time() -> None:
    """The caller goes on at once; a second job has to wait until the first is done."""
    errands, began, go_on, names = ThreadErrands("quotes"), threading.Event(), threading.Event(), []

    def job() -> None:
        began.set()
        assert go_on.wait(5.0)
        names.append(threading.current_thread().name)

    errands.run(job)
    assert began.wait(5.0) and not errands.is_free
    with pytest.raises(RuntimeError, match="quotes is busy"):
        errands.run(job)
    go_on.set()
    while not errands.is_free:
        pass
    errands.run(job)
    while not errands.is_free:
        pass
    errands.close()
    assert names == ["quotes", "quotes"]
    assert "quotes" not in [thread.name for thread in threading.enumerate()]


def test_closing_waits_for_no_long_job() -> None:
    """A job that hangs ends with the process, the session does not wait for it."""
    errands, go_on = ThreadErrands("quotes"), threading.Event()

    def job() -> None:
        assert go_on.wait(5.0)

    errands.run(job)
    errands.close()
    assert not errands.is_free
    go_on.set()
    while not errands.is_free:
        pass


def test_closing_without_a_job_is_nothing() -> None:
    """No thread was ever started."""
    errands = ThreadErrands("quotes")
    errands.close()
    assert errands.is_free


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_job_that_fails_badly_does_not_end_all_errands() -> None:
    """Its error is the thread's; the next job has a thread of its own."""
    errands, done = ThreadErrands("quotes"), threading.Event()

    def fail() -> None:
        raise ValueError("a mistake in a job")

    errands.run(fail)
    while not errands.is_free or "quotes" in [thread.name for thread in threading.enumerate()]:
        pass
    errands.run(done.set)
    assert done.wait(5.0)
    errands.close()
