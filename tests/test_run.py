"""Limits, interrupts, incumbents and bounds of a run."""

import signal

import numpy as np
import pytest

from derandcut import CutGraph
from derandcut.result import Status
from derandcut.run import Run, Trial

TRIANGLE = CutGraph.from_edges([0, 1, 2], [1, 2, 0])


def test_incumbents_are_recounted_and_only_better_ones_kept():
    run = Run(TRIANGLE)
    assert run.offer_cut(np.array([1, 1, 1]))
    assert run.offer_cut(np.array([1, -1, 1]))
    assert not run.offer_cut(np.array([-1, -1, 1]))
    assert run.cut == 2
    assert run.partition.tolist() == [1, -1, 1]
    assert [event.cut for event in run.trace] == [0, 2]


def test_a_proof_replaces_an_estimate_and_not_the_other_way_round():
    run = Run(TRIANGLE)
    assert run.offer_bound(2.5, "estimate")
    assert run.offer_bound(2.7, "proved")
    assert not run.offer_bound(2.1, "estimate")
    assert not run.offer_bound(2.8, "proved")
    assert (run.upper_bound, run.bound_kind) == (2.7, "proved")


def test_a_closed_gap_is_optimal_only_with_a_proof():
    run = Run(TRIANGLE)
    run.offer_cut(np.array([1, -1, 1]))
    run.offer_bound(2, "estimate")
    assert not run.exhausted()
    run.offer_bound(2, "proved")
    assert run.exhausted()
    assert run.ended is Status.OPTIMAL


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        ({"gap": 0.5}, Status.GAP_REACHED),
        ({"target": 2}, Status.TARGET_REACHED),
        ({"callback": lambda event: event.cut == 2}, Status.STOPPED),
    ],
)
def test_reasons_to_stop(limits, status):
    run = Run(TRIANGLE, **limits)
    run.offer_cut(np.array([1, 1, 1]))
    assert not run.exhausted()
    run.offer_cut(np.array([1, -1, 1]))
    run.offer_bound(2.5, "proved")
    assert run.exhausted()
    assert run.ended is status


def test_work_limit():
    run = Run(TRIANGLE, work_limit=10)
    run.charge(4)
    assert not run.exhausted()
    assert run.affordable(6)
    assert not run.affordable(7)
    run.charge(6)
    assert run.exhausted()
    assert run.ended is Status.WORK_LIMIT


def test_time_limit_zero_ends_at_once():
    run = Run(TRIANGLE, time_limit=0.0)
    assert run.exhausted()
    assert run.ended is Status.TIME_LIMIT


def test_the_clock_ends_a_run_where_a_limit_of_its_work_would():
    run = Run(TRIANGLE, time_limit=1e9)
    run.charge(4)
    assert not run.exhausted()
    run.time_limit = 0.0
    assert not run.exhausted()  # a run with a limit of 4 would not have come so far
    run.charge(1)
    assert run.exhausted()
    assert (run.ended, run.repeatable_limit) == (Status.TIME_LIMIT, 5)


def test_the_clock_ends_a_trial_at_any_time():
    run = Run(TRIANGLE, time_limit=1e9)
    assert not run.exhausted()
    trial = Trial(run)
    trial.charge(7)
    assert not trial.exhausted()
    run.time_limit = 0.0
    assert trial.exhausted()
    assert (run.ended, run.repeatable_limit) == (Status.TIME_LIMIT, 0)


def test_signals_end_the_run_and_the_handler_comes_back():
    before = signal.getsignal(signal.SIGINT)
    run = Run(TRIANGLE)
    with run.catching_signals():
        signal.raise_signal(signal.SIGINT)
        assert run.exhausted()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert run.ended is Status.INTERRUPTED
    assert signal.getsignal(signal.SIGINT) is before


def test_exceptions_of_a_callback_propagate():
    def broken(event):
        raise LookupError("mine")

    run = Run(TRIANGLE, callback=broken)
    with pytest.raises(LookupError, match="mine"):
        run.offer_cut(np.array([1, 1, 1]))
