"""The fund that is needed for a target, over margin rates and depth of the book."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stress.config.decide.frontier import FrontierConfig
from stress.config.fields import PerMarket
from stress.config.liquidity import BY_BOOK
from stress.config.schema import Config
from stress.decisions.desk import Run
from stress.decisions.frontier.measures import Payer, required_fund
from stress.decisions.frontier.settings import PRESENT, Setting

DEPTH = "liquidity.depth_usd"


def why_none(config: Config, settings: FrontierConfig) -> str | None:
    """Why there is no map, or None."""
    if not settings.depths:
        return "decide.frontier.depths is empty"
    if not settings.scalings:
        return "decide.frontier.scalings is empty, so there is no scale of margins to draw it over"
    law = config.liquidity.law
    return f"liquidity.law={law}: depth is of no account" if law in ("none", *BY_BOOK) else None


def rows_of(settings: Sequence[Setting], scaling: str) -> list[Setting]:
    """The settings of one scaling with the present one, by scale."""
    return sorted((s for s in settings if s.family in (PRESENT, scaling)), key=lambda s: s.scale or 0.0)


def deeper(setting: Setting, depth: PerMarket, scale: float) -> dict[str, Any]:
    """Changes of a setting with ``scale`` times the present ``depth``."""
    return dict(setting.changes) | ({} if scale == 1.0 else {DEPTH: _times(depth, scale)})


def depths_of(settings: FrontierConfig) -> list[float]:
    """Factors on depth, the present one with them."""
    return sorted({*settings.depths, 1.0})


def cell(run: Run, setting: Setting, depth: float, payer: Payer, target: float) -> Mapping[str, Any]:
    """Required fund at one margin scale and depth."""
    return {"scale": setting.scale, "depth": depth, "required_fund": dict(required_fund(run, payer, target))}


def _times(value: PerMarket, scale: float) -> PerMarket:
    if isinstance(value, dict):
        return {market: scale * number for market, number in value.items()}
    if isinstance(value, list):
        return [scale * number for number in value]
    return scale * value
