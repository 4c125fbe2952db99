"""The report of a sweep, built from what its jobs left on disk."""

from __future__ import annotations

import csv
import io
from math import isfinite
from pathlib import Path
from typing import Any

from stress import files
from stress.report import page, paired, sources, style
from stress.report.figures import paired_differences, sweep_dots, sweep_frontier, sweep_lines, sweep_map
from stress.report.format import count, joined, many
from stress.report.metrics import in_order, interval, printed, title_of
from stress.report.sweep_frontier import Frontier, frontier_of, table_of
from stress.report.sweep_load import Job, Sweep, load_sweep, shown

SHOWN = ("depletion_probability", "required_fund_99", "fund_drawdown_es_99", "bad_debt", "cascade_probability",
         "amplification", "liquidated_notional", "adl_probability", "backstop_loss", "adl_hit_share",
         "adl_largest_haircut", "adl_gini")
"""Metrics in figures and in the page's table; ``sweep.csv`` has all."""
_VERDICTS = {"violated": "violate a limit with confidence", "undecided": "undecided at this number of paths",
             "met": "meet all limits with confidence"}
VENUES = "book.synthetic.venues"
_NAMED = 4
"""Jobs that meet all limits and are named."""
_STATES = {"ok": "ok", "limit": "over a limit", "failed": "failed", "unfinished": "unfinished"}


def write_sweep_report(folder: Path) -> Path:
    """Write ``sweep.html``, ``sweep.csv`` and ``figures/sweep_*.png`` into a sweep folder; returns the page.

    Works from the job folders alone, whatever happened to the jobs. Raises UserError when there is no job folder.
    """
    sweep = load_sweep(Path(folder))
    files.write_text(sweep.folder / "sweep.csv", _csv(sweep))
    names = [n for n in SHOWN if any(isfinite(j.number_of(n)) for j in sweep.done)]
    frontier = frontier_of(sweep)
    with style.applied():
        figures = _figures(sweep, names)
    return page.render(
        "sweep.html.j2", sweep.folder / "sweep.html", title=_title(sweep), facts=_facts(sweep), figures=figures,
        notes=[*_one_book(sweep), *_together(sweep)],
        verdict=_verdict(sweep), points=_points(sweep, names), keys=[sweep.short(k) for k in sweep.keys],
        columns=[title_of(n) for n in names],
        rows=[_row(sweep, job, names, frontier) for job in sweep.done], paired=_paired(sweep),
        frontier=_frontier(sweep, frontier), noted=[(j.number, j.note) for j in sweep.jobs if j.note],
        failed=[(j.number, sweep.label(j), j.error) for j in sweep.jobs if j.status == "failed"],
        unfinished=[(j.number, sweep.label(j) if j.overrides is not None else f"job {j.number}", j.error)
                    for j in sweep.jobs if j.status == "unfinished"])


def _paired(sweep: Sweep) -> dict[str, Any] | None:
    """Every job less the first that has a result, path by path, as ``compare.json`` has it."""
    found = sources.read_optional_json(sweep.folder / "compare.json")
    if not found:
        return None
    labels = {str(job.number): sweep.label(job) for job in sweep.done}
    names = [labels.get(Path(run["folder"]).name, "") for run in (found["first"], *found["others"])]
    others = paired.others_of(found, names[1:])
    with style.applied():
        drawn = paired_differences.draw(others, paired.SHOWN)
        item = page.place(sweep.folder, "sweep_paired", paired_differences.TITLE, drawn, page.DEFAULT_DPI)
    return {"first": names[0], "figure": item, "table": paired.all_differences(others),
            "refused": [f"{other.name}: {reason}" for other in others for reason in other.refused]}


def _frontier(sweep: Sweep, frontier: Frontier | None) -> dict[str, Any] | None:
    """Picture and table of the jobs that no other is better than."""
    if frontier is None:
        return None
    with style.applied():
        drawn = sweep_frontier.draw(frontier)
        item = page.place(sweep.folder, "sweep_frontier", sweep_frontier.TITLE, drawn, page.DEFAULT_DPI)
    return {"figure": item, "table": table_of(sweep, frontier)}


def _figures(sweep: Sweep, names: list[str]) -> list[page.Item]:
    if not sweep.done or not names:
        return []
    numbers = [k for k in sweep.keys if sweep.numeric(k)]
    varied = [k for k in sweep.keys if len({sweep.value(j, k) for j in sweep.done}) > 1]
    numbers.sort(key=lambda k: -len({sweep.value(j, k) for j in sweep.done}))
    drawn = []
    if len(varied) == 2 and len(numbers) == 2:
        drawn.append(("sweep_map", sweep_map.TITLE, sweep_map.draw(sweep, names, numbers[0], numbers[1])))
    if numbers and len(varied) <= 2:
        other = next((k for k in varied if k != numbers[0]), None)
        drawn.append(("sweep_lines", sweep_lines.TITLE, sweep_lines.draw(sweep, names, numbers[0], other)))
    else:
        drawn.append(("sweep_dots", sweep_dots.TITLE, sweep_dots.draw(sweep, names)))
    page.forget(sweep.folder, "sweep_map", "sweep_lines", "sweep_dots")
    return [page.place(sweep.folder, name, title, picture, page.DEFAULT_DPI) for name, title, picture in drawn]


def _title(sweep: Sweep) -> str:
    return f"Sweep over {joined(sweep.keys)}" if sweep.keys else "Sweep"


def _facts(sweep: Sweep) -> str:
    states = {name: sum(job.status == status for job in sweep.jobs) for status, name in _STATES.items()}
    return page.listed((many(len(sweep.jobs), "job"), *(f"{count(n)} {name}" for name, n in states.items() if n)))


def _verdict(sweep: Sweep) -> tuple[str, str] | None:
    """The worst verdict of all jobs, and how many jobs have which; None where no job has a limit."""
    limited = [job for job in sweep.done if job.verdict]
    if not limited:
        return None
    by = {state: [job for job in limited if job.verdict == state] for state in _VERDICTS}
    words = [f"{count(len(jobs))} {_VERDICTS[state]}" for state, jobs in by.items() if jobs]
    names = [f"({sweep.label(job)})" for job in by["met"][:_NAMED]]
    more = [f"{len(by['met']) - _NAMED} more"] if len(by["met"]) > _NAMED else []
    met = f" Met by {joined([*names, *more])}." if names else ""
    return next(state for state, jobs in by.items() if jobs), f"Of {many(len(limited), 'job')}: {joined(words)}.{met}"


def _one_book(sweep: Sweep) -> list[str]:
    """What the jobs' book is, where it is made for several venues."""
    venues = {str(job.overrides[VENUES]).strip("[]") for job in sweep.done if job.overrides and VENUES in job.overrides}
    return [f"One book for all jobs: nobody in it has more leverage than the strictest of {joined(names.split(','))} "
            f"allows ({VENUES})." for names in venues if len(venues) == 1 and "," in names]


def _together(sweep: Sweep) -> list[str]:
    """How jobs were simulated, where some shared a simulation (``grid.json``)."""
    found = sources.read_optional_json(sweep.folder / "grid.json")
    if not found:
        return []
    texts = [f"{many(len(group['jobs']), 'job')} simulated together: {group['simulated']:,} of {group['rows']:,} paths "
             "of a venue or a companion had to be simulated, the others are the same." for group in found["together"]
             if group["simulated"]]
    reasons: dict[str, list[str]] = {}
    for number, reason in found["alone"].items():
        reasons.setdefault(reason, []).append(number)
    return [*texts, *(f"Simulated by itself: job {joined(jobs)}, since {why}." for why, jobs in reasons.items())]


def _points(sweep: Sweep, names: list[str]) -> list[str]:
    """Where each metric is lowest and highest, and whether the intervals of the two overlap."""
    texts = []
    for name in names:
        jobs = [j for j in sweep.done if isfinite(j.number_of(name))]
        if len(jobs) < 2:
            continue
        jobs.sort(key=lambda j, name=name: j.number_of(name))
        least, most = jobs[0], jobs[-1]
        low, high = least.metrics[name], most.metrics[name]
        if low["estimate"] == high["estimate"]:
            texts.append(f"{title_of(name)}: {printed(name, low)} in every job.")
            continue
        apart = least.number_of(name, "high") < most.number_of(name, "low")  # false where a bound is null
        texts.append(f"{title_of(name)}: from {printed(name, low)} ({sweep.label(least)}) to {printed(name, high)} "
                     f"({sweep.label(most)}); the two intervals {'do not overlap' if apart else 'overlap'}.")
    return texts


def _row(sweep: Sweep, job: Job, names: list[str], frontier: Frontier | None) -> dict[str, Any]:
    cells = [(printed(n, job.metrics.get(n, {})), interval(n, job.metrics.get(n, {})),
              str(job.metrics.get(n, {}).get("reason") or "")) for n in names]
    page_of_job = f"{job.number}/report.html"
    link = page_of_job if (sweep.folder / page_of_job).exists() else ""
    values = [shown(sweep.value(job, k)) for k in sweep.keys]
    return {"number": job.number, "link": link, "over": job.status == "limit",
            "best": frontier is not None and job.number in frontier.best, "values": values, "cells": cells}


def _csv(sweep: Sweep) -> str:
    """A row a job: number, status, error, swept values, and estimate, bounds and n of every metric."""
    names = in_order({name: None for job in sweep.done for name in job.metrics})
    parts = ("estimate", "low", "high", "n")
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    columns = [n if p == "estimate" else f"{n}_{p}" for n in names for p in parts]
    writer.writerow(["job", "status", "error", *sweep.keys, *columns])
    for job in sweep.jobs:
        values = [sweep.value(job, k) if job.overrides is not None else "" for k in sweep.keys]
        numbers = [job.metrics.get(n, {}).get(p) for n in names for p in parts]
        writer.writerow([job.number, job.status, job.error, *values, *("" if v is None else v for v in numbers)])
    return buffer.getvalue()
