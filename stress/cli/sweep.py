"""Sweeps: each job leaves its own verdict on disk, and the sweep's report and exit status are made from those.

A launcher may run the jobs in other processes or on other machines, and Hydra calls ``on_multirun_end`` only if no
job raised; so jobs never raise, and nothing is passed in memory.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import OmegaConf, open_dict, read_write

from stress.cli.compose import as_typed, settle
from stress.cli.earlier import earlier
from stress.cli.grid import Ahead, insist, simulate_jobs
from stress.cli.jobs import CONFIG_FILE, Finished, keep_job, perform, run_job, write_config, write_record
from stress.cli.launchers import QUIET, jobs_at_a_time, kind, share_cores
from stress.cli.once import compose_once, whole
from stress.cli.show import complain, job_line
from stress.config.schema import Config
from stress.errors import UserError
from stress.files import read_json, write_json
from stress.mc.cores import memory_bytes, own_cores

JOB_FILE = "job.json"
FEW = 16
"""Jobs up to which each of those that were simulated together gets its own report: one takes two to three seconds."""
OK, FAILED, LIMIT = "ok", "failed", "limit"
STATES = {OK: "ok", LIMIT: "over a limit", FAILED: "failed"}


def sweep_job(composed: Any) -> float | list[float]:
    """One job of a sweep: leaves its verdict in its folder, returns its objectives (NaN: none)."""
    composed, hydra = whole(composed), HydraConfig.get()
    folder, number = Path(hydra.runtime.output_dir), int(hydra.job.num)
    overrides = as_typed(list(hydra.overrides.task))
    share_cores(hydra.launcher)
    try:
        finished, note = _finished(composed, number, folder)
    except Exception as error:
        text = str(error) if isinstance(error, UserError) else traceback.format_exc()
        complain(failed_line(number, overrides, text))
        write_verdict(folder, FAILED, overrides, error=text)
        return objectives(composed, {})
    write_verdict(folder, LIMIT if finished.violated else OK, overrides, note=note)
    print(job_line(number, overrides, finished.summary, finished.violated, note), flush=True)
    return objectives(composed, finished.summary.get("metrics", {}))


def _finished(composed: Any, number: int, folder: Path) -> tuple[Finished, str | None]:
    """The job's run, simulated or kept from an earlier start of the sweep; and which of the two, if there was one."""
    overrides = list(HydraConfig.get().overrides.task)
    (folder / JOB_FILE).unlink(missing_ok=True)
    new, ahead = not (folder / CONFIG_FILE).parent.is_dir(), _ahead(composed, overrides, number, folder)
    if number in ahead.earlier:
        found = ahead.earlier[number]
    else:  # by itself, or wrong: settling says so
        found = None if new else earlier(folder, settle(composed, overrides)[0])
    if found is None or not found.keep:
        config = ahead.settled.pop(number, None)
        finished = perform("run", composed, lambda config, folder: _run(ahead, number, config, folder), config)
        return finished, None if found is None else found.note
    write_record(HydraConfig.instance().cfg, folder)
    config, container = settle(composed, overrides)
    write_config(container, folder)
    return keep_job(config, folder, report=_reports(ahead, number, config)), found.note


def objectives(composed: Any, metrics: Mapping[str, Any]) -> float | list[float]:
    """What ``sweep.objectives`` come to; one of them as a number, NaN where there is no estimate."""
    numbers = []
    for name in composed.sweep.objectives:
        value = metrics[name]["estimate"] if name in metrics else OmegaConf.select(composed, name)
        numbers.append(float("nan") if value is None or not metrics else float(value))
    return numbers[0] if len(numbers) == 1 else numbers


def _ahead(composed: Any, overrides: list[str], number: int, folder: Path) -> Ahead:
    """What was simulated together for the jobs of this sweep, at its first job."""
    if SweepReport.ahead is None:
        SweepReport.ahead = simulate_jobs(composed, overrides, number, folder, SweepReport.folder)
    return SweepReport.ahead


def _run(ahead: Ahead, number: int, config: Config, folder: Path) -> Finished:
    """One job, which may be simulated already; then its own report is written only if it is asked for."""
    insist(config, ahead.alone.get(number))
    report = _reports(ahead, number, config)
    return run_job(config, folder, report=report, study=ahead.studies.pop(number, None))


def _reports(ahead: Ahead, number: int, config: Config) -> bool:
    """Whether a job gets its own report; of those simulated together only if there are few or it is asked for."""
    wanted = ahead.jobs <= FEW if config.report.jobs is None else config.report.jobs
    return number in ahead.alone or wanted or number not in ahead.studies


class SweepReport(Callback):
    """Hydra callback: remembers where the sweep is, and writes its report when it ends; jobs are composed once."""

    folder: Path | None = None
    """Folder of the sweep that this process runs."""

    launcher: str = ""
    """Class of the launcher."""

    ahead: Ahead | None = None
    """Jobs that were simulated together."""

    problem: str | None = None
    """Why the report could not be written."""

    written: bool = False

    def on_multirun_start(self, config: Any, **_: Any) -> None:
        """Note the folder, and give sweeper and launcher what they do not find by themselves."""
        compose_once(config)
        SweepReport.folder = Path(str(config.hydra.sweep.dir)).absolute()
        SweepReport.launcher = kind(config.hydra.launcher)
        SweepReport.problem, SweepReport.written, SweepReport.ahead = None, False, None
        with read_write(config), open_dict(config):
            _fit(config)

    def on_multirun_end(self, config: Any, **_: Any) -> None:
        """Write the report of the sweep."""
        del config
        finish_sweep()


def _fit(config: Any) -> None:
    """Jobs at a time where the launcher would start all at once; directions and seed of Optuna."""
    sweeper = config.hydra.sweeper
    jobs = jobs_at_a_time(config.hydra.launcher, own_cores(), memory_bytes())
    if kind(sweeper) == "BasicSweeper" and sweeper.max_batch_size is None:
        sweeper.max_batch_size = jobs
    if kind(sweeper) != "OptunaSweeper":
        return
    if sweeper.direction is None:
        directions = config.sweep.directions or ["minimize"] * len(config.sweep.objectives)
        sweeper.direction = list(directions)
    if sweeper.sampler.get("seed", 0) is None:  # a search given again asks for the same jobs, and keeps them
        sweeper.sampler.seed = int(config.run.seed)


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


def write_verdict(folder: Path, status: str, overrides: list[str], error: str | None = None,
                  note: str | None = None) -> None:
    """Leave the verdict on one job in its folder; ``note``: what became of an earlier start of it."""
    verdict = {"status": status, "error": error, "overrides": overrides}
    write_json(folder / JOB_FILE, verdict if note is None else {**verdict, "note": note})


def failed_line(number: int, overrides: list[str], error: str) -> str:
    """One line on a failed job."""
    return f"job {number}  {' '.join(overrides)}  failed: {error}"


def tell_jobs(folder: Path) -> None:
    """Say what became of the jobs, each of them where the launcher has not let them speak."""
    verdicts = {job: read_json(job / JOB_FILE) for job in job_folders(folder) if (job / JOB_FILE).is_file()}
    if SweepReport.launcher in QUIET:
        for job, verdict in verdicts.items():
            _tell_job(job, verdict)
        print(f"What the jobs printed: {folder / '.submitit'}")
    counts = Counter(verdict["status"] for verdict in verdicts.values())
    notes = Counter(str(verdict["note"]).partition(":")[0] for verdict in verdicts.values() if "note" in verdict)
    told = [*(f"{counts[s]} {name}" for s, name in STATES.items() if counts[s]),
            *(f"{number} {note}" for note, number in notes.items())]
    print(f"{len(verdicts)} job{'' if len(verdicts) == 1 else 's'}: {', '.join(told)}")


def _tell_job(job: Path, verdict: dict[str, Any]) -> None:
    number, overrides = int(job.name), verdict["overrides"]
    if verdict["status"] == FAILED:
        complain(failed_line(number, overrides, verdict["error"]))
    else:
        summary = read_json(job / "summary.json")
        print(job_line(number, overrides, summary, verdict["status"] == LIMIT, verdict.get("note")))


def job_folders(folder: Path) -> list[Path]:
    """Folders of the jobs of a sweep, in the order of their numbers."""
    found = {record.parent for name in (JOB_FILE, ".hydra") for record in folder.glob(f"*/{name}")}
    return sorted((job for job in found if job.name.isdecimal()), key=lambda job: int(job.name))


def exit_status(folder: Path) -> int:
    """Of a sweep: 1 if a job failed or never ended, else 3 if a limit was violated, else 0."""
    verdicts = [read_json(job / JOB_FILE)["status"] if (job / JOB_FILE).exists() else FAILED
                for job in job_folders(folder)]
    if FAILED in verdicts or not verdicts:
        return 1
    return 3 if LIMIT in verdicts else 0
