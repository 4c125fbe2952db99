"""Reports: read the files of a run, sweep or calibration folder and write one self-contained page each."""

from stress.report.calibration import write_calibration_report
from stress.report.decisions import write_decision_report
from stress.report.paired_report import write_paired_report
from stress.report.run_report import write_report
from stress.report.surroundings import write_surroundings_reports
from stress.report.sweep_report import write_sweep_report

__all__ = [
    "write_calibration_report",
    "write_decision_report",
    "write_paired_report",
    "write_report",
    "write_surroundings_reports",
    "write_sweep_report",
]
