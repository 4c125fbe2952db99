"""What a fitted model leaves behind: its numbers, how it compares with the data, and the preset."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from stress import __version__
from stress.config.schema import Config
from stress.files import write_bytes, write_json, write_text
from stress.price.calibrate.base import Fitted, Fitter, Likelihood
from stress.price.calibrate.checks.compare import comparison, dependence, simulated, tails
from stress.price.calibrate.checks.holdout import out_of_sample, written
from stress.price.calibrate.history import moment
from stress.price.calibrate.preset import MADE_BY, PRICE_DIGITS, preset_text
from stress.price.calibrate.rounding import by_market
from stress.price.calibrate.study import Study, data_notes

Result = dict[str, Any]


def assess(study: Study, fitter: Fitter, fit: Fitted, folder: Path, preset: Path, provenance: Mapping[str, Any]
           ) -> Result:
    """Write ``calibration.json`` and ``tails.npz``; returns what is in the former."""
    sample = study.sample
    paths = simulated(fit.dynamics, sample)
    table, notes = comparison(sample, paths)
    likelihood, bars = fit.dynamics.likelihood(sample.returns), study.bars
    result = {
        "name": preset.stem, "model": fitter.name, "markets": sample.markets, "log_likelihood": fit.log_likelihood,
        "likelihood": written(likelihood, sample.markets), "free_parameters": fit.free,
        **_criteria(fit, likelihood, bars),
        "parameters": [asdict(p) for p in fit.parameters], "comparison": table,
        "dependence": dependence(sample, paths),
        "out_of_sample": (
            out_of_sample(fit.dynamics, study.whole, len(sample.returns)) if study.split else None),
        "provenance": dict(provenance), "warnings": [*data_notes(study), *fit.warnings, *notes], "preset": preset.name}
    _write_arrays(folder / "tails.npz", tails(sample, paths))
    write_json(folder / "calibration.json", result)
    return result


def _criteria(fit: Fitted, likelihood: Likelihood, bars: int) -> dict[str, dict[str, float | None]]:
    """AIC and BIC, of all markets together and of the sum of each market's own likelihood."""
    def of(value: float | None, free: int, price: float) -> float | None:
        return None if value is None else price * free - 2 * value

    alone = float(likelihood.marginal.sum())
    return {name: {"joint": of(likelihood.joint, fit.free, price), "marginal": of(alone, fit.free - fit.between, price)}
            for name, price in (("aic", 2.0), ("bic", float(np.log(bars))))}


def write_preset(cfg: Config, study: Study, fitter: Fitter, fit: Fitted, file: Path, provenance: Mapping[str, Any]
                 ) -> Path:
    """The fitted model as a ``price`` preset."""
    history, markets = study.history, study.sample.markets
    last = np.array([column[np.isfinite(column)][-1] for column in history.prices.T])
    data, used = provenance["data"], cfg.calibrate.use or markets
    heading = [fitter.about, f"Fitted to {', '.join(markets)}, {data['start'][:10]} to {data['end'][:10]}.",
               "Written by calibrate; provenance below. Maps by market: price.markets=[BTC] takes a part of them."]
    section = {"model": "composition", "markets": list(used),
               "initial_prices": by_market(markets, last, PRICE_DIGITS), **fit.section, "path": None}
    notes = {"initial_prices": "USD; last in the sample", **fit.notes}
    return write_text(file, preset_text(heading, section, notes, dict(provenance)))


def provenance_of(cfg: Config, study: Study, fitter: Fitter, fit: Fitted) -> Result:
    """Where the numbers come from."""
    split = {"fitted_before": study.split} if study.split else {}
    return {
        "made_by": MADE_BY, "version": __version__, "date": moment(datetime.now(UTC).timestamp())[:10],
        "model": fitter.name, "source": cfg.data.source or "not stated", "method": fitter.method, **split,
        **fit.settings, "assumed": fit.assumed, "log_likelihood": round(fit.log_likelihood, 2),
        "data": study.history.describe()}


def _write_arrays(file: Path, arrays: dict[str, np.ndarray]) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    write_bytes(file, buffer.getvalue())
