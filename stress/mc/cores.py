"""The machine: cores that this process may use, and memory."""

from __future__ import annotations

import math
import os

SHARE = "NPROC"
"""Environment variable with the number of cores that a process is to keep to; XLA's own threads keep to it too."""


def own_cores() -> int:
    """Cores that the system lets this process use (a container's or a job scheduler's share, not the machine's)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def core_count() -> int:
    """Cores that this process uses: its own, or fewer where ``NPROC`` says so."""
    share = os.environ.get(SHARE, "")
    return min(own_cores(), max(1, int(share))) if share.isdecimal() else own_cores()


def memory_bytes() -> float:
    """Memory of this machine; without bound where it does not say."""
    names = ("SC_PHYS_PAGES", "SC_PAGE_SIZE")
    if any(name not in getattr(os, "sysconf_names", {}) for name in names):
        return math.inf
    return float(math.prod(os.sysconf(name) for name in names))
