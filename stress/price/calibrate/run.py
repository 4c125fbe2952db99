"""``calibrate``: history in, preset and figures out."""

from __future__ import annotations

import io
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from stress import __version__
from stress.config.schema import Config
from stress.errors import UserError, bad_value
from stress.files import write_bytes, write_json, write_text
from stress.price.calibrate.base import Fitted, Fitter, Options, Sample
from stress.price.calibrate.checks.compare import comparison, dependence, simulated, tails
from stress.price.calibrate.history import History, load_history, moment
from stress.price.calibrate.models.table import FITTERS, asked_model
from stress.price.calibrate.preset import MADE_BY, PRICE_DIGITS, preset_text, target
from stress.price.calibrate.rounding import by_market


def calibrate(cfg: Config, folder: Path) -> Path:
    """Fit the model that ``cfg.price`` asks for to ``cfg.data``; returns the preset.

    Writes ``calibration.json`` and ``tails.npz`` into ``folder`` and the preset to ``calibrate.output``, else to
    ``configs/price/<name>.yaml`` under the working directory. Raises UserError when the data cannot be used.
    """
    if jnp.zeros(()).dtype != jnp.float64:
        raise RuntimeError("calibrate needs JAX with 64-bit floats (jax_enable_x64)")
    fitter = FITTERS[asked_model(cfg.price)]
    markets = list(cfg.data.markets or cfg.price.markets)
    if len(set(markets)) < len(markets) or "default" in markets:
        raise bad_value("data.markets", markets, "names of markets, each once, none of them 'default'")
    name = cfg.calibrate.name or "_".join([fitter.name, *(m.lower() for m in markets)])
    file = target(cfg.calibrate.output, name)
    history = load_history(cfg.data, markets)
    sample = Sample(markets, history.returns, history.bar_seconds)
    _check_enough(history, sample, fitter.fewest)
    fit = fitter.fit(sample, _options(cfg))
    provenance = _provenance(cfg, fitter, history, fit)
    _write_results(Path(folder), name, file, fitter, fit, sample, provenance, _data_notes(history, sample))
    return _write_preset(file, fitter, fit, history, provenance)


def _options(cfg: Config) -> Options:
    chosen = cfg.calibrate
    return Options(cfg.price, chosen.starts, cfg.run.seed, chosen.regimes, chosen.separation, chosen.max_jumps_per_year)


def _check_enough(history: History, sample: Sample, fewest: int) -> None:
    seen = np.isfinite(sample.returns)
    for market, number in zip(history.markets, seen.sum(0), strict=True):
        if number < fewest:
            raise UserError(f"{history.sources[market].file.name}: {number} returns for {market}, allowed is at least "
                            f"{fewest} for this model. Give a longer history.")
        if np.nanstd(sample.returns[:, history.markets.index(market)]) == 0:
            raise UserError(f"{history.sources[market].file.name}: the price of {market} never moves.")
    if seen.all(1).sum() < fewest:
        described = history.describe()["markets"].items()
        spans = ", ".join(f"{m} {d['start'][:10]} to {d['end'][:10]}" for m, d in described)
        raise UserError(f"data.path: {int(seen.all(1).sum())} bars have a return of every market ({spans}), allowed is "
                        f"at least {fewest}: correlations need common times. Take other data.markets or files that "
                        "overlap.")


def _write_results(folder: Path, name: str, file: Path, fitter: Fitter, fit: Fitted, sample: Sample,
                   provenance: dict[str, Any], data_notes: list[str]) -> None:
    paths = simulated(fit.dynamics, sample)
    table, notes = comparison(sample, paths)
    bars = int(np.isfinite(sample.returns).any(1).sum())
    _write_arrays(folder / "tails.npz", tails(sample, paths))
    write_json(folder / "calibration.json", {
        "name": name, "model": fitter.name, "markets": sample.markets, "log_likelihood": fit.log_likelihood,
        "aic": 2 * fit.free - 2 * fit.log_likelihood, "bic": fit.free * float(np.log(bars)) - 2 * fit.log_likelihood,
        "free_parameters": fit.free, "parameters": [asdict(p) for p in fit.parameters], "comparison": table,
        "dependence": dependence(sample, paths), "provenance": provenance,
        "warnings": [*data_notes, *fit.warnings, *notes], "preset": file.name})


def _write_preset(file: Path, fitter: Fitter, fit: Fitted, history: History, provenance: dict[str, Any]) -> Path:
    last = np.array([column[np.isfinite(column)][-1] for column in history.prices.T])
    data, markets = provenance["data"], history.markets
    heading = [fitter.about, f"Fitted to {', '.join(markets)}, {data['start'][:10]} to {data['end'][:10]}.",
               "Written by calibrate; provenance below. Maps by market: price.markets=[BTC] takes a part of them."]
    section = {"model": "composition", "markets": markets, "initial_prices": by_market(markets, last, PRICE_DIGITS),
               **fit.section, "path": None}
    notes = {"initial_prices": "USD; last in the sample", **fit.notes}
    return write_text(file, preset_text(heading, section, notes, provenance))


def _data_notes(history: History, sample: Sample) -> list[str]:
    described, notes = history.describe(), []
    starts = {m: d["start"] for m, d in described["markets"].items()}
    late = [f"{m} from {s[:10]}" for m, s in starts.items() if s > min(starts.values())]
    if late:
        notes.append(f"Markets begin at different times ({', '.join(late)}; the first {min(starts.values())[:10]}): "
                     "earlier bars inform the other markets and the regimes only; correlations come from common bars.")
    still = np.nanmean(np.where(np.isnan(sample.returns), np.nan, sample.returns == 0), axis=0)
    notes += [f"{m}: {share:.0%} of returns are exactly zero. Is the price stale?"
              for m, share in zip(history.markets, still, strict=True) if share > 0.2]
    return notes


def _provenance(cfg: Config, fitter: Fitter, history: History, fit: Fitted) -> dict[str, Any]:
    return {
        "made_by": MADE_BY, "version": __version__, "date": moment(datetime.now(UTC).timestamp())[:10],
        "model": fitter.name, "source": cfg.data.source or "not stated", "method": fitter.method, **fit.settings,
        "assumed": fit.assumed, "log_likelihood": round(fit.log_likelihood, 2), "data": history.describe()}


def _write_arrays(file: Path, arrays: dict[str, np.ndarray]) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    write_bytes(file, buffer.getvalue())
