"""Pages of the commands that answer a question: one module each, named as the command, and what they share."""

from stress.report.decisions.told import Figure, Told, lines, report_and_lines, write_decision_report

__all__ = ["Figure", "Told", "lines", "report_and_lines", "write_decision_report"]
