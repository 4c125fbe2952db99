"""Timing a contender, and the line that keeps what was measured, on what."""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.case import Case

Run = Callable[[int, int], object]
"""Simulates (seed, paths)."""


@dataclass(frozen=True)
class Timing:
    """Seconds of repeated runs of as many paths."""

    name: str
    case: Case
    paths: int
    seconds: list[float]

    @property
    def rate(self) -> float:
        """Path-ticks a second of the median run."""
        return self.paths * self.case.steps / statistics.median(self.seconds)

    def line(self, machine: dict[str, Any]) -> str:
        """The JSON line."""
        record = {
            "name": self.name,
            "case": self.case.name,
            "paths": self.paths,
            "steps": self.case.steps,
            "accounts": self.case.accounts,
            "seconds_median": statistics.median(self.seconds),
            "seconds_best": min(self.seconds),
            "repeats": len(self.seconds),
            "path_ticks_per_second": self.rate,
        }
        return json.dumps(record | machine)


def clock(run: Run, seed: int, paths: int) -> float:
    """Seconds of one run."""
    start = time.perf_counter()
    run(seed, paths)
    return time.perf_counter() - start


def enough_paths(run: Run, multiple: int, seconds: float) -> int:
    """Paths, a multiple of a block on every core, that take about ``seconds``; running them is also the warm-up."""
    paths = multiple = multiple * cores()
    clock(run, 0, paths)  # compiles
    while (taken := clock(run, 0, paths)) < seconds / 4:
        paths *= 4
    return max(1, round(paths * seconds / taken / multiple)) * multiple


def measure(name: str, case: Case, run: Run, multiple: int, seconds: float, repeats: int) -> Timing:
    """Time ``repeats`` runs of about ``seconds`` each, every one with its own seed."""
    paths = enough_paths(run, multiple, seconds)
    return Timing(name, case, paths, [clock(run, seed, paths) for seed in range(1, repeats + 1)])


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> dict[str, Any]:
    """What the numbers depend on besides the code."""
    versions = {name: _version(name) for name in ("jax", "jaxlib", "numpy", "numba", "QuantLib")}
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    return {
        "machine": {"cpu": _cpu_model(), "cores": cores(), "load_before": load},
        "python": platform.python_version(),
        **versions,
        "commit": _commit(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _cpu_model() -> str:
    """Model and instruction sets that matter, where the system says."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    facts = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    facts = {key.strip(): value.strip() for key, value in facts.items()}
    family = f"family {facts.get('cpu family', '?')} model {facts.get('model', '?')}"
    widest = next((name for name in ("avx512f", "avx2") if name in facts.get("flags", "").split()), "")
    return f"{facts.get('model name', platform.machine())} ({family}{', ' + widest if widest else ''})"


def _commit() -> str | None:
    """The commit, marked when files differ from it."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
