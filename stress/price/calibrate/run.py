"""``calibrate``: history in, preset and figures out."""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from stress import __version__
from stress.config.schema import Config, PriceConfig
from stress.errors import UserError, bad_value
from stress.files import write_bytes, write_json
from stress.price.calibrate.compare import tails, worst_moves
from stress.price.calibrate.estimates import Estimate, estimates, gaussian_estimates, regime_names
from stress.price.calibrate.history import History, load_history, moment
from stress.price.calibrate.law import BarLaw, blocks, log_density
from stress.price.calibrate.layout import Layout
from stress.price.calibrate.maximise import maximise
from stress.price.calibrate.moments import Gaussian, gaussian
from stress.price.calibrate.preset import MADE_BY, Fitted, depth, target, write_preset
from stress.price.calibrate.simulate import stationary_law
from stress.units import years

FEWEST = {"gbm": 30, "merton": 500, "regime": 1000}
"""Fewest returns of a market, and of all markets together."""

METHOD = {
    "gbm": "closed-form maximum likelihood; a market's volatility from all its own bars, correlations from bars that "
           "all markets have; standard errors allow for heavy tails",
    "merton": "maximum likelihood of the joint law of a bar: a Poisson mixture of normals over own and common jumps; "
              "bars that some markets lack count for the others; standard errors from the observed information",
    "regime": "maximum likelihood of a hidden continuous-time Markov chain (Hamilton filter, generator fitted "
              "directly) over joint laws with own and common jumps; one regime a bar, switching inside a bar ignored; "
              "bars that some markets lack count for the others; standard errors from the observed information",
}

FEW_JUMPS = 30
LONG_STAY = 5


@dataclass(frozen=True)
class Fit:
    """A fitted model, before it is written."""

    law: BarLaw
    log_likelihood: float
    free: int
    parameters: list[Estimate]
    warnings: list[str]


def calibrate(cfg: Config, folder: Path) -> Path:
    """Fit the model that ``cfg.price`` asks for to ``cfg.data``; returns the preset.

    Writes ``calibration.json`` and ``tails.npz`` into ``folder`` and the preset to ``calibrate.output``, else to
    ``configs/price/<name>.yaml`` under the working directory. Raises UserError when the data cannot be used.
    """
    if jnp.zeros(()).dtype != jnp.float64:
        raise RuntimeError("calibrate needs JAX with 64-bit floats (jax_enable_x64)")
    model = asked_model(cfg.price)
    markets = list(cfg.data.markets or cfg.price.markets)
    if len(set(markets)) < len(markets) or "default" in markets:
        raise bad_value("data.markets", markets, "names of markets, each once, none of them 'default'")
    name = cfg.calibrate.name or "_".join([model, *(m.lower() for m in markets)])
    file = target(cfg.calibrate.output, name)
    history = load_history(cfg.data, markets)
    returns = history.returns
    _check_enough(history, returns, FEWEST[model])
    overall = gaussian(returns)
    fit = _fit(cfg, model, history, returns, overall)
    table, notes = worst_moves(fit.law, returns, markets, history.bar_seconds)
    warnings = [*_data_notes(history, returns), *fit.warnings, *notes]
    provenance = _provenance(cfg, model, history, fit)
    folder = Path(folder)
    _write_arrays(folder / "tails.npz", tails(fit.law, returns, markets))
    write_json(folder / "calibration.json", {
        "name": name, "model": model, "markets": markets, "log_likelihood": fit.log_likelihood,
        "aic": 2 * fit.free - 2 * fit.log_likelihood,
        "bic": fit.free * float(np.log(np.isfinite(returns).any(1).sum())) - 2 * fit.log_likelihood,
        "free_parameters": fit.free, "parameters": [asdict(p) for p in fit.parameters], "comparison": table,
        "provenance": provenance, "warnings": warnings, "preset": file.name})
    law = None if model == "gbm" else fit.law
    last = np.array([column[np.isfinite(column)][-1] for column in history.prices.T])
    bar = years(history.bar_seconds)
    return write_preset(Fitted(model, markets, bar, overall, law, last, cfg.price, provenance), file)


def asked_model(price: PriceConfig) -> str:
    """The model to fit: with regimes ``regime``, else with Merton jumps ``merton``, else ``gbm``."""
    if price.model != "composition":
        raise UserError(f"calibrate: price.model={price.model} has nothing to fit. Use price=regime, price=merton or "
                        "price=gbm.")
    if price.regimes:
        return "regime"
    return "merton" if price.jump is not None and price.jump.kind == "merton" else "gbm"


def _check_enough(history: History, returns: np.ndarray, fewest: int) -> None:
    seen = np.isfinite(returns)
    for market, number in zip(history.markets, seen.sum(0), strict=True):
        if number < fewest:
            raise UserError(f"{history.sources[market].file.name}: {number} returns for {market}, allowed is at least "
                            f"{fewest} for this model. Give a longer history.")
        if np.nanstd(returns[:, history.markets.index(market)]) == 0:
            raise UserError(f"{history.sources[market].file.name}: the price of {market} never moves.")
    if seen.all(1).sum() < fewest:
        described = history.describe()["markets"].items()
        spans = ", ".join(f"{m} {d['start'][:10]} to {d['end'][:10]}" for m, d in described)
        raise UserError(f"data.path: {int(seen.all(1).sum())} bars have a return of every market ({spans}), allowed is "
                        f"at least {fewest}: correlations need common times. Take other data.markets or files that "
                        "overlap.")


def _fit(cfg: Config, model: str, history: History, returns: np.ndarray, overall: Gaussian) -> Fit:
    bar, markets = years(history.bar_seconds), history.markets
    if model == "gbm":
        law = _gaussian_law(overall)
        none = np.zeros((1, len(markets) + 1))
        log_likelihood = log_density(law, 0, none, blocks(returns), len(returns)).sum()
        free = 2 * len(markets) + len(markets) * (len(markets) - 1) // 2
        return Fit(law, float(log_likelihood), free, gaussian_estimates(overall, markets, bar), [])
    size = cfg.calibrate.regimes if model == "regime" else 1
    layout = Layout(size, np.nanstd(returns, axis=0), cfg.calibrate.separation, cfg.calibrate.max_jumps_per_year, bar)
    top = maximise(layout, returns, cfg.calibrate.starts, cfg.run.seed)
    found, notes = estimates(top, markets, bar)
    notes += _model_notes(top.law, returns, bar, markets)
    return Fit(top.law, top.log_likelihood, int((~top.at_bound).sum()), found, notes)


def _gaussian_law(overall: Gaussian) -> BarLaw:
    """GBM as a law without jumps."""
    zero, none = np.zeros((1, len(overall.mean))), np.zeros(1)
    return BarLaw(overall.mean[None], overall.volatility[None], overall.correlation[None], zero, zero, zero, none, zero,
                  zero, none, np.zeros((1, 1)))  # type: ignore[arg-type]


def _data_notes(history: History, returns: np.ndarray) -> list[str]:
    described, notes = history.describe(), []
    starts = {m: d["start"] for m, d in described["markets"].items()}
    late = [f"{m} from {s[:10]}" for m, s in starts.items() if s > min(starts.values())]
    if late:
        notes.append(f"Markets begin at different times ({', '.join(late)}; the first {min(starts.values())[:10]}): "
                     "earlier bars inform the other markets and the regimes only; correlations come from common bars.")
    still = np.nanmean(np.where(np.isnan(returns), np.nan, returns == 0), axis=0)
    notes += [f"{m}: {share:.0%} of returns are exactly zero. Is the price stale?"
              for m, share in zip(history.markets, still, strict=True) if share > 0.2]
    return notes


def _model_notes(law: BarLaw, returns: np.ndarray, bar: float, markets: list[str]) -> list[str]:
    """What the data cannot say about jumps and regimes."""
    span, shares = len(returns) * bar, stationary_law(law)
    names = regime_names(len(shares))
    notes = ["jump_duration_seconds is assumed: closes of bars do not say how fast a gap is."]
    if len(markets) == 1:
        notes.append("One market: common jumps cannot be told from own ones and are left out.")
    for r, name in enumerate(names):
        number = float(law.common_intensity[r]) / bar * shares[r] * span
        if len(markets) > 1 and number < FEW_JUMPS:
            notes.append(f"{name or 'model'}: about {number:.0f} common jumps in the sample identify their sizes.")
        stay = -1 / float(law.rates[r, r]) if len(shares) > 1 else np.inf
        if stay < LONG_STAY:
            notes.append(f"{name}: lasts {stay:.1f} bars on average; switching inside a bar, which the fit ignores, "
                         "matters.")
    if len(shares) > 1:
        notes.append("depth_multiplier is assumed: prices do not say how deep the book is.")
    return notes


def _provenance(cfg: Config, model: str, history: History, fit: Fit) -> dict[str, Any]:
    assumed = ["drift", "jump_duration_seconds"] if model != "gbm" else ["drift"]
    limits = {"max_jumps_per_year": cfg.calibrate.max_jumps_per_year, "starts": cfg.calibrate.starts,
              "seed": cfg.run.seed} if model != "gbm" else {}
    result: dict[str, Any] = {
        "made_by": MADE_BY, "version": __version__, "date": moment(datetime.now(UTC).timestamp())[:10], "model": model,
        "source": cfg.data.source or "not stated", "method": METHOD[model]}
    if model == "regime":
        shares = stationary_law(fit.law)
        names = regime_names(len(shares))
        limits = {"separation": cfg.calibrate.separation, **limits}
        assumed += [f"regimes.{name}.depth_multiplier" for name in names] if depth(cfg.price, len(names)) else []
        result["stationary"] = {name: round(float(share), 4) for name, share in zip(names, shares, strict=True)}
    return {**result, **limits, "assumed": assumed, "log_likelihood": round(fit.log_likelihood, 2),
            "data": history.describe()}


def _write_arrays(file: Path, arrays: dict[str, np.ndarray]) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    write_bytes(file, buffer.getvalue())
