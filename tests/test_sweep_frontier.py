"""Sweeps with several objectives: what a job returns, which jobs no other is better than, and Optuna on top."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import yaml
from fixtures_report import fabricate_sweep
from omegaconf import OmegaConf

from stress.cli.compose import load
from stress.cli.earlier import KEPT
from stress.cli.launchers import PLUGINS, installed
from stress.cli.main import OK, main
from stress.cli.sweep import objectives
from stress.errors import UserError
from stress.report import write_sweep_report
from stress.report.sweep_frontier import frontier_of, not_dominated
from stress.report.sweep_load import load_sweep

pytestmark = pytest.mark.usefixtures("compiled_soon")

METRIC, FUND = "depletion_probability", "protocol.insurance_fund"


# --- dominance ------------------------------------------------------------------------------------------------------
def test_rows_that_no_other_row_is_better_than() -> None:
    costs = np.array([[1.0, 4.0], [2.0, 2.0], [4.0, 1.0], [2.0, 3.0], [5.0, 5.0], [2.0, 2.0], [1.0, 5.0]])
    assert not_dominated(costs).tolist() == [True, True, True, False, False, True, False]
    assert not_dominated(costs[:, :1]).tolist() == [True, False, False, False, False, False, True]
    assert not_dominated(costs * [1, -1]).tolist() == [False] * 6 + [True]  # as little as any, and more


def test_dominance_is_that_of_the_definition() -> None:
    costs = np.random.default_rng(3).integers(0, 6, (60, 3)).astype(float)
    for row, kept in zip(costs, not_dominated(costs), strict=True):
        worse = any(all(o <= c for o, c in zip(other, row, strict=True)) and any(other < row) for other in costs)
        assert kept == (not worse)


def frontier_folder(folder: Path, directions: list[str] | None, funds: tuple[float, ...]) -> Path:
    """A sweep whose jobs deplete less and less, with funds of these sizes."""
    fabricate_sweep(folder, [[f"{FUND}={fund}"] for fund in funds], failed=(1,))
    for number, fund in enumerate(funds):
        config = {"sweep": {"objectives": [METRIC, FUND], "directions": directions},
                  "protocol": {"insurance_fund": fund}}
        (folder / str(number) / ".hydra" / "config.yaml").write_text(yaml.safe_dump(config))
        file = folder / str(number) / "summary.json"
        if file.exists():
            summary = json.loads(file.read_text())
            summary["metrics"][METRIC] |= {"estimate": 0.5 - 0.1 * number, "low": 0.0, "high": 0.6}
            file.write_text(json.dumps(summary))
    return folder


def test_the_page_marks_the_frontier(tmp_path: Path) -> None:
    folder = frontier_folder(tmp_path, None, (1e5, 2e5, 3e5, 9e5, 5e5))
    found = frontier_of(load_sweep(folder))
    assert found is not None
    assert found.best == [4, 2, 0]  # job 3 costs more than job 4 and depletes more; job 1 failed
    page = write_sweep_report(folder).read_text()
    assert "Objectives against each other" in page
    assert page.count("<small>frontier</small>") == 3
    assert (folder / "figures" / "sweep_frontier.png").stat().st_size > 10_000


def test_directions_turn_the_frontier(tmp_path: Path) -> None:
    found = frontier_of(load_sweep(frontier_folder(tmp_path, ["minimize", "maximize"], (1e5, 2e5, 3e5, 9e5, 5e5))))
    assert found is not None
    assert found.best == [4, 3]


def test_one_objective_has_no_frontier(tmp_path: Path) -> None:
    folder = fabricate_sweep(tmp_path, [["a=1"], ["a=2"]])
    assert frontier_of(load_sweep(folder)) is None
    assert "Objectives against" not in write_sweep_report(folder).read_text()


# --- what a job returns ---------------------------------------------------------------------------------------------
def test_objectives_of_a_job() -> None:
    composed = OmegaConf.create({"sweep": {"objectives": [METRIC, FUND]}, "protocol": {"insurance_fund": 7.0}})
    assert objectives(composed, {METRIC: {"estimate": 0.25}}) == [0.25, 7.0]
    first, second = objectives(composed, {})  # type: ignore[misc]
    assert math.isnan(first) and math.isnan(second), "a job that failed is no cheap one"
    composed.sweep.objectives = ["bad_debt"]
    assert objectives(composed, {"bad_debt": {"estimate": 3.0}}) == 3.0
    assert math.isnan(objectives(composed, {"bad_debt": {"estimate": None}}))  # type: ignore[arg-type]


@pytest.mark.parametrize(("words", "said"), [
    (["sweep.objectives=[]"], "sweep.objectives"), (["sweep.objectives=[bad_dept]"], "bad_dept"),
    (["sweep.objectives=[protocol.adl.policy]"], "one number"),
    (["sweep.directions=[minimize,minimize]"], "sweep.directions"), (["sweep.directions=[up]"], "minimize, maximize"),
])
def test_objectives_that_cannot_be(words: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        load(words)


# --- Optuna ---------------------------------------------------------------------------------------------------------
@pytest.mark.skipif(not installed(PLUGINS["hydra/sweeper"]["optuna"][0]),
                    reason="hydra_optuna_sweeper is not installed (extra optuna)")
@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["tpe", "nsgaii"])
def test_optuna_searches_two_objectives(sampler: str, tmp_path: Path) -> None:
    words = ["-m", "hydra/sweeper=optuna", f"hydra/sweeper/sampler={sampler}", "hydra.sweeper.n_trials=4",
             f"{FUND}=interval(1e3,1e6)", f"sweep.objectives=[{METRIC},{FUND}]", f"hydra.sweep.dir={tmp_path}",
             "price=gbm", "price.volatility=6", "run.paths=256", "run.horizon_hours=0.5", "book.accounts=100",
             "run.twin=false", "run.fund_curve=false", "report.enabled=false", "run.progress=false"]
    assert main(words) == OK
    solutions = yaml.safe_load((tmp_path / "optimization_results.yaml").read_text())["solutions"]
    found = frontier_of(load_sweep(tmp_path))
    assert found is not None
    depletion, funds = (objective.values for objective in found.objectives)
    ours = sorted((depletion[job]["estimate"], funds[job]["estimate"]) for job in found.best)
    assert ours == sorted(tuple(solution["values"]) for solution in solutions)
    assert main(words) == OK, "given again it asks for the same jobs"
    assert {json.loads(file.read_text())["note"] for file in tmp_path.glob("*/job.json")} == {KEPT}
