"""One job of a command: from a validated configuration to a finished folder."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from stress.cli.compose import settle
from stress.cli.runtime import configure_jax
from stress.config.schema import Config
from stress.decisions.names import DECISIONS
from stress.errors import UserError
from stress.files import held, read_json, write_bytes, write_json, write_yaml

CONFIG_FILE = Path(".hydra") / "config.yaml"
"""The resolved configuration inside a run folder."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C while ``folder`` was being filled."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder


@dataclass(frozen=True)
class Finished:
    """What a job left behind."""

    folder: Path
    summary: dict[str, Any] = field(default_factory=dict)  # empty unless a run was simulated
    verdicts: list[Any] = field(default_factory=list)  # of stress.mc.limits, one for each limit that is set
    lines: list[str] = field(default_factory=list)  # what there is to say, where no table says it
    answers: list[str] = field(default_factory=list)  # of a decision, said before the lines

    @property
    def violated(self) -> bool:
        """Whether a limit is exceeded with confidence."""
        return any(verdict.outcome == "violated" for verdict in self.verdicts)


def perform(
    command: str, composed: Any, run: Callable[[Config, Path], Finished] | None = None, settled: Config | None = None
) -> Finished:
    """The job of ``command`` in the folder that Hydra made for it; ``run`` instead of :func:`run_job`.

    ``settled`` is what ``composed`` comes to, where that is known and in the folder already; it is for runs alone.
    """
    from hydra.core.hydra_config import HydraConfig

    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    if settled is not None and run is not None:
        write_record(HydraConfig.instance().cfg, folder)
        return run(settled, folder)
    with keeping_config(folder):
        write_record(HydraConfig.instance().cfg, folder)
        config, container = settle(composed, list(hydra.overrides.task))
        write_config(container, folder)
        if command in DECISIONS:
            return decide_job(command, config, container, folder)
        job = {"run": run or run_job, "calibrate": calibrate_job, "replay": replay_job}[command]
        return job(config, folder)


@contextlib.contextmanager
def keeping_config(folder: Path) -> Iterator[None]:
    """Put the configuration of the work in ``folder`` back if a command for it is refused, so that it can go on."""
    there = {file: file.read_bytes() for file in (folder / CONFIG_FILE.parent).glob("*.yaml")}
    try:
        yield
    except UserError:
        for file, data in there.items():
            write_bytes(file, data)
        raise


def write_record(hydra: Any, folder: Path) -> None:
    """Write Hydra's own settings and the overrides, as Hydra does where ``hydra.output_subdir`` is set, but faster."""
    from omegaconf import OmegaConf

    container: Any = OmegaConf.to_container(hydra, resolve=False, enum_to_str=True)
    write_yaml((folder / CONFIG_FILE).with_name("hydra.yaml"), container)
    write_yaml((folder / CONFIG_FILE).with_name("overrides.yaml"), container["hydra"]["overrides"]["task"])


def write_config(container: Mapping[str, Any], folder: Path) -> None:
    """Write the resolved configuration of a run."""
    write_yaml(folder / CONFIG_FILE, dict(container))


def stored_config(folder: Path) -> dict[str, Any]:
    """The resolved configuration that a folder was filled with."""
    from omegaconf import OmegaConf

    return OmegaConf.to_container(OmegaConf.load(folder / CONFIG_FILE))  # type: ignore[return-value]


def run_job(
    config: Config, folder: Path, *, report: bool = True, study: Any = None
) -> Finished:
    """Simulate ``config`` into ``folder`` (or what a killed run left to do there) and write its report.

    ``study`` spares building it.

    Raises UserError for what only building finds out, Interrupted on Ctrl-C, and RuntimeError when the folder is
    not complete afterwards.
    """
    configure_jax(config.run, debug=config.debug)
    from stress.build.study import build_study
    from stress.cli.show import announce
    from stress.mc.processes import join_processes
    from stress.session import execute

    try:
        join_processes(config.run.coordinator, config.run.processes, config.run.process)
        study = study or build_study(config)
        if config.book.export is not None:
            return _export(study, Path(config.book.export), folder)
        if config.run.process > 0:
            return _assist(study, folder)
        announce(study)
        with held(folder):
            summary = execute(study, folder, progress=config.run.progress)
        return _finish(folder, summary, report and config.report.enabled)
    except KeyboardInterrupt:
        raise Interrupted(folder) from None


def _assist(study: Any, folder: Path) -> Finished:
    """The share of a process other than 0, of whose own folder nothing is left but what others put there."""
    from stress.session import assist

    assist(study)
    shutil.rmtree(folder / CONFIG_FILE.parent, ignore_errors=True)
    with contextlib.suppress(OSError):  # not empty
        folder.rmdir()
    run = study.config.run
    return Finished(folder, lines=[f"Process {run.process} of {run.processes} is done; the run is with process 0."])


def resume_job(config: Config, folder: Path) -> Finished:
    """Finish the run or decision in ``folder``; of one that is complete only the report, if it is missing."""
    if (folder / "decision.json").is_file():
        return decide_job(read_json(folder / "decision.json")["decision"], config, stored_config(folder), folder)
    if not read_json(folder / "manifest.json").get("complete"):
        return run_job(config, folder)
    summary = read_json(folder / "summary.json")
    return _finish(folder, summary, config.report.enabled and not (folder / "report.html").exists())


def keep_job(config: Config, folder: Path, *, report: bool = True) -> Finished:
    """A finished run as it is, judged by the limits of now; its report again if the verdicts changed.

    One that is missing is written if a ``report`` is wanted.

    Raises RuntimeError when the folder is not complete.
    """
    from stress.mc.limits import judge

    summary = read_json(folder / "summary.json")
    limits = [asdict(verdict) for verdict in judge(config.limits, summary["metrics"])]
    changed = limits != summary["limits"]
    if changed:
        summary["limits"] = limits
        write_json(folder / "summary.json", summary)
    again = changed if (folder / "report.html").exists() else report
    return _finish(folder, summary, config.report.enabled and again)


def decide_job(command: str, config: Config, container: Mapping[str, Any], folder: Path) -> Finished:
    """Answer the question of ``command``: ``decision.json`` and its page; what is simulated already is taken as it is.

    ``config`` is what ``container`` parses to, but for what changes no answer. Raises as :func:`run_job`.
    """
    configure_jax(config.run, debug=config.debug)
    from stress.decisions.answer import answer
    from stress.report.decisions import lines, report_and_lines

    try:
        answer(command, config, container, folder)
    except KeyboardInterrupt:
        raise Interrupted(folder) from None
    data = f"Data: {folder / 'decision.json'}"
    if not config.report.enabled:
        return Finished(folder, answers=lines(folder), lines=[data])
    report, answers = report_and_lines(folder)
    return Finished(folder, answers=answers, lines=[f"Report: {report}", data])


def calibrate_job(config: Config, folder: Path) -> Finished:
    """Fit a price model, depth and funding, as asked for, and write them as presets, with a page on each fit."""
    configure_jax(config.run, debug=config.debug)
    from stress.calibrate.run import calibrate_surroundings, check_surroundings, fitted_price, wanted
    from stress.price.calibrate import calibrate
    from stress.report import write_calibration_report, write_surroundings_reports

    lines, pages, presets, preset = [], [], [], None
    check_surroundings(config)
    if config.calibrate.price:
        presets = calibrate(config, folder, lambda line: print(line, flush=True))
        preset = next((file for file in presets if file.stem.startswith("regime")), presets[0])
        several = config.calibrate.models is not None
        lines += [f"Presets: {', '.join(map(str, presets))}" if several else f"Preset: {preset}",
                  f"Use {'one of them' if several else 'it'} with price={preset.stem}."]
    if wanted(config) or preset is None:
        lines += calibrate_surroundings(config, folder, fitted_price(config, preset), preset).lines
    if config.report.enabled:
        pages += [write_calibration_report(folder)] if presets else []
        pages += write_surroundings_reports(folder)
    return Finished(folder, lines=[*lines, *(f"Report: {page}" for page in pages)])


def replay_job(config: Config, folder: Path) -> Finished:
    """Push the given path through the venue; ``ledger.json`` in ``folder``."""
    from stress.cli.show import ledger_lines

    ledger = replay_ledger(config)
    file = write_json(folder / "ledger.json", ledger)
    return Finished(folder, lines=[*ledger_lines(ledger), f"Ledger: {file}"])


def replay_ledger(config: Config) -> dict[str, Any]:
    """The full ledger of the one path of ``price=replay``."""
    configure_jax(config.run, debug=config.debug)
    if config.price.model != "replay":
        raise UserError("replay: needs a given path. Use price=replay price.path=FILE.")
    from stress.build.study import build_study
    from stress.session import replay

    return replay(build_study(config))


def with_replay_model(overrides: list[str]) -> list[str]:
    """``overrides`` of the replay command, for which price=replay goes without saying."""
    chosen = any(override.lstrip("+").startswith("price=") for override in overrides)
    return overrides if chosen else ["price=replay", *overrides]


def with_all_models(overrides: list[str]) -> list[str]:
    """``overrides`` of the calibrate command, for which price=all stands for every model."""
    return ["calibrate.models=[all]" if override == "price=all" else override for override in overrides]


def _export(study: Any, target: Path, folder: Path) -> Finished:
    from stress.book.export import export_book

    files = export_book(study.book, target)
    return Finished(folder, lines=["Book written: " + ", ".join(str(file) for file in files)])


def _finish(folder: Path, summary: dict[str, Any], report: bool) -> Finished:
    """The report, the verdicts, and the check that nothing is missing."""
    from stress.mc.limits import Verdict

    if report:
        summary = _report(folder, summary)
    _require_complete(folder, report)
    return Finished(folder, summary, [Verdict(**verdict) for verdict in summary["limits"]])


def _report(folder: Path, summary: dict[str, Any]) -> dict[str, Any]:
    """Write the report and enter the time it took into summary.json."""
    from stress.report import write_report

    started = time.perf_counter()
    write_report(folder)
    summary = {**summary, "timings": {**summary["timings"], "report_seconds": time.perf_counter() - started}}
    write_json(folder / "summary.json", summary)
    return summary


def _require_complete(folder: Path, reported: bool) -> None:
    names = ["summary.json", "paths.parquet", "manifest.json", *(["report.html"] if reported else [])]
    missing = [name for name in names if not (folder / name).exists()]
    if missing or not read_json(folder / "manifest.json").get("complete"):
        raise RuntimeError(f"{folder} is not complete" + (f": no {', '.join(missing)}" if missing else ""))
