"""The report: one HTML file that opens anywhere, and the same as CSV."""

from __future__ import annotations

import csv
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from derandcut.benchmark.drawing import Axis, Series, line_chart, swatch
from derandcut.benchmark.process import Job
from derandcut.benchmark.records import STATUSES, Records, read_records
from derandcut.benchmark.statistics import Study, history

__all__ = ["write_report"]

RUN_COLUMNS = (
    "instance",
    "family",
    "n",
    "m",
    "solver",
    "time_limit",
    "seed",
    "threads",
    "status",
    "cut",
    "claimed",
    "best_known",
    "upper_bound",
    "bound_kind",
    "relaxation",
    "seconds",
    "cpu_seconds",
    "waited_seconds",
    "reference_seconds",
    "peak_memory",
    "started",
    "host",
)
CURVES_PER_INSTANCE = 12  # more pictures than that are looked at by nobody
FLOOR = 1e-5  # drawn as zero
WIDE = 7  # with more solvers a row of the instances is a card
DECLINED = ("unsuitable", "not installed")
SPACE = "\N{NO-BREAK SPACE}"
MISSING = "\N{EN DASH}"


def write_report(records: Records | str | Path, folder: str | Path) -> Path:
    """Write ``report.html``, ``runs.csv`` and ``summary.csv`` into `folder`.

    Parameters
    ----------
    records : Records or path
        As `read_records` returns them, or the file or folder to read.
    folder : path

    Returns
    -------
    Path
        The HTML file: self-contained, no scripts.
    """
    import jinja2

    if not isinstance(records, Records):
        records = read_records(records)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    study = Study(records)
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    template = (resources.files("derandcut.benchmark") / "report.html").read_text()
    page = environment.from_string(template).render(_context(study))
    path = folder / "report.html"
    path.write_text(page, encoding="utf-8")
    _write_csv(folder / "runs.csv", RUN_COLUMNS, study.runs)
    _write_csv(folder / "summary.csv", SUMMARY_COLUMNS, _summary_rows(study))
    return path


def _context(study: Study) -> dict[str, Any]:
    session = study.records.sessions[-1] if study.records.sessions else {}
    styles = {solver: i for i, solver in enumerate(study.solvers)}
    return {
        "session": session,
        "sessions": study.records.sessions,
        "written": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "study": study,
        "swatches": {solver: swatch(i) for solver, i in styles.items()},
        "limits": [_limit_section(study, limit, styles) for limit in study.limits],
        "bounds": _bound_rows(study),
        "wide": len(study.solvers) > WIDE,
        "failures": _failures(study),
        "noise": _noise(study),
        "statuses": STATUSES,
        "options": _options(study),
        "number": number,
        "percent": percent,
        "seconds": seconds,
        "memory": memory,
    }


# --------------------------------------------------------------------- formatting


def number(value: float | None) -> str:
    """Integers in full, other values to nine digits."""
    if value is None:
        return MISSING
    return str(int(value)) if value == int(value) else f"{value:.9g}"


def percent(value: float | None) -> str:
    """Two significant digits, 0 for zero."""
    if value is None:
        return MISSING
    if value == 0:
        return "0"
    if not np.isfinite(value):
        return "∞"
    shown = 100 * value
    digits = f"{shown:.2g}" if abs(shown) < 10 else f"{shown:.0f}"
    return f"{digits}{SPACE}%"


def seconds(value: float | None) -> str:
    """Seconds to two or three digits."""
    if value is None:
        return MISSING
    return f"{value:.2g}{SPACE}s" if value < 0.995 else f"{value:.1f}{SPACE}s"


def memory(value: float | None) -> str:
    """Megabytes."""
    return MISSING if not value else f"{value / 1e6:.0f}{SPACE}MB"


# ----------------------------------------------------------------- one time limit


def _limit_section(
    study: Study, limit: float, styles: dict[str, int]
) -> dict[str, Any]:
    reference = study.solvers[0]
    duels = [study.duel(reference, s, limit) for s in study.solvers[1:]]
    return {
        "limit": limit,
        "summary": [_summary(study, solver, limit) for solver in study.solvers],
        "reference": reference,
        "duels": [duel for duel in duels if duel is not None],
        "rows": [_instance_row(study, name, limit) for name in study.instances],
        "families": _families(study, limit),
        "charts": _charts(study, limit, styles),
        "curves": _instance_curves(study, limit, styles),
    }


def _summary(study: Study, solver: str, limit: float) -> dict[str, Any]:
    runs = study.of_solver(solver, limit)
    tried = study.tried(solver, limit)
    counted = [run for run in tried if study.counts(run)]
    gaps = [gap for gap in map(study.gap, tried) if gap is not None]
    proofs = Counter(filter(None, map(study.proves, tried)))
    troubles = Counter(run["status"] for run in runs if run["status"] != "ok")
    return {
        "solver": solver,
        "runs": len(runs),
        "answered": sum(run["status"] == "ok" for run in runs),
        "cuts": len(counted),
        "best": sum(study.distance(run) == 0 for run in counted),
        "distance": study.mean_distance(tried),
        "gap": float(np.median(gaps)) if gaps else None,
        "proved": proofs["proved"],
        "claimed": proofs["claimed"],
        "seconds": _median(run.get("seconds") for run in tried),
        "cpu_seconds": _median(run.get("cpu_seconds") for run in tried),
        "memory": max((run.get("peak_memory") or 0 for run in tried), default=0),
        "troubles": dict(troubles),
        "refuted": sum(study.refuted(run) for run in tried),
        "overdrawn": sum(map(study.overdraws, tried)),
    }


def _median(values: Iterable[float | None]) -> float | None:
    present = [value for value in values if value is not None]
    return float(np.median(present)) if present else None


def _instance_row(study: Study, instance: str, limit: float) -> dict[str, Any]:
    facts = study.facts(instance)
    known, found = study.known.get(instance), study.found.get(instance)
    cells = [_cell(study, instance, solver, limit) for solver in study.solvers]
    top = max((c["cut"] for c in cells if c["cut"] is not None), default=None)
    for cell in cells:
        cell["top"] = cell["cut"] is not None and cell["cut"] == top
    return {
        "instance": instance,
        "n": facts.get("n"),
        "m": facts.get("m"),
        "family": study.family(instance),
        "best": study.best(instance),
        "proved": facts.get("best_proved") or _proved_here(study, instance),
        "origin": "known" if known is not None else "found here",
        "raised": known is not None and found is not None and found > known,
        "cells": cells,
    }


def _proved_here(study: Study, instance: str) -> bool:
    """True if a run, at whatever limit, reached the best cut and proved it."""
    best = study.best(instance)
    return any(
        run.get("cut") == best and study.proves(run) == "proved"
        for run in study.runs
        if run["instance"] == instance
    )


def _cell(study: Study, instance: str, solver: str, limit: float) -> dict[str, Any]:
    runs = study.cell(instance, solver, limit)
    counted = [run for run in runs if study.counts(run)]
    answered = [run for run in runs if run["status"] == "ok"]
    bounds = [r["upper_bound"] for r in answered if r.get("upper_bound") is not None]
    gaps = [gap for gap in map(study.gap, runs) if gap is not None]
    marks = {study.proves(run) for run in runs}
    cuts = [run["cut"] for run in counted]
    return {
        "solver": solver,
        "cut": max(cuts, default=None),
        "mean": float(np.mean(cuts)) if len(cuts) > 1 else None,
        "distance": study.mean_distance(counted),
        "upper_bound": min(bounds, default=None),
        "gap": min(gaps, default=None),
        "seconds": _median(run.get("seconds") for run in answered),
        "proof": "proved"
        if "proved" in marks
        else "claimed"
        if "claimed" in marks
        else None,
        "refuted": any(study.refuted(run) for run in answered),
        "troubles": dict(Counter(r["status"] for r in runs if r["status"] != "ok")),
        "runs": len(runs),
    }


def _families(study: Study, limit: float) -> list[dict[str, Any]]:
    """One column a family: its instances, and the mean distance of each solver."""
    columns = []
    for family in dict.fromkeys(map(study.family, study.instances)):
        members = [name for name in study.instances if study.family(name) == family]
        means = {}
        for solver in study.solvers:
            runs = [r for name in members for r in study.cell(name, solver, limit)]
            means[solver] = study.mean_distance(runs)
        present = [mean for mean in means.values() if mean is not None]
        columns.append(
            {
                "family": family,
                "instances": len(members),
                "means": means,
                "least": min(present, default=None),
            }
        )
    return columns


# -------------------------------------------------------------------------- charts


def _charts(study: Study, limit: float, styles: dict[str, int]) -> list[dict[str, str]]:
    quality = Axis("distance to the best cut, at most", FLOOR, 1, True, True, True)
    ratio = Axis("time / time of the fastest, at most", 1, 1000, True)
    fraction = Axis("fraction of the runs", 0, 1)
    when = Axis("seconds", _first_moment(limit), _last_moment(limit), True)
    far = Axis("mean distance to the best", FLOOR, 1, True, True, True)
    apart = Axis("median gap to the own bound", FLOOR, 1, True, True, True)
    times = np.geomspace(when.low, when.high, 200)

    def series(
        points: Callable[[str], list[tuple[float, float]] | None], steps: bool = True
    ) -> list[Series]:
        lines = []
        for solver, style in styles.items():
            line = points(solver)
            if line:
                lines.append(Series(solver, line, style, steps))
        return lines

    def profile(kind: Callable[..., list[tuple[float, float]]], x: Axis) -> list:
        def points(solver: str) -> list[tuple[float, float]]:
            steps = kind(solver, limit)
            return [(x.low, 0.0), *steps, (x.high, steps[-1][1])] if steps else []

        return series(points)

    def curve(kind: Callable[..., np.ndarray | None]) -> list[Series]:
        def points(solver: str) -> list[tuple[float, float]] | None:
            values = kind(solver, limit, times)
            if values is None:
                return None
            return list(zip(times.tolist(), values.tolist(), strict=True))

        return series(points)

    pictures = [
        (
            "Performance profile: quality",
            "Higher and further left is better: the fraction of all runs that end at "
            "most that far from the best cut. Failures never enter.",
            quality,
            fraction,
            profile(study.quality_profile, quality),
        ),
        (
            "Performance profile: time",
            "Time until the cut is within 0.1 % of the best, divided by that of the "
            "fastest solver on the instance.",
            ratio,
            fraction,
            profile(study.time_profile, ratio),
        ),
        (
            "Cut against time",
            "Mean distance of the best cut so far to the best cut known. Solvers that "
            "show no cuts on the way drop at their end.",
            when,
            far,
            curve(study.distance_curve),
        ),
        (
            "Gap against time",
            "Median of (bound - cut) / cut for the solvers that give a bound, from the "
            "moment half of the runs have both.",
            when,
            apart,
            curve(study.gap_curve),
        ),
    ]
    return [
        {"title": title, "text": text, "svg": line_chart(title, x, y, lines)}
        for title, text, x, y, lines in pictures
        if lines
    ]


def _first_moment(limit: float) -> float:
    return max(1e-3, limit / 1000)


def _last_moment(limit: float) -> float:
    return Job("", limit).late_after


def _instance_curves(
    study: Study, limit: float, styles: dict[str, int]
) -> list[dict[str, str]]:
    """Cut against time on single instances, where solvers differ at all."""
    charts = []
    for instance in study.instances:
        best = study.best(instance)
        if not best:
            continue
        lines, lowest = [], 1.0
        for solver, style in styles.items():
            runs = [r for r in study.cell(instance, solver, limit) if study.counts(r)]
            points = [
                (max(t, _first_moment(limit)), cut / best)
                for t, cut, _ in (history(runs[0]) if runs else ())
                if cut is not None
            ]
            if points:
                end = (_last_moment(limit), points[-1][1])
                mark = [points[-1]]
                lines.append(Series(solver, [*points, end], style, True, mark))
                lowest = min(lowest, points[-1][1])
        low = max(0.0, 1 - 2 * (1 - lowest))
        if not lines or low >= 1:
            continue
        x = Axis("seconds", _first_moment(limit), _last_moment(limit), True)
        y = Axis("cut / best", low, 1.0, percent=True)
        title = f"{instance}: cut against time"
        charts.append({"title": instance, "svg": line_chart(title, x, y, lines)})
    return charts[:CURVES_PER_INSTANCE]


# ------------------------------------------------------------------- other sections


def _bound_rows(study: Study) -> list[dict[str, Any]]:
    """The least bound of each solver on each instance, over the seeds."""
    rows = []
    for limit, instance, solver in itertools.product(
        study.limits, study.instances, study.solvers
    ):
        runs = [
            run
            for run in study.cell(instance, solver, limit)
            if run["status"] == "ok" and run.get("upper_bound") is not None
        ]
        if not runs:
            continue
        least = min(runs, key=lambda run: run["upper_bound"])
        best, bound = study.best(instance), least["upper_bound"]
        excess = (bound - best) / abs(best) if best else None
        rows.append(
            {
                **least,
                "best": best,
                "excess": None if excess is None else max(0.0, excess),
                "refuted": any(study.refuted(run) for run in runs),
                "tight": excess is not None and abs(excess) <= 1e-9,
                "seconds": _median(run.get("seconds") for run in runs),
                "cpu_seconds": _median(run.get("cpu_seconds") for run in runs),
            }
        )
    return rows


def _noise(study: Study) -> dict[str, float] | None:
    """How steady the machine was: the reference loop, and waiting for a core."""
    loops = [r["reference_seconds"] for r in study.runs if r.get("reference_seconds")]
    timed = [r for r in study.runs if r.get("waited_seconds") is not None]
    if not loops or not timed:
        return None
    low, middle, high = np.percentile(loops, [10, 50, 90])
    waited = sum(run["waited_seconds"] for run in timed)
    total = sum(run["seconds"] for run in timed)
    return {
        "low": low / middle,
        "middle": 1000 * middle,
        "high": high / middle,
        "waited": waited / total,
    }


def _failures(study: Study) -> list[dict[str, Any]]:
    """Failed runs by solver and status, equal messages gathered; declined ones last."""
    gathered: dict[tuple[str, str], dict[str, list[str]]] = {}
    for run in study.runs:
        if run["status"] != "ok":
            messages = gathered.setdefault((run["solver"], run["status"]), {})
            messages.setdefault(run.get("message") or "", []).append(run["instance"])
    return [
        {
            "solver": solver,
            "status": status,
            "runs": sum(map(len, messages.values())),
            "messages": [
                (", ".join(dict.fromkeys(instances)), message)
                for message, instances in messages.items()
            ],
        }
        for (solver, status), messages in sorted(
            gathered.items(), key=lambda item: item[0][1] in DECLINED
        )
    ]


def _options(study: Study) -> list[dict[str, Any]]:
    notes: dict[str, Any] = {}
    for session in study.records.sessions:
        notes.update(session.get("adaptors", {}))
    rows = []
    for solver in study.solvers:
        note = notes.get(solver, {"about": "", "options": {}})
        infos = [
            r["info"] for r in study.runs if r["solver"] == solver and r.get("info")
        ]
        rows.append({"solver": solver, **note, "info": infos[-1] if infos else {}})
    return rows


# ----------------------------------------------------------------------------- CSV

SUMMARY_COLUMNS = (
    "instance",
    "n",
    "m",
    "family",
    "best",
    "time_limit",
    "solver",
    "cut",
    "mean",
    "distance",
    "upper_bound",
    "gap",
    "seconds",
    "proof",
    "runs",
    "troubles",
)


def _summary_rows(study: Study) -> Iterable[dict[str, Any]]:
    for limit in study.limits:
        for name in study.instances:
            row = _instance_row(study, name, limit)
            for cell in row["cells"]:
                if cell["runs"]:
                    troubles = " ".join(f"{k}:{v}" for k, v in cell["troubles"].items())
                    yield {
                        **row,
                        **cell,
                        "time_limit": limit,
                        "troubles": troubles,
                    }


def _write_csv(
    path: Path, columns: tuple[str, ...], rows: Iterable[dict[str, Any]]
) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", restval="")
        writer.writeheader()
        writer.writerows(rows)
