"""``calibrate`` beyond prices: depth and funding histories in, presets out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from stress.calibrate import funding, liquidity, presets
from stress.calibrate.arrays import funding_arrays, liquidity_arrays, strict, write_arrays
from stress.calibrate.depth import load_depth
from stress.config.parse import parse_section
from stress.config.price import PriceConfig
from stress.config.schema import Config
from stress.errors import UserError, bad_value
from stress.files import read_json, write_json, write_text
from stress.price.calibrate.preset import target


@dataclass(frozen=True)
class Surroundings:
    """What was written, and what there is to say about it."""

    liquidity: Path | None = None
    funding: Path | None = None
    lines: list[str] = field(default_factory=list)


def wanted(cfg: Config) -> bool:
    """Whether there is anything to fit here."""
    return cfg.data.depth is not None or cfg.data.funding is not None


def fitted_price(cfg: Config, preset: Path | None) -> PriceConfig:
    """The price section of a preset that was just written; without one the configuration's."""
    if preset is None:
        return cfg.price
    section = yaml.safe_load(preset.read_text(encoding="utf-8"))
    return parse_section(PriceConfig, section, "price")


def check_surroundings(cfg: Config) -> None:
    """Refuse files that cannot be used, and presets that are not ours to overwrite, before anything is fitted."""
    markets = list(cfg.data.markets or cfg.price.markets)
    if cfg.data.depth is not None:
        _target(cfg, "liquidity", "depth", markets)
        load_depth(cfg.data, markets)
    if cfg.data.funding is not None:
        _target(cfg, "funding", "premium", markets)
        funding.load_payments(cfg, markets)


def calibrate_surroundings(cfg: Config, folder: Path, price: PriceConfig, preset: Path | None = None) -> Surroundings:
    """Fit depth to ``data.depth`` and the funding premium to ``data.funding``.

    Presets go to ``configs/liquidity`` and ``configs/funding`` under the working directory, results to ``folder``.
    Regimes are those of ``price``; ``preset`` is the file it was just written to, whose depths are then fitted ones.
    """
    markets = list(cfg.data.markets or cfg.price.markets)
    if len(set(markets)) < len(markets) or "default" in markets:
        raise bad_value("data.markets", markets, "names of markets, each once, none of them 'default'")
    if not wanted(cfg):
        raise UserError("calibrate: nothing to fit. Give data.depth or data.funding, or calibrate.price=true.")
    book = _liquidity(cfg, Path(folder), price, markets, preset) if cfg.data.depth is not None else Surroundings()
    paid = _funding(cfg, Path(folder), markets) if cfg.data.funding is not None else Surroundings()
    return Surroundings(book.liquidity, paid.funding, [*book.lines, *paid.lines])


def _liquidity(cfg: Config, folder: Path, price: PriceConfig, markets: list[str], preset: Path | None) -> Surroundings:
    file = _target(cfg, "liquidity", "depth", markets)
    fit = liquidity.fit_liquidity(cfg, price, markets)
    write_arrays(folder / "liquidity.npz", liquidity_arrays(fit))
    text = presets.liquidity_text(cfg, fit)
    write_json(folder / "liquidity.json", strict(liquidity.as_json(fit) | _common(text, file, markets)))
    write_text(file, text)
    lines = [f"Preset: {file}", f"Use it with liquidity={file.stem}."]
    if fit.multipliers:
        files = {fit.history.file.file.name: fit.history.file.sha256}
        if preset is not None and presets.write_depths(preset, fit.multipliers, files):
            lines.append(f"Depth in the regimes of {preset} is fitted.")
            _no_longer_assumed(folder / "calibration.json")
        else:
            lines.append(
                "Depth in regimes, fitted: "
                + " ".join(f"price.regimes.{m.regime}.depth_multiplier={m.estimate:.3g}" for m in fit.multipliers[1:])
            )
    return Surroundings(liquidity=file, lines=lines)


def _funding(cfg: Config, folder: Path, markets: list[str]) -> Surroundings:
    file = _target(cfg, "funding", "premium", markets)
    fit = funding.fit_funding(cfg, markets)
    write_arrays(folder / "funding.npz", funding_arrays(fit))
    text = presets.funding_text(cfg, fit)
    write_json(folder / "funding.json", strict(funding.as_json(fit) | _common(text, file, markets)))
    write_text(file, text)
    return Surroundings(funding=file, lines=[f"Preset: {file}", f"Use it with funding={file.stem}."])


def _no_longer_assumed(results: Path) -> None:
    """Take out of the results of the price model that depth is assumed."""
    fit = read_json(results)
    fit["warnings"] = [note for note in fit["warnings"] if not note.startswith("depth_multiplier is assumed")]
    assumed = fit["provenance"]["assumed"]
    fit["provenance"]["assumed"] = [key for key in assumed if not key.endswith(".depth_multiplier")]
    write_json(results, fit)


def _target(cfg: Config, group: str, what: str, markets: list[str]) -> Path:
    name = cfg.calibrate.name or "_".join([what, *(m.lower() for m in markets)])
    return target(str(Path("configs") / group / f"{name}.yaml"), name)


def _common(text: str, file: Path, names: list[str]) -> dict[str, Any]:
    return {
        "name": file.stem,
        "preset": file.name,
        "market_names": names,
        "provenance": yaml.safe_load(text)["provenance"],
    }
