"""Statistics, report and comparison on records made by hand."""

import csv
import math
import re

import numpy as np
import pytest

from derandcut.benchmark import Records, compare, write_report
from derandcut.benchmark.drawing import Axis, Series, line_chart
from derandcut.benchmark.statistics import Study, bootstrap_interval

SESSION = {
    "kind": "session",
    "started": "2026-01-01T00:00:00Z",
    "suite": "hand <made>",
    "description": "",
    "solvers": ["ours", "theirs"],
    "command": "derandcut bench",
    "commit": None,
    "machine": {
        "processor": "p",
        "cores": 1,
        "memory": 1e9,
        "system": "s",
        "python": "3",
    },
    "versions": {"numpy": "2"},
    "threads": 1,
    "memory_limit": None,
    "grace": 1.0,
    "adaptors": {"ours": {"about": "About ours.", "options": {"gap": 0.0}}},
}


def run(instance, solver, cut, seed=0, **more):
    record = {
        "kind": "run",
        "key": f"{instance} {solver} {seed}",
        "instance": instance,
        "solver": solver,
        "time_limit": 1.0,
        "seed": seed,
        "threads": 1,
        "status": "ok",
        "message": "",
        "n": 10,
        "m": 20,
        "weight": 20.0,
        "family": "cycle" if instance < "c" else "tree",
        "best_known": 100,
        "best_proved": False,
        "cut": cut,
        "upper_bound": None,
        "bound_kind": None,
        "relaxation": None,
        "seconds": 0.5,
        "cpu_seconds": 0.4,
        "reference_seconds": 0.002,
        "peak_memory": 50_000_000,
        "trace": [],
        "info": {},
    }
    return record | more


def records(*runs):
    return Records([SESSION], {record["key"]: record for record in runs})


def test_best_is_the_larger_of_known_and_found():
    study = Study(records(run("a", "ours", 90), run("b", "ours", 120)))
    assert (study.best("a"), study.best("b")) == (100, 120)
    assert study.distance(study.runs[0]) == pytest.approx(0.1)
    assert study.distance(study.runs[1]) == 0


def test_what_does_not_count_scores_as_failure():
    lied = run("a", "ours", 100, status="lied")
    study = Study(records(lied, run("b", "ours", 100)))
    assert study.distance(lied) is None
    assert study.mean_distance(study.runs) == pytest.approx(0.5)


def test_duel_counts_all_pairs_of_seeds():
    ours = [run("a", "ours", cut, seed) for seed, cut in enumerate([10, 12])]
    theirs = [run("a", "theirs", cut, seed) for seed, cut in enumerate([10, 11])]
    duel = Study(records(*ours, *theirs)).duel("ours", "theirs", 1.0)
    assert (duel.wins, duel.draws, duel.losses) == (0.5, 0.25, 0.25)
    for low, high in (duel.interval, duel.seed_interval):
        assert low <= duel.wins - duel.losses <= high
    assert duel.p == 1


def test_duel_with_one_seed_has_an_honest_interval():
    names = [f"i{k}" for k in range(10)]
    ours = [run(name, "ours", 11) for name in names]
    theirs = [run(name, "theirs", 10) for name in names]
    duel = Study(records(*ours, *theirs)).duel("ours", "theirs", 1.0)
    assert duel.seed_interval is None
    assert 0 < duel.interval[0] < 9 and duel.interval[1] == 10
    assert duel.p == 2 / 2**10


def test_duel_of_failures_is_a_draw():
    crashed = run("a", "ours", None, status="crashed")
    study = Study(records(crashed, run("a", "theirs", None, status="timeout")))
    duel = study.duel("ours", "theirs", 1.0)
    assert (duel.wins, duel.draws, duel.losses) == (0, 1, 0)


def test_proofs_and_refuted_bounds():
    proof = run("a", "ours", 100, upper_bound=100.0, bound_kind="proved")
    false = run("a", "theirs", 90, upper_bound=95.0, bound_kind="proved")
    study = Study(records(proof, false))
    assert study.proves(proof) == "proved"
    assert study.refuted(false) and not study.refuted(proof)


def test_more_cores_than_allowed_are_shown(tmp_path):
    four = run("a", "ours", 100, seconds=1.0, cpu_seconds=3.9)
    study = Study(records(four, run("a", "theirs", 100)))
    assert [study.overdraws(r) for r in study.runs] == [True, False]
    page = write_report(study.records, tmp_path).read_text()
    assert page.count("more cores than allowed") == 1


def test_curves_and_profiles():
    trace = [[0.1, 50, None], [0.3, 100, None]]
    study = Study(records(run("a", "ours", 100, trace=trace), run("b", "ours", 90)))
    curve = study.distance_curve("ours", 1.0, np.array([0.05, 0.2, 0.4, 0.6]))
    assert curve.tolist() == pytest.approx([1.0, 0.75, 0.5, 0.05])
    assert study.quality_profile("ours", 1.0) == [(0.0, 0.5), (pytest.approx(0.1), 1.0)]
    assert study.time_profile("ours", 1.0) == [(1.0, 0.5)]


def test_bootstrap_is_deterministic_and_covers():
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(60):
        low, high = bootstrap_interval(rng.normal(3.0, 1.0, 40))
        inside += low <= 3.0 <= high
    assert inside >= 50
    assert bootstrap_interval([1.0, 2.0, 5.0]) == bootstrap_interval([1.0, 2.0, 5.0])


def test_report_is_self_contained_and_escaped(tmp_path):
    made = records(
        run("a<b", "ours", 100, upper_bound=100.0, bound_kind="proved", seed=0),
        run("a<b", "ours", 99, upper_bound=101.5, bound_kind="claimed", seed=1),
        run("a<b", "theirs", None, status="crashed", message="<script>x</script>"),
        run("c", "ours", None, upper_bound=120.0, bound_kind="proved", relaxation=119),
        run("c", "theirs", 100, trace=[[0.1, 60, None]]),
    )
    page = write_report(made, tmp_path).read_text()
    assert "<script" not in page
    assert not re.search(r"(src|href)=.?(http|//)|url\(|@import", page)
    assert "hand &lt;made&gt;" in page and "a&lt;b" in page
    assert "About ours." in page
    for section in ("Summary", "Wins, draws", "Performance profile", "Families"):
        assert section in page
    with (tmp_path / "runs.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 5
    with (tmp_path / "summary.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["cut"] for row in rows] == ["100", "", "", "100"]


def test_report_of_nothing(tmp_path):
    assert write_report(Records(), tmp_path).exists()
    failed = run("a", "ours", None, status="crashed", best_known=None)
    assert write_report(records(failed), tmp_path).exists()


@pytest.mark.parametrize("logarithmic", [False, True])
def test_axis_ticks_are_inside(logarithmic):
    for low, high in [(1e-5, 1.0), (0.2, 0.3), (1.0, 1000.0), (0.0011, 1.1)]:
        axis = Axis("x", low, high, logarithmic)
        ticks = axis.ticks()
        assert len(ticks) >= 2
        assert all(-1e-9 <= axis.place(tick) <= 1 + 1e-9 for tick in ticks)
    assert "<svg" in line_chart("t", axis, axis, [Series("s", [(1.0, math.inf)], 0)])


# ----------------------------------------------------------------------- comparison


def history(factor=1.0, loss=0.0, machine=1.0, noise=0.03, seed=0):
    rng = np.random.default_rng(seed)
    runs = []
    for i in range(20):
        base = 0.1 * (1 + i)
        cpu = base * factor * machine * math.exp(noise * rng.standard_normal())
        runs.append(
            run(
                f"i{i}",
                "ours",
                100 * (1 - loss),
                cpu_seconds=cpu,
                seconds=0.5,
                reference_seconds=0.002 * machine,
            )
        )
    return records(*runs)


def test_same_thing_twice_is_no_regression():
    found = compare(history(seed=1), history(seed=2))
    assert found.pairs == 20 and not found.worse
    assert found.machine_ratio == pytest.approx(1.0)


def test_slower_machine_is_no_regression():
    found = compare(history(seed=1), history(machine=2.5, seed=2))
    assert not found.worse
    assert found.machine_ratio == pytest.approx(2.5)


def test_slower_code_is_found_in_the_noise():
    found = compare(history(seed=1), history(factor=1.2, machine=0.5, seed=2))
    (change,) = found.regressions
    assert change.measure == "time"
    assert math.exp(change.effect) == pytest.approx(1.2, rel=0.05)


def test_worse_cuts_failures_and_lost_proofs_are_found():
    found = compare(history(), history(loss=0.01))
    assert [change.measure for change in found.regressions] == ["cut"]
    old = records(run("a", "ours", 100, upper_bound=100.0, bound_kind="proved"))
    lost = records(run("a", "ours", 100, upper_bound=101.0, bound_kind="proved"))
    crashed = records(run("a", "ours", None, status="crashed"))
    assert compare(old, lost).lost_proofs and compare(old, crashed).failures
    assert not compare(lost, old).worse
