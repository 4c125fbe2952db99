"""The report of a calibration: what was fitted to what, how well, and what it does not say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stress.errors import UserError
from stress.report import out_of_sample, page, sources, style
from stress.report.comparison import write_comparison_report
from stress.report.figures import tails
from stress.report.format import is_number, plain_tick
from stress.report.tables import Table, pairs_table, plain_text

_KNOWN = ("name", "model", "markets", "log_likelihood", "likelihood", "aic", "bic", "parameters", "provenance",
          "warnings", "comparison", "dependence", "out_of_sample")


def write_calibration_report(folder: Path) -> Path:
    """Write ``calibration.html`` and ``figures/tails.png``; returns the page.

    Of several models compared, one such page each and ``comparison.html``, which is returned. Raises UserError when
    the folder has no ``calibration.json``; without ``tails.npz`` the page has no figure.
    """
    folder = Path(folder)
    if (folder / "comparison.json").exists():
        for fitted in sorted(folder.glob("*/calibration.json")):
            write_calibration_report(fitted.parent)
        return write_comparison_report(folder)
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
        parameters=_parameters(fit.get("parameters") or []), **_tested(fit, markets),
        provenance=pairs_table("provenance", fit.get("provenance")), others=pairs_table("also", others))


def _tested(fit: dict[str, Any], markets: list[str]) -> dict[str, Any]:
    found = fit.get("out_of_sample")
    tested = out_of_sample.table({str(fit.get("model")): found}, markets) if found else None
    return {"tested": tested, "explained": out_of_sample.EXPLAINED}


def _fit(fit: dict[str, Any]) -> Table:
    likelihood = fit.get("likelihood") or {}
    aic, bic = ({"joint": fit.get(key)} if is_number(fit.get(key)) else fit.get(key) or {} for key in ("aic", "bic"))
    rows = {"log-likelihood (what was maximised)": fit.get("log_likelihood"),
            "log-likelihood, all markets together": likelihood.get("joint"),
            "log-likelihood, markets alone, summed": likelihood.get("sum_of_marginals"),
            "AIC, all together (lower is better)": aic.get("joint"), "BIC, all together": bic.get("joint"),
            "AIC, markets alone": aic.get("marginal"), "BIC, markets alone": bic.get("marginal")}
    return Table(["fit", ""], [[text, f"{value:,.2f}" if is_number(value) else plain_text(value)]
                               for text, value in rows.items()])


def _parameters(entries: list[dict[str, Any]]) -> Table:
    rows = []
    for entry in entries:
        value, error = entry.get("estimate"), entry.get("standard_error")
        ratio = abs(error / value) if is_number(error) and is_number(value) and value else None
        rows.append([str(entry.get("name")), plain_tick(value) if is_number(value) else plain_text(value),
                     plain_tick(float(f"{error:.3g}")) if is_number(error) else "not available",
                     f"{100 * ratio:.3g} %" if ratio is not None else "–", str(entry.get("unit") or "")])
    return Table(["parameter", "estimate", "standard error", "relative", "unit"], rows, words=1)
