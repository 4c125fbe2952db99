"""Commands on folders of finished work: their reports anew, and runs set against each other."""

from __future__ import annotations

import datetime
from pathlib import Path

from stress.errors import UserError


def report_folders(folders: list[Path]) -> None:
    """Rebuild the reports in folders and say where they are. Raises UserError where there is nothing to report."""
    if not folders:
        raise UserError("report: needs a folder. Give one or more run or sweep folders under outputs/.")
    for folder in folders:
        print(f"Report: {report_folder(folder)}")


def compare_folders(folders: list[Path], target: str | None) -> None:
    """Set runs against the first, write the page into ``target`` (null: a folder of its own), and say what is found.

    Raises UserError for folders that hold no finished run and for runs that cannot be paired.
    """
    from stress.cli.show import difference_lines
    from stress.decisions.compare import compare_runs
    from stress.report import write_paired_report

    folder = Path(target) if target else Path(datetime.datetime.now().strftime("outputs/%Y-%m-%d/%H-%M-%S-%f"))
    found = compare_runs(folders, folder.absolute())
    for line in difference_lines(found):
        print(line)
    print(f"Report: {write_paired_report(folder.absolute())}")


def report_folder(folder: Path) -> Path:
    """Rebuild the report of the folder of a run, a sweep or a calibration; the path of the page."""
    from stress.report import (
        write_calibration_report,
        write_decision_report,
        write_paired_report,
        write_report,
        write_surroundings_reports,
        write_sweep_report,
    )

    if not folder.is_dir():
        raise UserError(f"report: {folder} is not a folder. Give a folder under outputs/.")
    if (folder / "summary.json").exists():
        return write_report(folder)
    if (folder / "multirun.yaml").exists() or any(folder.glob("*/job.json")):
        return write_sweep_report(folder)
    if (folder / "decision.json").exists():
        return write_decision_report(folder)
    if (folder / "compare.json").exists():
        return write_paired_report(folder)
    others = write_surroundings_reports(folder)
    if (folder / "calibration.json").exists() or (folder / "comparison.json").exists():
        return write_calibration_report(folder)
    if others:
        return others[0]
    raise UserError(f"report: {folder} holds no finished run (summary.json), sweep (multirun.yaml), decision "
                    "(decision.json), comparison (compare.json) or calibration (calibration.json). "
                    "A killed run is finished by run.resume=DIR.")
