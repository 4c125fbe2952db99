"""The report of a calibration: what was fitted to what, how well, and what it does not say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stress.errors import UserError
from stress.report import page, sources, style
from stress.report.figures import tails
from stress.report.format import is_number, plain_tick
from stress.report.tables import Table, pairs_table, plain_text

_KNOWN = ("name", "model", "markets", "log_likelihood", "aic", "bic", "parameters", "provenance", "warnings")


def write_calibration_report(folder: Path) -> Path:
    """Write ``calibration.html`` and ``figures/tails.png``; returns the page.

    Raises UserError when the folder has no ``calibration.json``; without ``tails.npz`` the page has no figure.
    """
    folder = Path(folder)
    if not (folder / "calibration.json").exists():
        raise UserError(f"{folder}: not the folder of a calibration (no calibration.json).")
    fit = sources.read_json(folder / "calibration.json")
    markets = [str(m) for m in fit.get("markets") or []]
    with style.applied():
        drawn = tails.draw(sources.read_arrays(folder / "tails.npz"), markets)
        figure = page.place(folder, "tails", tails.TITLE, drawn, page.DEFAULT_DPI)
    others = {k: v for k, v in fit.items() if k not in _KNOWN}
    return page.render(
        "calibration.html.j2", folder / "calibration.html", title=f"Calibration: {fit.get('name') or fit.get('model')}",
        facts=page.listed((f"model {fit.get('model')}", f"markets {', '.join(markets)}")), figure_item=figure,
        warnings=[str(w) for w in fit.get("warnings") or []], fit=_fit(fit),
        parameters=_parameters(fit.get("parameters") or []),
        provenance=pairs_table("provenance", fit.get("provenance")), others=pairs_table("also", others))


def _fit(fit: dict[str, Any]) -> Table:
    names = {"log_likelihood": "log-likelihood", "aic": "AIC (lower is better)", "bic": "BIC (lower is better)"}
    return Table(["fit", ""], [[text, f"{fit[key]:,.2f}" if is_number(fit.get(key)) else plain_text(fit.get(key))]
                               for key, text in names.items() if key in fit])


def _parameters(entries: list[dict[str, Any]]) -> Table:
    rows = []
    for entry in entries:
        value, error = entry.get("estimate"), entry.get("standard_error")
        ratio = abs(error / value) if is_number(error) and is_number(value) and value else None
        rows.append([str(entry.get("name")), plain_tick(value) if is_number(value) else plain_text(value),
                     plain_tick(float(f"{error:.3g}")) if is_number(error) else "not available",
                     f"{100 * ratio:.3g} %" if ratio is not None else "–", str(entry.get("unit") or "")])
    return Table(["parameter", "estimate", "standard error", "relative", "unit"], rows)
