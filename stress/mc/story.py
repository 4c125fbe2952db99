"""The story of a run: one path recorded tick by tick, ``data/story.npz``.

It is the depleted path with the median bad debt, or the worst path where none was depleted. Which one that is, is
known when all are simulated, so it is simulated again. A grid does that for its settings together, and leaves each
story beside the chunks (:func:`keep_story`) until the job finishes.

Axes: ``T`` ticks, ``A`` markets.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stress.files import replacing
from stress.mc.driver import rank_worst
from stress.mc.plan import Plan
from stress.mc.program import Program, compile_program, pick_workers
from stress.mc.store import Chunk, read_arrays, read_column

KEPT = Path("chunks") / "story.npz"
Trace = dict[str, np.ndarray]
"""What ``mc.block.trace_path`` records: each [T, ...]."""


def tell_story(plan: Plan, program: Program | None, folder: Path) -> int:
    """Write the story of a joined run into ``data/story.npz``; returns the number of its path.

    ``program`` simulates it where no grid has; None: it is compiled then.
    """
    path = _story_path(folder)
    trace = _kept(folder, path)
    if trace is None:
        block, lane = divmod(path, plan.job.block_paths)
        program = program or compile_program(plan.job, pick_workers(1, 1))
        trace = {name: np.asarray(value) for name, value in program.run(plan.job, block, lane).trace.items()}
    sold = np.diff(trace["liquidated"], axis=0, prepend=0.0)
    np.savez_compressed(
        folder / "data" / "story.npz",
        path=path,
        time_hours=np.arange(1, plan.job.steps + 1) * plan.step_seconds / 3600.0,
        mark=trace["mark"],
        fundamental=trace["fundamental"],
        displacement=trace["mark"] / trace["fundamental"] - 1.0,
        fund=plan.fund + trace["fund_flow"],
        liquidated_long=sold[:, :, 0],
        liquidated_short=sold[:, :, 1],
        adl=np.diff(trace["adl"], prepend=0.0),
        bad_debt=np.diff(trace["bad_debt"], prepend=0.0),
        socialised=np.diff(trace["socialised"], prepend=0.0),
    )
    return path


def _story_path(folder: Path) -> int:
    depleted, loss, path = (read_column(folder, name) for name in ("depleted", "bad_debt", "path"))
    with np.load(folder / "data" / "prices.npz", allow_pickle=False) as data:
        return _chosen(depleted, loss, path, data["worst_path"])


def story_path_of(chunks: list[Chunk]) -> int:
    """The path of the story that a run will have, of its chunks, which are complete."""
    names = ("depleted", "bad_debt", "path", "worst_key", "worst_path")
    parts = [read_arrays(chunk, names) for chunk in chunks]
    depleted, loss, path, key, worst = (np.concatenate([part[name] for part in parts]) for name in names)
    return _chosen(depleted, loss, path, worst[rank_worst(key, worst)])


def _chosen(depleted: np.ndarray, loss: np.ndarray, path: np.ndarray, worst: np.ndarray) -> int:
    """The path of the story; ``worst`` are paths, the worst first."""
    where = np.flatnonzero(depleted)
    if len(where):
        return int(path[where[np.argsort(loss[where], kind="stable")[len(where) // 2]]])
    return int(worst[0]) if len(worst) else 0


def keep_story(folder: Path, path: int, trace: Trace) -> None:
    """Leave the trace of a run's ``path`` for :func:`tell_story`."""
    with replacing(folder / KEPT) as stream:
        np.savez(stream, path=path, **trace)  # type: ignore[arg-type]


def _kept(folder: Path, path: int) -> Trace | None:
    """The trace that was left, of this very path."""
    if not (folder / KEPT).is_file():
        return None
    with np.load(folder / KEPT, allow_pickle=False) as data:
        trace = dict(data)
    return trace if int(trace.pop("path")) == path else None
