"""The command line's work without a shell: the same overrides, the same numbers, as Python objects."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stress.cli.compose import load
from stress.cli.jobs import (
    decide_job,
    keeping_config,
    replay_ledger,
    resume_job,
    run_job,
    with_replay_model,
    write_config,
)
from stress.cli.messages import as_user_errors
from stress.cli.resume import load_resumed, resumed_folder
from stress.cli.runtime import configure_jax
from stress.config.schema import Config
from stress.decisions.names import DECISIONS
from stress.errors import UserError
from stress.files import read_json


@dataclass(frozen=True, eq=False)
class Result:
    """A finished run."""

    summary: dict[str, Any]
    """As in summary.json."""

    paths: dict[str, np.ndarray]
    """Outcome columns [P] as in paths.parquet; null is NaN."""

    folder: Path
    """The run folder; a temporary one goes when the result does."""


def run(overrides: Iterable[str] = (), *, output: str | Path | None = None) -> Result:
    """Simulate one configuration.

    ``overrides`` are Hydra's own strings (``"price=gbm"``, ``"run.paths=20000"``). ``output`` is the run folder, made
    if needed; without it the run goes to a temporary folder and no report is written. Raises UserError for bad input.
    """
    overrides = _strings(overrides)
    resumed = resumed_folder(overrides)
    if resumed is not None:
        with as_user_errors():
            config = load_resumed(resumed, overrides)
        return _result(resume_job(config, resumed).summary, resumed)
    with as_user_errors():
        config, container = load(overrides)
    if config.book.export is not None:
        raise UserError("book.export: stops before a simulation; use it on the command line.")
    if config.run.process > 0:
        raise UserError("run.process: only process 0 has results. Start the others on the command line.")
    folder = Path(tempfile.mkdtemp(prefix="perpstress-")) if output is None else Path(output)
    try:
        with keeping_config(folder):
            write_config(container, folder)
            result = _result(run_job(config, folder, report=output is not None).summary, folder)
    except BaseException:
        if output is None:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    if output is None:
        weakref.finalize(result, shutil.rmtree, folder, ignore_errors=True)
    return result


@dataclass(frozen=True)
class Decision:
    """The answer to a question."""

    found: dict[str, Any]
    """As under ``found`` in decision.json."""

    in_short: list[str]
    """The answers as sentences."""

    folder: Path
    """Has decision.json and what was simulated; its report if an output was named."""


def decide(question: str, overrides: Iterable[str] = (), *, output: str | Path | None = None) -> Decision:
    """Answer a question, a command such as ``"fund"``, about one configuration.

    ``overrides`` and ``output`` as in :func:`run`; a temporary folder goes when the process ends. Raises UserError
    for bad input.
    """
    if question not in DECISIONS:
        raise UserError(f"{question}: no such question. Questions: {', '.join(DECISIONS)}.")
    with as_user_errors():
        config, container = load(_strings(overrides))
    folder = Path(tempfile.mkdtemp(prefix="perpstress-")) if output is None else Path(output)
    if output is None:
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        config.report.enabled = container["report"]["enabled"] = False
    with keeping_config(folder):
        write_config(container, folder)
        finished = decide_job(question, config, container, folder)
    return Decision(read_json(folder / "decision.json")["found"], finished.answers, folder)


def simulate_prices(overrides: Iterable[str] = ()) -> np.ndarray:
    """Fundamental prices [P, T + 1, A] in USD of the configuration's market model, time zero first.

    Raises UserError for bad input.
    """
    config = _configured(_strings(overrides))
    from stress.build.study import build_study
    from stress.session import simulate_prices as simulate

    return simulate(build_study(config))


def replay(overrides: Iterable[str] = ()) -> dict[str, Any]:
    """The ledger of the path ``price.path`` pushed through the venue, as in ledger.json.

    Raises UserError for bad input.
    """
    return replay_ledger(_configured(with_replay_model(_strings(overrides))))


def _configured(overrides: list[str]) -> Config:
    with as_user_errors():
        config, _ = load(overrides)
    configure_jax(config.run, debug=config.debug)
    return config


def _strings(overrides: Iterable[str]) -> list[str]:
    if isinstance(overrides, str):
        raise UserError(f"overrides: got the text {overrides!r}, allowed is a list of texts. Write [{overrides!r}].")
    return [str(override) for override in overrides]


def _result(summary: dict[str, Any], folder: Path) -> Result:
    return Result(summary=summary, paths=_columns(folder / "paths.parquet"), folder=folder)


def _columns(file: Path) -> dict[str, np.ndarray]:
    import pyarrow.parquet as parquet

    table = parquet.read_table(file)
    return {name: table.column(name).to_numpy() for name in table.column_names}
