"""Cover-k: what the fund must hold if the k accounts that would owe most default together.

The standard of clearing houses: resources for the default of the participant (and its affiliates), or the two, with the
largest credit exposure in extreme but plausible market conditions (CPMI-IOSCO, Principles for financial market
infrastructures, 2012, principle 4, key consideration 4). Conditions are moves of the market model over
``decide.fund.cover.hours`` in which nothing is closed; ``exposure`` says what is owed after them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from stress.build.study import Study
from stress.config.decide.fund import CoverConfig
from stress.decisions.desk import Desk
from stress.decisions.fund.exposure import Exposures, exposures
from stress.decisions.fund.pieces import Arrays, in_pieces
from stress.decisions.fund.targets import at_target
from stress.errors import UserError
from stress.mc.estimators.sample import sample
from stress.mc.prices import block_ends


def by_default(desk: Desk, bare: Mapping[str, Any], targets: Sequence[float], settings: CoverConfig) -> dict[str, Any]:
    """Needs by k: over moves of all markets at once, and the quantiles over simulated moves, with intervals."""
    counts, moves = sorted(set(settings.accounts)), sorted(set(settings.moves))
    facts = {"accounts": counts, "hours": settings.hours, "depth_share": settings.depth_share}
    book = desk.base.book
    if desk.config.protocol.contract == "inverse" or book.coins is not None or book.gain_weight is not None:
        return facts | {"reason": "it is there for linear contracts, collateral in USD and gains that count whole"}
    try:
        study = desk.study({**bare, "run.horizon_hours": settings.hours})
    except UserError as error:
        return facts | {"reason": str(error)}
    share, folder = settings.depth_share, desk.folder / "cover"
    grid = exposures(study, study.prices0 * (1 + np.array(moves)[:, None]), counts, share, folder / "moves")
    prices = simulated_prices(study, settings.paths, folder / "prices")
    drawn = exposures(study, prices, counts, share, folder / "simulated")
    confidence = study.plan.confidence
    return facts | {
        "reason": None, "scenarios": len(drawn.need),
        "moves": [_move(study, grid, row, move) for row, move in enumerate(moves)],
        "required": [{"accounts": k} | at_target(sample(drawn.need[:, i]), target, confidence)
                     for i, k in enumerate(counts) for target in targets],
        "everybody": [at_target(sample(drawn.everybody), target, confidence) for target in targets],
    }


def _move(study: Study, grid: Exposures, row: int, move: float) -> dict[str, Any]:
    """What a move takes, and who would owe most."""
    who = [{"account": study.book.owners[owner], "owes": float(owes)}
           for owner, owes in zip(grid.who[row], grid.owes[row], strict=True) if owes > 0]
    return {"move": move, "need": grid.need[row].tolist(), "everybody": float(grid.everybody[row]), "who": who}


def simulated_prices(study: Study, most: int, folder: Path) -> np.ndarray:
    """Fundamental prices [S, A] in USD at the horizon, of the first paths of the study, at most so many.

    They are kept in ``folder``.
    """
    plan, ends = study.plan, jax.jit(block_ends)
    wanted = min(plan.paths, most)

    def piece(block: int) -> Arrays:
        return {"last": np.asarray(ends(plan.job, np.uint32(block))[0])}

    last = in_pieces(piece, -(-wanted // plan.job.block_paths), folder, study.config.run.chunk_seconds)["last"]
    return study.prices0 * np.exp(last[:wanted])
