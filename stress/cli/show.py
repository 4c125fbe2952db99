"""What the console shows: a header, the headline numbers, where the report is."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from stress.cli.jobs import Finished
from stress.config.margin import VENUES

HEADLINES = (
    "depletion_probability", "cascade_probability", "adl_probability", "socialised_loss_probability",
    "liquidated_notional", "bad_debt", "adl_notional", "amplification", "max_displacement", "required_fund_99",
    "required_fund_999", "time_to_depletion_hours",
)
"""Metrics of the table on the console, in order; the report has them all."""

PLAIN_WIDTH = 110
"""Width of the table where there is no terminal to ask."""

SUFFIXES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def console() -> Console:
    """The console for results; plain text when it is not a terminal."""
    screen = Console(highlight=False, soft_wrap=False)
    return screen if screen.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)


def complain(message: str) -> None:
    """One message on the error stream, as it is (no markup, no wrapping)."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(message, markup=False)


def announce(study: Any) -> None:
    """What is about to be simulated; on a terminal only."""
    screen = console()
    if not screen.is_terminal:
        return
    run, protocol = study.config.run, study.config.protocol
    clock = "the path's own clock" if run.step_seconds is None or run.horizon_hours is None else \
        f"{run.horizon_hours:g} h in ticks of {run.step_seconds:g} s"
    screen.print(f"[bold]{run.paths:,} paths[/], {clock}, {', '.join(study.markets)}, seed {run.seed}; "
                 f"fund {amount(protocol.insurance_fund, 'USD')}, liquidation {protocol.liquidation.rule}, "
                 f"ADL {protocol.adl.policy}, impact {study.config.liquidity.law}")


def show(finished: Finished) -> None:
    """The result of one job."""
    screen = console()
    if finished.summary:
        screen.print(headline_table(finished.summary))
        _paths_line(screen, finished.summary)
    for line in [*finished.answers, *finished.lines, *map(str, finished.verdicts)]:
        screen.print(line, markup=False, soft_wrap=True)
    if finished.summary:
        page = finished.folder / "report.html"
        screen.print(f"Report: {page}" if page.exists() else f"Folder: {finished.folder}", markup=False, soft_wrap=True)


def headline_table(summary: Mapping[str, Any]) -> Table:
    """Estimates and intervals of the headline metrics."""
    metrics = summary["metrics"]
    confidence = next((m["confidence"] for m in metrics.values()), None)
    table = Table(box=None, pad_edge=False)
    table.add_column("metric")
    table.add_column("estimate", justify="right")
    table.add_column("interval" if confidence is None else f"{confidence:.0%} interval", justify="right")
    for name in HEADLINES:
        if name in metrics:
            table.add_row(_label(name), *_cells(metrics[name]))
    return table


def _label(name: str) -> str:
    """A metric's name for reading: required_fund_999 is the required fund (99.9 %)."""
    words, _, level = name.rpartition("_")
    if not level.isdigit():
        return name.replace("_", " ")
    return f"{words.replace('_', ' ')} ({100 * float(f'0.{level}'):.6g} %)"


def job_line(number: int, overrides: list[str], summary: Mapping[str, Any], violated: bool, note: str | None) -> str:
    """One line on a finished job of a sweep; ``note``: what became of an earlier start of it."""
    metric = summary.get("metrics", {}).get("depletion_probability")
    estimate = "" if metric is None else "  depletion {} [{}]".format(*_cells(metric))
    gate = "  limit violated" if violated else ""
    words = [word for word in overrides if not word.startswith(f"{VENUES}=")]  # said once, before the first job
    return f"job {number}  {' '.join(words)}{estimate}{gate}{'' if note is None else f'  ({note})'}"


def ledger_lines(ledger: Mapping[str, Any]) -> list[str]:
    """A replay in a few lines: the path, what was liquidated and deleveraged, and who ends where."""
    ticks = ledger["ticks"]
    liquidations = [entry for tick in ticks for entry in tick["liquidations"]]
    deleveraged = [entry for tick in ticks for entry in tick["adl"]]
    closed = sum(abs(entry["size"]) * entry["price"] for entry in liquidations)
    deficit = sum(entry["deficit"] for entry in liquidations)
    names = list(dict.fromkeys(entry["account"] for entry in liquidations))
    few = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    fund = f"{ledger['final']['fund']:,.2f} USD"  # to the cent: it is checked by hand
    return [
        f"{len(ticks)} ticks to {ticks[-1]['time_hours']:g} h" if ticks else "no ticks",
        f"liquidated: {len(names)} accounts ({few}), {closed:,.2f} USD" if names else "liquidated: nobody",
        f"deficits {deficit:,.2f} USD, ADL entries {len(deleveraged)}, fund at the end {fund}",
    ]


def difference_lines(found: Mapping[str, Any]) -> list[str]:
    """What a comparison found, a run and metric a line; the headline metrics that have a difference."""
    lines = []
    for run in found["others"]:
        lines.append(f"{run['folder']} ({run['name']}), {run['paths']:,} pairs of paths")
        for name in HEADLINES:
            metric = run["differences"].get(name)
            if metric is not None and metric["differing"]:
                estimate, interval = _cells(metric)
                lines.append(f"  {_label(name):28}{estimate:>14}  {interval}")
    return lines


def resume_hint(folder: Path) -> str:
    """How to finish an interrupted run."""
    return f"Interrupted. Finish it with: perpstress run.resume={shlex.quote(str(folder))}"


def sweep_hint(folder: Path) -> str:
    """How to finish an interrupted sweep."""
    return ("Interrupted. Finished jobs are kept: give the same command again with "
            f"hydra.sweep.dir={shlex.quote(str(folder))}")


def amount(value: float, unit: str) -> str:
    """A number for reading: probabilities in percent, large money with a suffix."""
    if unit == "probability":
        return f"{100 * value:.3g} %"
    for size, suffix in SUFFIXES:
        if abs(value) >= size:
            return f"{value / size:.3g} {suffix}" + (" USD" if unit == "USD" else "")
    return f"{value:.3g}" + {"USD": " USD", "hours": " h"}.get(unit, "")


def _cells(metric: Mapping[str, Any]) -> tuple[str, str]:
    estimate, low, high = (None if metric[k] is None else amount(metric[k], metric["unit"])
                           for k in ("estimate", "low", "high"))
    if estimate is None and low is None and high is None:
        return "-", metric.get("reason", "undefined")
    return estimate or "-", f"{low or 'unbounded'} to {high or 'unbounded'}"


def _paths_line(screen: Console, summary: Mapping[str, Any]) -> None:
    odd = {name: count for name, count in summary.get("status", {}).items() if name != "ok" and count}
    if odd:
        text = ", ".join(f"{name} {count}" for name, count in odd.items())
        screen.print(f"Paths with a status (counted against the low and for the high bound): {text}", markup=False)
