"""Price paths through this project: a case as overrides of the public configuration, whole blocks on all workers."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow
from pyarrow import parquet

from benchmarks.price_case import Ends, Exponentials, Normal, PriceCase
from stress.build.study import build_study
from stress.cli.compose import load
from stress.cli.runtime import configure_jax
from stress.mc.job import Job
from stress.mc.prices import block_ends
from stress.mc.program import COMPILER, pick_workers

NAMES = ("X", "Y", "Z")
MANY = 10**6
"""Paths of the plan; a run takes as many blocks of it as it is asked for."""


def overrides(case: PriceCase) -> list[str]:
    """The case on the command line."""
    names = NAMES[: case.markets]
    common = [
        f"price={'gbm' if case.name == 'regime' else case.name}",
        f"price.markets=[{','.join(names)}]",
        "price.initial_prices=1",
        f"price.drift={'null' if case.name == 'bootstrap' else 0}",
        *([] if case.name == "bootstrap" else [f"price.correlation={case.correlation if case.markets > 1 else 0.0}"]),
        "price.jump_duration_seconds=0",
        f"run.step_seconds={case.step_seconds}",
        f"run.horizon_hours={case.steps * case.step_seconds / 3600.0}",
        f"run.paths={MANY}",
        "book.accounts=10",
    ]
    return common + MODELS[case.name](case)


def _constant(case: PriceCase) -> list[str]:
    return [f"price.volatility={case.volatility}"]


def _jumps(case: PriceCase) -> list[str]:
    own, common = (case.kou, case.common_kou) if case.name == "kou" else (case.merton, case.common_merton)
    rates = {"intensity": case.intensity, "common_intensity": case.common_intensity if case.markets > 1 else 0.0}
    values = rates | _law(own, "") | _law(common, "common_")
    if isinstance(own, Normal):
        values["common_correlation"] = case.common_correlation
    return [f"price.jump.{name}={value}" for name, value in values.items()]


def _law(law: Normal | Exponentials, prefix: str) -> dict[str, float]:
    if isinstance(law, Normal):
        return {f"{prefix}mean": law.mean, f"{prefix}std": law.std}
    return {f"{prefix}up_probability": law.up, f"{prefix}eta_up": law.eta_up, f"{prefix}eta_down": law.eta_down}


def _heston(case: PriceCase) -> list[str]:
    names = ("kappa", "theta", "xi", "rho")
    return [*(f"price.variance.{name}={getattr(case, name)}" for name in names), "price.variance.v0=null"]


def _garch(case: PriceCase) -> list[str]:
    numbers = [f"price.variance.{name}={getattr(case, name)}" for name in ("alpha", "gamma", "beta", "nu")]
    bar = case.bar_steps * case.step_seconds
    return [
        *_constant(case),
        *numbers,
        f"price.variance.period_seconds={bar}",
        "price.variance.initial_volatility=null",
    ]


def _hawkes(case: PriceCase) -> list[str]:
    part = {"alpha": case.excitation, "beta": case.decay, "initial": "base"}
    part |= {"common_alpha": case.excitation if case.markets > 1 else 0.0, "common_beta": case.decay}
    return [*_constant(case), *_jumps(case), *(f"price.intensity.{name}={value}" for name, value in part.items())]


def _regime(case: PriceCase) -> list[str]:
    calm, wild = case.volatilities
    there, back = case.leave
    return [
        "price.volatility=null",
        f"price.regimes={{calm:{{volatility:{calm},depth_multiplier:1}},wild:{{volatility:{wild},depth_multiplier:1}}}}",
        f"price.transition_rates={{calm:{{wild:{there}}},wild:{{calm:{back}}}}}",
    ]


def write_history(case: PriceCase, folder: Path) -> None:
    """A file a market whose bars are the case's history, after one that makes their first open."""
    bar = np.timedelta64(round(case.bar_steps * case.step_seconds), "s")
    times = np.datetime64("2020-01-01T00:00:00", "us") + np.arange(case.history + 1) * bar
    for a, name in enumerate(NAMES[: case.markets]):
        opened = np.concatenate([[0.0], np.cumsum(case.bars.close[:, a])])
        columns = {"close": opened}
        for side in ("high", "low"):
            columns[side] = np.append(0.0, opened[:-1] + getattr(case.bars, side)[:, a])
        table = {"timestamp": pyarrow.array(times)} | {key: np.exp(value) for key, value in columns.items()}
        parquet.write_table(pyarrow.table(table), folder / f"{name}.parquet")


MODELS: dict[str, Callable[[PriceCase], list[str]]] = {
    "gbm": _constant,
    "merton": lambda case: _constant(case) + _jumps(case),
    "kou": lambda case: _constant(case) + _jumps(case),
    "heston": _heston,
    "bates": lambda case: _heston(case) + _jumps(case),
    "garch": _garch,
    "hawkes": _hawkes,
    "regime": _regime,
    "bootstrap": lambda _: [],  # it is all in files (:func:`make_job`)
}
"""Overrides of a model."""


def make_job(case: PriceCase) -> Job:
    """The job of a study of the case, JAX set up for it."""
    with tempfile.TemporaryDirectory() as folder:
        more = []
        if case.name == "bootstrap":
            write_history(case, Path(folder))
            hours = case.mean_block * case.bar_steps * case.step_seconds / 3600.0
            more = [f"data.path={folder}", f"price.bootstrap.mean_block_hours={hours!r}"]
        cfg = load([*overrides(case), *more])[0]
        configure_jax(cfg.run)
        return build_study(cfg).plan.job


def prepare(case: PriceCase, cores: int) -> tuple[Callable[[int, int], Ends], int]:
    """A function of a seed and a number of paths, and the paths of a block; compiled here."""
    job = make_job(case)
    workers = pick_workers(cores, MANY)
    given = jax.device_put((job, jnp.uint32(0)), workers[0])
    options = COMPILER if workers[0].platform == "cpu" else {}
    run = jax.jit(block_ends).lower(*given).compile(compiler_options=options)

    def block(number: int, job: Job) -> tuple[np.ndarray, np.ndarray]:
        return jax.device_get(run(*jax.device_put((job, np.uint32(number)), workers[number % len(workers)])))

    def ends(seed: int, paths: int) -> Ends:
        mine = jax.device_put(dataclasses.replace(job, seed=jnp.asarray(seed, jnp.uint32)), workers[0])
        with ThreadPoolExecutor(len(workers)) as pool:
            parts = list(pool.map(lambda number: block(number, mine), range(-(-paths // job.block_paths))))
        last, lowest = (np.concatenate(column) for column in zip(*parts, strict=True))
        return Ends(last, lowest)

    return ends, job.block_paths
