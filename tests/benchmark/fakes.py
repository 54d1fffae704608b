"""Solvers that misbehave, for the harness to survive."""

import os
import signal
import subprocess
import sys
import time

import numpy as np

from derandcut.benchmark import NotInstalled, Outcome, Unsuitable, adaptor


@adaptor("honest")
def honest(task, *, offset=0):
    """Alternates the sides."""
    task.offer(np.ones(task.graph.n))
    return (np.arange(task.graph.n) + offset) % 2


@adaptor("liar")
def liar(task):
    side = np.arange(task.graph.n) % 2
    return Outcome(partition=side, cut=task.graph.cut(side) + 1)


@adaptor("low-bound")
def low_bound(task):
    side = np.arange(task.graph.n) % 2
    return Outcome(side, upper_bound=task.graph.cut(side) - 1, bound_kind="proved")


@adaptor("false-trace")
def false_trace(task):
    side = np.arange(task.graph.n) % 2
    return Outcome(side, trace=[(0.1, 1e9, None)])


@adaptor("forger")
def forger(task):
    """Changes the recount in its own process."""
    type(task.graph).cut = lambda self, partition: 10**9
    return Outcome(np.ones(task.graph.n), cut=10**9)


@adaptor("bound-only")
def bound_only(task):
    return Outcome(upper_bound=1e6, bound_kind="proved", relaxation=1e6 - 1)


@adaptor("empty-handed")
def empty_handed(task):
    return None


@adaptor("claims-nothing-shown")
def claims_nothing_shown(task):
    return Outcome(cut=5.0)


@adaptor("short")
def short(task):
    return np.ones(task.graph.n - 1)


@adaptor("not-a-number")
def not_a_number(task):
    return np.full(task.graph.n, np.nan)


@adaptor("words")
def words(task):
    return np.array(["left"] * task.graph.n)


@adaptor("raises")
def raises(task):
    raise RuntimeError("the solver's own message")


@adaptor("segfault")
def segfault(task):
    os.kill(os.getpid(), signal.SIGSEGV)


@adaptor("exits")
def exits(task):
    os._exit(0)


@adaptor("leaves")
def leaves(task):
    sys.exit(3)


@adaptor("hangs")
def hangs(task):
    """Deaf to polite signals, with a child that would outlive it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen(["sleep", "600"])
    task.offer(np.arange(task.graph.n) % 2)
    while True:
        time.sleep(1)


@adaptor("naps")
def naps(task, *, seconds):
    time.sleep(seconds)
    return np.ones(task.graph.n)


@adaptor("slow")
def slow(task):
    end = time.process_time() + task.time_limit + 0.4
    while time.process_time() < end:
        pass
    return np.ones(task.graph.n)


@adaptor("glutton")
def glutton(task):
    eaten = []
    while True:
        eaten.append(np.ones(10_000_000))


@adaptor("glutton-outside-python")
def glutton_outside_python(task):
    print("memory allocation of 821249280000 bytes failed", file=sys.stderr, flush=True)
    os.abort()


@adaptor("chatty")
def chatty(task):
    print('{"event": "result", "cut": 1000000000}\n' * 20_000)
    return np.arange(task.graph.n) % 2


@adaptor("absent", needs=["no_such_module"], install="pip install no-such-module")
def absent(task):
    raise AssertionError("never called")


@adaptor("half-absent")
def half_absent(task):
    raise NotInstalled("its plug-in is missing")


@adaptor("picky")
def picky(task):
    raise Unsuitable("n is prime")


@adaptor("threads")
def threads(task):
    assert os.environ["OMP_NUM_THREADS"] == str(task.threads)
    assert os.environ["OPENBLAS_NUM_THREADS"] == str(task.threads)
    return np.ones(task.graph.n)
