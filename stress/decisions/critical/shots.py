"""Shocks fired at a venue: one simulated path a shock, on the book, the venue and the engine of the configuration."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from stress.build.price import Market
from stress.build.study import Study, assemble
from stress.config.decide.critical import CriticalConfig
from stress.config.parse import parse
from stress.decisions.desk import Desk, changed
from stress.errors import UserError
from stress.files import write_json
from stress.mc.noise import TILE
from stress.mc.program import compile_program, pick_workers
from stress.mc.replay import Watch, replay
from stress.mc.run import Columns, drop_chunks, join, simulate
from stress.mc.scenarios import scenarios
from stress.window import ticks_in

ROOM = 8 * TILE
"""Shocks of one simulation."""
OF_PRICES = ("gap", "volatility_step", "correlation_one")
"""Kinds of configured shocks that would be mistaken for those looked for."""
QUIET = {"run.twin": True, "run.fund_curve": True, "run.fairness": False, "run.block_paths": TILE,
         "protocol.funding.premium_process": None}
"""What every shot needs: both companions, and nothing random."""


@dataclass(frozen=True)
class Shots:
    """Sudden moves, each with a loss of depth. Axes: ``S`` shots, ``A`` markets."""

    move: np.ndarray  # [S, A] relative, above -1
    depth_loss: np.ndarray  # [S] share of the depth of all books that is gone from the shock on

    def __len__(self) -> int:
        return len(self.depth_loss)

    def part(self, rows: slice) -> Shots:
        """Some of them."""
        return Shots(self.move[rows], self.depth_loss[rows])

    @property
    def name(self) -> str:
        """The same for the same shots."""
        data = np.ascontiguousarray(np.column_stack([self.move, self.depth_loss]), float).tobytes()
        return hashlib.sha256(data).hexdigest()[:16]


def joined(parts: list[Shots]) -> Shots:
    """All of them, in order."""
    return Shots(np.concatenate([p.move for p in parts]), np.concatenate([p.depth_loss for p in parts]))


class Gun:
    """Fires shots at the venue of a desk's configuration, into ``shots/`` of its folder, each batch once.

    Raises UserError for configured shocks to prices.
    """

    def __init__(self, desk: Desk, settings: CriticalConfig) -> None:
        self.desk, self.settings = desk, settings
        wrong = [name for name, shock in desk.config.shocks.items() if shock.kind in OF_PRICES]
        if wrong:
            kind = desk.config.shocks[wrong[0]].kind
            raise UserError(f"shocks.{wrong[0]}: kind={kind} moves prices, and the command critical looks for the move "
                            "itself. Leave it out; shocks to depth, oracle, collateral and venue may stay.")

    @property
    def base(self) -> Study:
        """The configuration as it stands."""
        return self.desk.base

    @property
    def steps(self) -> int:
        """Ticks of a shot: the shock, then quiet."""
        return 1 + ticks_in(self.settings.quiet_minutes / 60.0, self.base.market.step_seconds)

    @cached_property
    def _config(self) -> Any:
        return parse(changed(self.desk.container, QUIET))

    def study(self, shots: Shots) -> Study:
        """The study whose path p is shot p."""
        base, seed = self.base, self._config.run.seed
        model = scenarios(seed, np.log1p(shots.move), 1.0 - shots.depth_loss, ROOM)
        market = Market(model, base.market.prices, self.steps, base.market.step_seconds, base.market.files)
        config = dataclasses.replace(self._config, run=dataclasses.replace(self._config.run, paths=len(shots)))
        return assemble(config, market, base.book, base.margin, base.initial)

    def fire(self, shots: Shots) -> dict[str, np.ndarray]:
        """Outcome columns [S] as in ``paths.parquet``."""
        starts = range(0, len(shots), ROOM)
        parts = [self._columns(shots.part(slice(start, start + ROOM))) for start in starts]
        return {name: np.concatenate([np.asarray(part[name]) for part in parts]) for name in parts[0]}

    def _columns(self, shots: Shots) -> Columns:
        folder = self.desk.folder / "shots" / shots.name
        about = folder / "shots.json"
        if not about.is_file():
            self._simulate(shots, folder)
            write_json(about, {"move": shots.move.tolist(), "depth_loss": shots.depth_loss.tolist()})
        return Columns(folder / "paths.parquet")

    def _simulate(self, shots: Shots, folder: Path) -> None:
        study = self.study(shots)
        plan, run = study.plan, study.config.run
        program = compile_program(plan.job, pick_workers(run.devices, plan.blocks, plan.job.state_bytes))
        folder.mkdir(parents=True, exist_ok=True)
        simulate(plan, program, folder, progress=run.progress)
        join(plan, folder)
        drop_chunks(folder)

    def replay(self, shot: Shots, watch: Watch) -> dict[str, Any]:
        """The ledger of the first shot, every round shown to ``watch``."""
        plan = self.study(shot).plan
        return replay(plan.job, self.base.book, plan.fund, plan.step_seconds, watch)
