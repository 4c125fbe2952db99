"""The entry of ``python -m stress`` and ``perpstress``: from the words typed to an exit status.

Nothing heavy is imported up here: shell completion and ``--help`` must answer at once.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stress import __version__
from stress.cli.arguments import ON_FOLDERS, Arguments, read_arguments
from stress.cli.help import help_text
from stress.errors import UserError

OK, FAILED, BAD_INPUT, LIMIT_VIOLATED, INTERRUPTED = 0, 1, 2, 3, 130

INFORMATION = ("--cfg", "--info", "--hydra-help", "--shell-completion")
"""Flags with which Hydra shows something and nothing is run."""


class SweepInterrupted(KeyboardInterrupt):
    """Ctrl-C in a sweep that fills ``folder``; None: it had not begun."""

    def __init__(self, folder: Path | None) -> None:
        super().__init__()
        self.folder = folder


@dataclass
class Outcome:
    """What the job of this process came to; jobs never raise through Hydra, which would print its own traceback."""

    finished: Any = None
    error: Exception | None = None


def main(words: list[str] | None = None) -> int:
    """Run one command line (default: the program's own) and return its exit status."""
    words = list(sys.argv[1:] if words is None else words)
    try:
        return _dispatch(read_arguments(words))
    except KeyboardInterrupt as interrupt:
        return _interrupted(interrupt)
    except BrokenPipeError:  # the reader of our output went away, as in `perpstress --help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        return _failed(error, debug="debug=true" in words)


def _dispatch(arguments: Arguments) -> int:
    if "--help" in arguments.flags:
        print(help_text())
        return OK
    if "--version" in arguments.flags:
        print(f"perpstress {__version__}")
        return OK
    if arguments.command in ON_FOLDERS:
        return _on_folders(arguments)
    if any(flag in arguments.flags for flag in INFORMATION):
        return _information(arguments)
    from stress.cli.resume import resumed_folder

    folder = resumed_folder(arguments.overrides)
    return _run(arguments) if folder is None else _resume(arguments, folder)


def _on_folders(arguments: Arguments) -> int:
    from stress.cli.folders import compare_folders, report_folders

    if arguments.flags:
        raise UserError(f"{next(iter(arguments.flags))}: {arguments.command} takes folders only.")
    wrong = next((word for word in arguments.folders if "=" in word and not Path(word).is_dir()), None)
    if wrong is not None:
        raise UserError(f"{wrong}: {arguments.command} takes folders"
                        + (" and hydra.run.dir=FOLDER." if arguments.command == "compare" else " only."))
    folders = [Path(folder) for folder in arguments.folders]
    if arguments.command == "report":
        if arguments.overrides:
            raise UserError(f"{arguments.overrides[0]}: report takes folders only.")
        report_folders(folders)
    else:
        compare_folders(folders, arguments.overrides[-1].partition("=")[2] if arguments.overrides else None)
    return OK


def _information(arguments: Arguments) -> int:
    """Let Hydra show its configuration, its help, or complete a word."""
    from stress.cli.completion import completing

    with completing(arguments):
        _hydra(arguments, lambda _: None)
    return OK


def _resume(arguments: Arguments, folder: Path) -> int:
    from stress.cli.jobs import resume_job
    from stress.cli.resume import load_resumed
    from stress.cli.show import show

    if arguments.command != "run" or arguments.flags:
        raise UserError("run.resume: finishes one run; it goes with no other command and no flag.")
    finished = resume_job(load_resumed(folder, arguments.overrides), folder)
    show(finished)
    return LIMIT_VIOLATED if finished.violated else OK


def _run(arguments: Arguments) -> int:
    """One job through Hydra, or a sweep of them."""
    from stress.cli.compose import check_ahead, preset_folders
    from stress.cli.jobs import with_all_models, with_replay_model
    from stress.cli.venues import one_book
    from stress.config.margin import VENUES

    if arguments.command == "replay":
        arguments.overrides = with_replay_model(arguments.overrides)
    if arguments.command == "calibrate":
        arguments.overrides = with_all_models(arguments.overrides)
    added = None
    if arguments.command == "run":
        added = one_book(arguments.overrides, preset_folders(arguments.flags.get("--config-dir")))
        arguments.overrides += [added] if added else []
    sweeping = check_ahead(arguments.overrides, arguments.flags)
    if sweeping and arguments.command != "run":
        raise UserError(f"--multirun: {arguments.command} is one job; only run sweeps.")
    if added:
        print(f"One book for all jobs: {added}. For each venue its own: {VENUES}=null.", flush=True)
    return _sweep(arguments) if sweeping else _single(arguments)


def _single(arguments: Arguments) -> int:
    from stress.cli.jobs import perform
    from stress.cli.show import show

    outcome = Outcome()

    def task(composed: Any) -> None:
        try:
            outcome.finished = perform(arguments.command, composed)
        except Exception as error:
            outcome.error = error

    _hydra(arguments, task)
    if outcome.error is not None:
        raise outcome.error
    show(outcome.finished)
    return LIMIT_VIOLATED if outcome.finished.violated else OK


def _sweep(arguments: Arguments) -> int:
    from stress.cli.show import complain
    from stress.cli.sweep import SweepReport, exit_status, finish_sweep, sweep_job, tell_jobs

    SweepReport.folder = None
    try:
        _hydra(arguments, sweep_job)
    except KeyboardInterrupt:
        raise SweepInterrupted(SweepReport.folder) from None
    except Exception as error:  # a launcher lost a job, for one: the others are on disk
        if SweepReport.folder is None or not any(SweepReport.folder.rglob("job.json")):
            raise
        complain(f"The sweep broke off: {type(error).__name__}: {error}")
        finish_sweep()
        tell_jobs(SweepReport.folder)
        return FAILED
    folder = SweepReport.folder
    if folder is None or SweepReport.problem is not None:
        raise RuntimeError(f"no sweep report: {SweepReport.problem or 'hydra.callbacks.sweep_report was removed'}")
    tell_jobs(folder)
    print(f"Sweep: {folder}")
    return exit_status(folder)


def _hydra(arguments: Arguments, task: Any) -> None:
    """Hand the command line over to Hydra, regrouped, with the absolute folder of our YAML files."""
    import hydra

    from stress.cli.compose import ROOT, VERSION_BASE, config_folder, prepared

    completing = "--shell-completion" in arguments.flags  # its words are no overrides
    words = [*(arguments.overrides if completing else prepared(arguments.overrides)), *arguments.flag_words()]
    decorate = hydra.main(version_base=VERSION_BASE, config_path=str(config_folder()), config_name=ROOT)
    with _as_command_line(words):
        decorate(task)()


@contextmanager
def _as_command_line(words: list[str]) -> Iterator[None]:
    """Hydra reads sys.argv, and raises instead of printing and exiting only when this variable is set."""
    argv, full_error = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv, os.environ["HYDRA_FULL_ERROR"] = [argv[0], *words], "1"
    try:
        yield
    finally:
        sys.argv = argv
        if full_error is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = full_error


def _interrupted(interrupt: KeyboardInterrupt) -> int:
    from stress.cli.jobs import Interrupted
    from stress.cli.resume import RECORDS
    from stress.cli.show import complain, resume_hint, sweep_hint

    if isinstance(interrupt, SweepInterrupted) and interrupt.folder is not None:
        complain(sweep_hint(interrupt.folder))
        return INTERRUPTED
    started = isinstance(interrupt, Interrupted) and any((interrupt.folder / name).exists() for name in RECORDS)
    complain(resume_hint(interrupt.folder) if started else "Interrupted.")  # type: ignore[union-attr]
    return INTERRUPTED


def _failed(error: Exception, debug: bool) -> int:
    from stress.cli.messages import explain
    from stress.cli.show import complain

    explained = explain(error)
    if debug or (explained is None and not isinstance(error, OSError)):
        traceback.print_exception(error)
    if explained is None:
        complain(f"Failed: {type(error).__name__}: {error}")
        return FAILED
    complain(f"Error: {explained}")
    return BAD_INPUT


if __name__ == "__main__":
    sys.exit(main())
