"""The preset that a calibration writes: a complete ``price`` section as commented YAML."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from stress.config.markets import correlation_matrix
from stress.config.schema import PriceConfig
from stress.errors import UserError, bad_value
from stress.files import write_text
from stress.price.calibrate.estimates import annual, regime_names
from stress.price.calibrate.law import BarLaw
from stress.price.calibrate.moments import Gaussian

MADE_BY = "stress calibrate"
"""Marks a file that a calibration may overwrite."""

DIGITS, CORRELATION_DIGITS = 5, 4

NO_JUMP = {"kind": "none", "intensity": 0, "mean": 0, "std": 0, "common_intensity": 0, "common_mean": 0,
           "common_std": 0, "common_correlation": 0}

DRIFT = "not identified by a sample of years (estimates: calibration.json)"

ABOUT = {
    "gbm": "Geometric Brownian motion: no jumps, no regimes. The baseline that every closed form knows; it understates "
           "tails.",
    "merton": "Merton's jump diffusion: own jumps of every market, and jumps of all markets at once.",
    "regime": "Regimes from quiet to wild, each with its own diffusion, jumps and book depth.",
}


@dataclass(frozen=True)
class Fitted:
    """What goes into a preset. ``law`` is None for gbm."""

    model: str
    markets: list[str]
    bar_years: float
    overall: Gaussian
    law: BarLaw | None
    last_prices: np.ndarray  # [A]
    assumed: PriceConfig  # what hourly closes do not say is taken from the preset asked for
    provenance: dict[str, Any]


def target(output: str | None, name: str) -> Path:
    """Where the preset goes; UserError when that is not ours to overwrite."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise bad_value("calibrate.name", name, "letters, digits, '_', '-' and '.'")
    file = Path(output) if output is not None else Path("configs") / "price" / f"{name}.yaml"
    if file.suffix not in (".yaml", ".yml"):
        raise bad_value("calibrate.output", str(file), "a file that ends in .yaml")
    if file.exists() and not _ours(file):
        raise UserError(f"{file}: exists and was not written by calibrate, so it is left alone. "
                        "Give another calibrate.name or calibrate.output.")
    return file


def _ours(file: Path) -> bool:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        return str(content["provenance"]["made_by"]).startswith(MADE_BY)
    except (yaml.YAMLError, UnicodeDecodeError, OSError, KeyError, TypeError):
        return False


def write_preset(fit: Fitted, file: Path) -> Path:
    """Write the preset, atomically."""
    return write_text(file, preset_text(fit))


def preset_text(fit: Fitted) -> str:
    """The preset as text."""
    lines = [
        f"# {ABOUT[fit.model]}", f"# {_span(fit)}",
        "# Written by calibrate; provenance below. Maps by market: price.markets=[BTC] takes a part of them.",
        _entry("model", "composition"), _entry("markets", fit.markets),
        _entry("initial_prices", _by_market(fit, fit.last_prices, 8)) + " # USD; last in the sample",
        *(_regimes(fit, fit.law) if fit.model == "regime" and fit.law else _one_regime(fit)),
        _entry("initial_regime", fit.assumed.initial_regime if _kept(fit) else "stationary"),
        _entry("jump_duration_seconds", _plain(fit.assumed.jump_duration_seconds)) + " # s; " + (
            "nothing jumps" if fit.law is None else
            "assumed: closes do not say how fast a gap is (see experiment=gap_duration)"),
        _entry("path", None), yaml.safe_dump({"provenance": _safe(fit.provenance)}, sort_keys=False, width=118,
                                             allow_unicode=True).rstrip()]
    return "\n".join(lines) + "\n"


def _span(fit: Fitted) -> str:
    data = fit.provenance["data"]
    return f"Fitted to {', '.join(fit.markets)}, {data['start'][:10]} to {data['end'][:10]}."


def _one_regime(fit: Fitted) -> list[str]:
    own = fit.model == "merton"
    volatility = _annual(fit)["volatility"][0] if own else fit.overall.volatility / np.sqrt(fit.bar_years)
    correlation = np.asarray(fit.law.correlation[0]) if own and fit.law else fit.overall.correlation
    return [f"{_entry('drift', 0)} # per year; {DRIFT}",
            _entry("volatility", _by_market(fit, volatility)) + " # per sqrt(year)", *_pairs(fit, correlation, ""),
            *_section("jump", _jump(fit, 0) if own else NO_JUMP, ""),
            _entry("regimes", None), _entry("transition_rates", None)]


def _regimes(fit: Fitted, law: BarLaw) -> list[str]:
    names, parts = regime_names(len(law.rates)), _annual(fit)
    shares, rates = fit.provenance["stationary"], np.asarray(law.rates) / fit.bar_years
    lines = ["# Every regime has its own of these four. On the command line price.volatility=0.8 replaces them all.",
             "drift: null # per year", "volatility: null # per sqrt(year), of the diffusion",
             "correlation: null # of the diffusions", "jump: null", "regimes:"]
    for r, name in enumerate(names):
        stay = -1 / rates[r, r] * 365 * 24
        lines += [f"  {name}: # {100 * shares[name]:.3g} % of the time, {stay:.3g} h at a time",
                  "    " + _entry("volatility", _by_market(fit, parts["volatility"][r])),
                  f"    {_entry('drift', 0)} # {DRIFT}",
                  *_pairs(fit, np.asarray(law.correlation[r]), "    "), *_section("jump", _jump(fit, r), "    "),
                  "    " + _entry("depth_multiplier", depth(fit.assumed, len(names))[r])
                  + " # assumed: prices do not say how deep the book is"]
    lines.append("transition_rates: # per year")
    lines += ["  " + _entry(name, {other: _round(rates[r, s]) for s, other in enumerate(names) if s != r})
              for r, name in enumerate(names)]
    return lines


def depth(assumed: PriceConfig, size: int) -> list[float]:
    """Depth multipliers from the quietest regime to the wildest, after those of the preset asked for.

    With another number of regimes they are interpolated by rank, in logarithms.
    """
    given = [regime.depth_multiplier for regime in (assumed.regimes or {}).values()] or [1.0]
    at = np.linspace(0, 1, size), np.linspace(0, 1, len(given))
    return [_round(float(x), 3) for x in np.exp(np.interp(*at, np.log(given)))]


def _kept(fit: Fitted) -> bool:
    names = regime_names(len(fit.law.rates)) if fit.model == "regime" and fit.law else []
    return fit.assumed.initial_regime in names


def _annual(fit: Fitted) -> dict[str, np.ndarray]:
    if fit.law is None:
        return {}
    return {name: np.asarray(value) for name, (value, _) in annual(fit.law, fit.bar_years).items()}


def _jump(fit: Fitted, r: int) -> dict[str, Any]:
    parts = _annual(fit)
    result: dict[str, Any] = {"kind": "merton"}
    for name in ("intensity", "mean", "std", "common_intensity", "common_mean", "common_std", "common_correlation"):
        value = parts[f"jump.{name}"][r]
        result[name] = _by_market(fit, value) if np.ndim(value) else _round(float(value))
    return result


JUMP_NOTES = {"intensity": "own jumps per year", "mean": "of the own log-jump", "std": "of the own log-jump",
              "common_intensity": "jumps of all markets at once, per year", "common_mean": "of the common log-jump",
              "common_std": "of the common log-jump", "common_correlation": "between markets, of the common log-jumps"}


def _section(name: str, values: dict[str, Any], indent: str) -> list[str]:
    notes = JUMP_NOTES if not indent else {}
    return [f"{indent}{name}:", *(f"{indent}  {_entry(key, value)}" + (f" # {notes[key]}" if key in notes else "")
                                  for key, value in values.items())]


def _pairs(fit: Fitted, matrix: np.ndarray, indent: str) -> list[str]:
    """The correlation by pair, rounded such that it stays a correlation matrix."""
    rounded = np.round(matrix, CORRELATION_DIGITS)
    np.fill_diagonal(rounded, 1.0)
    while np.linalg.eigvalsh(rounded)[0] < 1e-6:  # rounding took it over the edge
        rounded = np.round(0.999 * rounded, CORRELATION_DIGITS)
        np.fill_diagonal(rounded, 1.0)
    if len(fit.markets) == 1:
        return [indent + _entry("correlation", 0)]
    pairs = {first: {second: float(rounded[i, j]) for j, second in enumerate(fit.markets) if j > i}
             for i, first in enumerate(fit.markets[:-1])}
    correlation_matrix(pairs, fit.markets, "correlation")
    return [f"{indent}correlation:", *(f"{indent}  {_entry(first, row)}" for first, row in pairs.items())]


def _by_market(fit: Fitted, values: np.ndarray, digits: int = DIGITS) -> dict[str, float]:
    return {m: _round(float(v), digits) for m, v in zip(fit.markets, values, strict=True)}


def _round(value: float, digits: int = DIGITS) -> float:
    return float(f"{value:.{digits}g}")


def _plain(value: float) -> float | int:
    return int(value) if float(value).is_integer() else value


def _entry(key: str, value: object) -> str:
    """One ``key: value`` in flow style."""
    text = yaml.safe_dump({key: value}, default_flow_style=True, width=float("inf"), sort_keys=False,
                          allow_unicode=True)
    return text.strip()[1:-1]


def _safe(value: Any) -> Any:
    """Text without what the configuration would take for an interpolation."""
    if isinstance(value, dict):
        return {_safe(k): _safe(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_safe(v) for v in value]
    return value.replace("${", "$ {") if isinstance(value, str) else value
