"""Jobs of a sweep that are simulated together, before the first of them runs (``stress.mc.grid``).

Every job then finds its blocks in its folder, as a killed run does, and has only to finish: join, estimate, write.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stress.cli.compose import settle
from stress.cli.earlier import Earlier, earlier
from stress.cli.jobs import write_config
from stress.cli.once import jobs_ahead
from stress.cli.runtime import configure_jax
from stress.cli.show import complain
from stress.config.schema import Config
from stress.errors import UserError
from stress.files import write_json

GRID_FILE = "grid.json"


@dataclass
class Ahead:
    """What was done for the jobs of a sweep before they run, by their numbers."""

    studies: dict[int, Any] = field(default_factory=dict)  # of the jobs that could be built
    alone: dict[int, str] = field(default_factory=dict)  # why a job was not simulated together with others
    settled: dict[int, Config] = field(default_factory=dict)  # of jobs whose configuration is written already
    jobs: int = 0  # of the sweep
    earlier: dict[int, Earlier | None] = field(default_factory=dict)  # what there was of those that could be built


def simulate_jobs(composed: Any, overrides: list[str], number: int, folder: Path, root: Path | None) -> Ahead:
    """Simulate the jobs of a sweep that go together, at its first job ``number``, of these ``overrides``.

    ``folder`` is the job's, ``root`` the sweep's, None where another process started it.

    Whatever is wrong with a job is for the job itself to say.
    """
    jobs = jobs_ahead(composed)
    if jobs is None or root is None or number != 0:
        return Ahead(alone={number: "its launcher starts jobs one by one, or two jobs of the sweep are the same"})
    others = dict(enumerate(jobs[1:], start=1))
    ahead, folders = Ahead(jobs=len(jobs)), {0: folder} | {n: root / _subfolder(job, n) for n, job in others.items()}
    containers = {0: _build(ahead, 0, composed, overrides)}
    containers |= {n: _build(ahead, n, job, list(job.hydra.overrides.task)) for n, job in others.items()}
    for n, study in ahead.studies.items():
        ahead.earlier[n] = earlier(folders[n], study.config)
        if study.config.run.variants == "separate":
            ahead.alone[n] = "run.variants=separate"
        elif (container := containers[n]) is not None:
            write_config(container, folders[n])  # so that a killed sweep's jobs can be finished one by one
            ahead.settled[n] = study.config
    try:
        _simulate(ahead, folders, root)
    except KeyboardInterrupt:
        complain(f"The jobs were being simulated together. The same command with hydra.sweep.dir={root} goes on.")
        raise
    return ahead


def _subfolder(job: Any, number: int) -> str:
    """Where Hydra puts a job, in the folder of its sweep."""
    from omegaconf import open_dict

    with open_dict(job):
        job.hydra.job.id = job.hydra.job.num = number
    return str(job.hydra.sweep.subdir)


def _build(ahead: Ahead, number: int, job: Any, overrides: list[str]) -> dict[str, Any] | None:
    """Note the study of a job, but of one that cannot be, or simulates nothing; returns its configuration."""
    from stress.build.study import build_study

    try:
        config, container = settle(job, overrides)
        configure_jax(config.run, debug=config.debug)
        if config.book.export is not None:
            return None
        ahead.studies[number] = build_study(config)
    except Exception:  # the job will raise it again, and be noted as failed
        return None
    return container


def _simulate(ahead: Ahead, folders: dict[int, Path], root: Path) -> None:
    from stress.mc.grid.run import Setting
    from stress.mc.grid.together import simulate_together
    from stress.session import open_manifest

    studies = ahead.studies
    todo = [n for n in studies if n not in ahead.alone and not _kept(ahead.earlier[n])]
    if len(todo) < 2:
        return
    settings = [Setting(studies[n].plan, folders[n]) for n in todo]
    run = studies[todo[0]].config.run
    found = simulate_together(settings, run.devices, progress=run.progress,
                              opened=lambda n: open_manifest(studies[todo[n]], folders[todo[n]], ()))
    ahead.alone |= {todo[n]: reason for n, reason in found.alone.items()}
    together = [{"jobs": [todo[n] for n in group], "rows": counted.rows, "simulated": counted.simulated}
                for group, counted in found.groups]
    alone = {str(n): reason for n, reason in sorted(ahead.alone.items())}
    write_json(root / GRID_FILE, {"together": together, "alone": alone})


def _kept(found: Earlier | None) -> bool:
    return found is not None and found.keep


def insist(config: Config, reason: str | None) -> None:
    """Raise UserError where a job is to be simulated together with others, and cannot be."""
    if config.run.variants == "grid" and reason is not None:
        raise UserError(f"run.variants: got 'grid', but this job cannot be simulated together with others: {reason}. "
                        "Set run.variants=auto, and it is simulated by itself.")
