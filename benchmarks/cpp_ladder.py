"""The ladder case in C++ (``ladder.cpp``): compiled on first use, called by ctypes.

No -ffast-math: comparisons stay strict and infinities stay infinite. The two flags that are set only give up
``errno`` and floating-point traps, which nobody reads.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.case import Accounts, Case, Outcome
from stress.cli.runtime import user_cache

FLAGS = ["-std=c++17", "-O3", "-march=native", "-fopenmp", "-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC"]
SOURCES = ("ladder.cpp", "ladder_noise.h", "ladder_venue.h")
LANES = 16
NUMBERS = ("price", "drift", "deviation", "fee", "keeper_share", "fund", "depth", "cap", "decay")
ARRAYS = ("trigger", "bankruptcy", "size", "value")


class Numbers(ctypes.Structure):
    """``Case`` of the C++ side."""

    _fields_ = [(name, ctypes.c_double) for name in NUMBERS]


class Side(ctypes.Structure):
    """``Side`` of the C++ side."""

    _fields_ = [("sign", ctypes.c_double), ("n", ctypes.c_int64), *((name, ctypes.c_void_p) for name in ARRAYS)]


def compiler() -> str | None:
    """A C++ compiler, if there is one."""
    names = [os.environ["CXX"]] if "CXX" in os.environ else ["g++", "clang++"]
    return next(filter(None, map(shutil.which, names)), None)


@functools.cache
def problem() -> str | None:
    """Why the code cannot be compiled here, if so: an empty program is tried, so mistakes of ours stay mistakes."""
    cxx = compiler()
    if not cxx:
        return "no C++ compiler: install g++, or name one in CXX"
    with tempfile.TemporaryDirectory() as folder:
        command = [cxx, *flags(), "-x", "c++", "-", "-o", f"{folder}/empty.so"]
        done = subprocess.run(command, input=b"", capture_output=True, check=False)
    return f"{cxx} does not know what we need: {done.stderr.decode()}" if done.returncode else None


def flags() -> list[str]:
    """Compiler flags."""
    return FLAGS + (["-mprefer-vector-width=512"] if platform.machine() == "x86_64" else [])


@functools.cache
def library() -> ctypes.CDLL:
    """The compiled code; it is kept in the user's cache under a hash of all that it depends on."""
    cxx, folder = compiler(), Path(__file__).parent
    assert cxx, problem()
    version = subprocess.run([cxx, "--version"], capture_output=True, check=True).stdout
    native = subprocess.run([cxx, "-march=native", "-Q", "--help=target"], capture_output=True, check=False).stdout
    parts = [version, native, " ".join(flags()).encode(), *((folder / name).read_bytes() for name in SOURCES)]
    file = user_cache() / "benchmarks" / f"ladder-{hashlib.sha256(b'|'.join(parts)).hexdigest()[:16]}.so"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        scratch = file.with_suffix(f".{os.getpid()}.tmp")
        subprocess.run([cxx, *flags(), str(folder / SOURCES[0]), "-o", str(scratch)], check=True)
        scratch.replace(file)  # atomic: several processes may compile at once
    return ctypes.CDLL(str(file))


def numbers(case: Case) -> Numbers:
    """The case's numbers."""
    deviation = case.step_volatility
    rules = (case.fee, case.keeper_share, case.fund, case.depth, case.cap, case.decay)
    return Numbers(case.price, -0.5 * deviation**2, deviation, *rules)


def side(case: Case, accounts: Accounts, sign: float) -> dict[str, np.ndarray]:
    """Arrays of a side's accounts in closing order, prices times sign."""
    mine = np.flatnonzero(accounts.size * sign > 0)
    bankruptcy = sign * accounts.bankruptcy[mine]
    order = np.argsort(-bankruptcy, kind="stable")
    bankruptcy, units = bankruptcy[order], np.abs(accounts.size[mine][order])
    return {
        "trigger": np.append(sign * accounts.triggers(case.maintenance)[mine][order], -np.inf),
        "bankruptcy": bankruptcy,
        "size": np.append(0.0, np.cumsum(units)),
        "value": np.append(0.0, np.cumsum(units * bankruptcy)),
    }


def call(name: str, case: Case, accounts: Accounts, paths: int, steps: int, source: object) -> Outcome:
    """Call an entry point; ``source`` is its prices or its seed."""
    arrays = [side(case, accounts, sign) for sign in (1.0, -1.0)]
    sides = (Side * 2)(
        *(
            Side(sign, len(a["bankruptcy"]), *(a[key].ctypes.data for key in ARRAYS))
            for sign, a in zip((1.0, -1.0), arrays, strict=True)
        )
    )
    out = np.empty((5, paths))
    size = (ctypes.c_int64(paths), ctypes.c_int64(steps))
    getattr(library(), name)(ctypes.byref(numbers(case)), sides, source, *size, ctypes.c_void_p(out.ctypes.data))
    return Outcome(*out)


def simulate_given(case: Case, accounts: Accounts, prices: np.ndarray) -> Outcome:
    """All paths [P, T + 1]."""
    prices = np.ascontiguousarray(prices, np.float64)
    paths, points = prices.shape
    return call("simulate_given", case, accounts, paths, points - 1, ctypes.c_void_p(prices.ctypes.data))


def simulate_seed(case: Case, accounts: Accounts, seed: int, paths: int) -> Outcome:
    """Paths of the case's market."""
    return call("simulate_seed", case, accounts, paths, case.steps, ctypes.c_uint32(seed))


def returns_of_seed(case: Case, seed: int, paths: int) -> np.ndarray:
    """The float32 log-returns [P, T] that :func:`simulate_seed` uses."""
    padded = -(-paths // LANES) * LANES
    out = np.empty((padded, case.steps), np.float32)
    size = (ctypes.c_int64(padded), ctypes.c_int64(case.steps))
    library().returns_of_seed(
        ctypes.byref(numbers(case)), ctypes.c_uint32(seed), *size, ctypes.c_void_p(out.ctypes.data)
    )
    return out[:paths]
