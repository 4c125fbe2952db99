"""A sweep folder in memory: its jobs, what was swept, and what came out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stress.errors import UserError
from stress.files import parse_yaml
from stress.report import sources
from stress.report.format import is_number

Value = float | str
"""A swept value: a number where it parses as one, else its text."""
_WITH_RESULT = ("ok", "limit")
"""What a job's ``status`` may say when it has a summary; ``limit``: it violates one."""
UNITS = {"protocol.insurance_fund": "USD", "price.volatility": "per √year", "price.drift": "per year"}
"""Of keys that do not say theirs."""
UNSET = "(not set)"
"""Value of a key that a job does not override while another one does."""


@dataclass(frozen=True)
class Job:
    """One job; ``metrics`` is empty unless it ended with a result (status ok, or limit: one was violated)."""

    number: int
    status: str
    error: str
    overrides: dict[str, Value] | None  # None: the job left no trace of what it was to run
    metrics: dict[str, dict[str, Any]]
    note: str = ""  # what became of an earlier start of it
    limits: tuple[str, ...] = ()  # what came of each limit: met, violated, undecided

    @property
    def verdict(self) -> str:
        """Of its limits the worst; empty without limits."""
        bad = [state for state in ("violated", "undecided") if state in self.limits]
        return bad[0] if bad else "met" if self.limits else ""


    def number_of(self, metric: str, which: str = "estimate") -> float:
        """Estimate or bound of a metric; NaN where it is null or missing."""
        value = self.metrics.get(metric, {}).get(which)
        return float(value) if is_number(value) else math.nan


@dataclass(frozen=True)
class Sweep:
    """All jobs in the order of their numbers and the keys whose values differ between them."""

    folder: Path
    jobs: list[Job]
    keys: list[str]

    @property
    def done(self) -> list[Job]:
        """Jobs with a result."""
        return [job for job in self.jobs if job.status in _WITH_RESULT]

    def value(self, job: Job, key: str) -> Value:
        """A job's value of a swept key."""
        return (job.overrides or {}).get(key, UNSET)

    def values(self, key: str) -> list[Value]:
        """The values of finished jobs: numbers by size, then texts in the order of the jobs."""
        found = list(dict.fromkeys(self.value(job, key) for job in self.done))
        texts = [value for value in found if isinstance(value, str)]
        return [*sorted(value for value in found if isinstance(value, float)), *texts]

    def label(self, job: Job, keys: Sequence[str] | None = None) -> str:
        """``key=value`` of a job, keys shortened to their last part where that is unambiguous."""
        chosen = self.keys if keys is None else keys
        return ", ".join(f"{self.short(k)}={shown(self.value(job, k))}" for k in chosen) or f"job {job.number}"

    def short(self, key: str) -> str:
        """The last part of a key, or the whole key where two swept keys share it."""
        last = key.rsplit(".", 1)[-1]
        return last if sum(k.rsplit(".", 1)[-1] == last for k in self.keys) == 1 else key

    def numeric(self, key: str) -> bool:
        """Whether all finished jobs have a number there, and at least two different ones."""
        values = [self.value(job, key) for job in self.done]
        return all(isinstance(v, float) for v in values) and len(set(values)) > 1


def shown(value: Value) -> str:
    """A swept value for people."""
    return value if isinstance(value, str) else f"{value:,.10g}"


def with_unit(key: str, text: str = "") -> str:
    """A key, or a ``text`` for it, with its unit where it has one and does not name it."""
    unit = UNITS.get(key)
    return f"{text or key} ({unit})" if unit else text or key


def load_sweep(folder: Path) -> Sweep:
    """Read a sweep folder; UserError when it holds no job folder."""
    found = [d for d in folder.iterdir() if d.is_dir() and d.name.isdecimal()] if folder.is_dir() else []
    if not found:
        raise UserError(f"{folder}: not a sweep folder (no job folders named 0, 1, 2 …).")
    jobs = [_load_job(d) for d in sorted(found, key=lambda d: int(d.name))]
    known = [job.overrides for job in jobs if job.overrides is not None]
    keys = list(dict.fromkeys(key for overrides in known for key in overrides))
    swept = [key for key in keys if len({overrides.get(key, UNSET) for overrides in known}) > 1]
    return Sweep(folder, jobs, swept)


def _load_job(folder: Path) -> Job:
    number = int(folder.name)
    if not (folder / "job.json").exists():
        return Job(number, "unfinished", "no job.json: killed, or still running", _fallback(folder), {})
    entry = sources.read_json(folder / "job.json")
    overrides = _parsed(entry.get("overrides") or [])
    status = str(entry.get("status"))
    if status not in _WITH_RESULT:
        return Job(number, "failed", str(entry.get("error") or "no message"), overrides, {})
    if not (folder / "summary.json").exists():
        return Job(number, "unfinished", "no summary.json beside a finished job.json", overrides, {})
    summary = sources.read_json(folder / "summary.json")
    outcomes = tuple(str(entry.get("outcome")) for entry in summary.get("limits") or ())
    return Job(number, status, "", overrides, summary.get("metrics", {}), str(entry.get("note") or ""), outcomes)


def _fallback(folder: Path) -> dict[str, Value] | None:
    """What Hydra noted before the job started."""
    noted = folder / ".hydra" / "overrides.yaml"
    if not noted.exists():
        return None
    try:
        entries = parse_yaml(noted.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError):
        return None
    return _parsed([str(e) for e in entries]) if isinstance(entries, list) else None


def _parsed(overrides: list[str]) -> dict[str, Value]:
    pairs: dict[str, Value] = {}
    for text in overrides:
        key, _, value = str(text).partition("=")
        pairs[key.strip().lstrip("+~")] = "(removed)" if key.strip().startswith("~") else _value(value)
    return pairs


def _value(text: str) -> Value:
    """A finite number, or the text without its quotes."""
    bare = text.strip()
    if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "'\"":
        return bare[1:-1]
    try:
        number = float(bare)
    except ValueError:
        return bare
    return number if math.isfinite(number) else bare
