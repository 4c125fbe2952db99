"""Jobs of a sweep with several objectives that no other job is better than."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from stress.report import sources
from stress.report.format import is_number, plain
from stress.report.metrics import interval, printed, title_of
from stress.report.sweep_load import Job, Sweep
from stress.report.tables import Table


@dataclass(frozen=True)
class Objective:
    """What is to be small or large: a metric, or a setting."""

    name: str
    maximised: bool
    values: dict[int, dict[str, Any]]  # by number of the job: estimate, low and high; a setting has no interval

    @property
    def title(self) -> str:
        """For people."""
        known = any("unit" in value for value in self.values.values())
        return title_of(self.name) if known else self.name

    def shown(self, job: int) -> str:
        """A job's value with its interval."""
        value = self.values[job]
        if "unit" not in value:
            return plain(value["estimate"])
        return f"{printed(self.name, value)} {interval(self.name, value)}"


@dataclass(frozen=True)
class Frontier:
    """The objectives, and the jobs that are not dominated; in the order of the first objective."""

    objectives: list[Objective]
    best: list[int]


def frontier_of(sweep: Sweep) -> Frontier | None:
    """The frontier of a sweep with two objectives or more; None where there are fewer, or no job has them all."""
    configs = {job.number: sources.read_config(sweep.folder / str(job.number)) for job in sweep.done[:1]}
    wanted = next(iter(configs.values()), {}).get("sweep") or {}
    names = wanted.get("objectives") or []
    if len(names) < 2:
        return None
    directions = wanted.get("directions") or ["minimize"] * len(names)
    configs |= {job.number: sources.read_config(sweep.folder / str(job.number)) for job in sweep.done[1:]}
    objectives = [Objective(name, direction == "maximize", {j.number: _value(j, configs[j.number], name)
                                                            for j in sweep.done})
                  for name, direction in zip(names, directions, strict=True)]
    jobs = [j.number for j in sweep.done if all(is_number(o.values[j.number]["estimate"]) for o in objectives)]
    best = not_dominated(np.array([[_cost(o, job) for o in objectives] for job in jobs]).reshape(-1, len(objectives)))
    chosen = [job for job, kept in zip(jobs, best, strict=True) if kept]
    return Frontier(objectives, sorted(chosen, key=lambda job: _cost(objectives[0], job))) if chosen else None


def not_dominated(costs: np.ndarray) -> np.ndarray:
    """Flags [J] of the rows of costs [J, K] that no other row is below in one column and not above in any."""
    no_worse = (costs[:, None, :] <= costs[None, :, :]).all(2)
    better = (costs[:, None, :] < costs[None, :, :]).any(2)
    return np.asarray(~(no_worse & better).any(0))


def table_of(sweep: Sweep, frontier: Frontier) -> Table:
    """The jobs on the frontier with their objectives."""
    jobs = {job.number: job for job in sweep.done}
    rows = [[str(job), sweep.label(jobs[job]), *(o.shown(job) for o in frontier.objectives)] for job in frontier.best]
    header = [f"{o.title} ({'more' if o.maximised else 'less'} is better)" for o in frontier.objectives]
    return Table(["job", "settings", *header], rows, numbers=2)


def _cost(objective: Objective, job: int) -> float:
    value = float(objective.values[job]["estimate"])
    return -value if objective.maximised else value


def _value(job: Job, config: Mapping[str, Any], name: str) -> dict[str, Any]:
    if name in job.metrics:
        return job.metrics[name]
    node: Any = config
    for part in name.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    number = float(node) if is_number(node) and isfinite(node) else None
    return {"estimate": number, "low": number, "high": number}
