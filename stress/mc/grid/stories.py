"""The stories of a grid's settings, recorded together: each job alone would simulate a block for one path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stress.mc.cascade import MAIN
from stress.mc.grid.batch import Wanted, batch_size
from stress.mc.grid.market import Seen, draw, side_by_side
from stress.mc.grid.rows import RECORDED
from stress.mc.grid.sharing import one_variant
from stress.mc.plan import Plan
from stress.mc.store import finished_chunks
from stress.mc.story import keep_story, story_path_of


def tell_stories(settings: Sequence[tuple[Plan, Path]], device: Any) -> None:
    """Leave the story of every setting, a plan of one family and a folder with all chunks, in its folder.

    Not where ladders stand for accounts: a path that goes beyond them is simulated anew in another way.
    """
    if settings[0][0].job.ladders is not None:
        return
    for start in range(0, len(settings), RECORDED):
        _tell(settings[start : start + RECORDED], device)


def _tell(settings: Sequence[tuple[Plan, Path]], device: Any) -> None:
    job = settings[0][0].job
    paths = [story_path_of(finished_chunks(folder)) for _, folder in settings]
    wanted = Wanted()
    for n, (plan, _) in enumerate(settings):
        wanted.add(one_variant(plan.job, MAIN), np.array([n]))
    market = _market(job, paths, device)
    (batch,) = wanted.batches(batch_size(job), still=len(paths))
    trace = batch.simulate(job, market, device).trace
    for n, (_, folder) in enumerate(settings):
        keep_story(folder, paths[n], {name: np.asarray(values)[:, n] for name, values in trace.items()})


def _market(job: Any, paths: Sequence[int], device: Any) -> Seen:
    """What is seen on some paths, in their order, and after them the still one."""
    block, lane = np.divmod(paths, job.block_paths)
    drawn = {number: draw(job, number, device) for number in np.unique(block).tolist()}
    return side_by_side([drawn[b].of(lane[n : n + 1]) for n, b in enumerate(block.tolist())], np.asarray(job.prices))
