"""Sweeps: each job leaves its own verdict on disk, and the sweep's report and exit status are made from those.

A launcher may run the jobs in other processes or on other machines, and Hydra calls ``on_multirun_end`` only if no
job raised; so jobs never raise, and nothing is passed in memory.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback

from stress.cli.compose import as_typed
from stress.cli.grid import Ahead, insist, simulate_jobs
from stress.cli.jobs import Finished, perform, run_job
from stress.cli.once import compose_once
from stress.cli.show import complain, job_line
from stress.config.schema import Config
from stress.errors import UserError
from stress.files import read_json, write_json

JOB_FILE = "job.json"
OK, FAILED, LIMIT = "ok", "failed", "limit"


def sweep_job(composed: Any) -> float:
    """One job of a sweep: leaves its verdict in its folder; the objective is the depletion probability (NaN: none)."""
    hydra = HydraConfig.get()
    folder, number = Path(hydra.runtime.output_dir), int(hydra.job.num)
    overrides = as_typed(list(hydra.overrides.task))
    try:
        ahead = _ahead(composed, list(hydra.overrides.task), number, folder)
        finished = perform("run", composed, lambda config, folder: _run(ahead, number, config, folder))
    except Exception as error:
        text = str(error) if isinstance(error, UserError) else traceback.format_exc()
        complain(f"job {number}  {' '.join(overrides)}  failed: {text}")
        write_verdict(folder, FAILED, overrides, text)
        return float("nan")
    write_verdict(folder, LIMIT if finished.violated else OK, overrides)
    print(job_line(number, overrides, finished), flush=True)
    estimate = finished.summary.get("metrics", {}).get("depletion_probability", {}).get("estimate")
    return float("nan") if estimate is None else float(estimate)


def _ahead(composed: Any, overrides: list[str], number: int, folder: Path) -> Ahead:
    """What was simulated together for the jobs of this sweep, at its first job."""
    if SweepReport.ahead is None:
        SweepReport.ahead = simulate_jobs(composed, overrides, number, folder, SweepReport.folder)
    return SweepReport.ahead


def _run(ahead: Ahead, number: int, config: Config, folder: Path) -> Finished:
    """One job, which may be simulated already; then its own report is written only if it is asked for."""
    insist(config, ahead.alone.get(number))
    report = number in ahead.alone or config.report.jobs or number not in ahead.studies
    return run_job(config, folder, report=report, study=ahead.studies.pop(number, None), keep=True)


class SweepReport(Callback):
    """Hydra callback: remembers where the sweep is, and writes its report when it ends; jobs are composed once."""

    folder: Path | None = None
    """Folder of the sweep that this process runs."""

    ahead: Ahead | None = None
    """Jobs that were simulated together."""

    problem: str | None = None
    """Why the report could not be written."""

    written: bool = False

    def on_multirun_start(self, config: Any, **_: Any) -> None:
        """Note the folder."""
        compose_once(config)
        SweepReport.folder = Path(str(config.hydra.sweep.dir)).absolute()
        SweepReport.problem, SweepReport.written, SweepReport.ahead = None, False, None

    def on_multirun_end(self, config: Any, **_: Any) -> None:
        """Write the report of the sweep."""
        del config
        finish_sweep()


def finish_sweep() -> None:
    """Write the report of the sweep of this process, once; a failure is noted, not raised (Hydra would hide it)."""
    if SweepReport.folder is None or SweepReport.written:
        return
    try:
        from stress.decisions.compare import compare_sweep
        from stress.report import write_sweep_report

        compare_sweep(SweepReport.folder)
        write_sweep_report(SweepReport.folder)
        SweepReport.written = True
    except Exception as error:
        SweepReport.problem = f"{type(error).__name__}: {error}\n{traceback.format_exc()}"


def write_verdict(folder: Path, status: str, overrides: list[str], error: str | None = None) -> None:
    """Leave the verdict on one job in its folder."""
    write_json(folder / JOB_FILE, {"status": status, "error": error, "overrides": overrides})


def exit_status(folder: Path) -> int:
    """Of a sweep: 1 if a job failed or never ended, else 3 if a limit was violated, else 0."""
    jobs = [record.parent for record in folder.rglob(".hydra")]
    verdicts = [read_json(job / JOB_FILE)["status"] if (job / JOB_FILE).exists() else FAILED for job in jobs]
    if FAILED in verdicts or not verdicts:
        return 1
    return 3 if LIMIT in verdicts else 0
