"""Cross-field checks of what is read for prices: a given path, windows of a history, blocks of one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from stress.config.price import PriceConfig
from stress.config.schema import Config
from stress.errors import UserError, bad_value

OWN_LAW = ("volatility", "correlation", "variance", "jump", "intensity", "regimes")
"""What real returns bring along."""


def from_history(price: PriceConfig) -> bool:
    """Whether prices are drawn from the history ``data.path``."""
    return price.model == "bootstrap" or (price.model == "replay" and _windows(price) > 0)


def check_history(config: Config) -> Iterator[str]:
    """Messages on path, windows and blocks, and on the history they need."""
    price = config.price
    if price.model == "replay":
        yield from _path_or_windows(price)
    elif price.path is not None:
        yield str(bad_value("price.path", price.path, "null unless price=replay", "Add price=replay."))
    if price.model != "replay" and _windows(price):
        yield str(bad_value("price.windows", "start or every_hours", "null unless price=replay", "Add price=replay."))
    if price.model == "bootstrap":
        yield from _blocks(price)
    if from_history(price):
        yield from _history(config)
    elif price.bridge_seconds is not None:
        yield str(bad_value("price.bridge_seconds", price.bridge_seconds, "null unless prices come from a history",
                            "Use price=bootstrap, or windows with price=replay."))


def _windows(price: PriceConfig) -> int:
    """How many of the two kinds of windows are asked for."""
    section = price.windows
    return 0 if section is None else (section.start is not None) + (section.every_hours is not None)


def _path_or_windows(price: PriceConfig) -> Iterator[str]:
    if _windows(price) + (price.path is not None) != 1:
        yield str(bad_value(
            "price.path", price.path, "a file with the path to replay (CSV or Parquet), or instead of it one of "
            "price.windows.start and price.windows.every_hours",
            "Give price.path=FILE, or a window and data.path, or choose another price= model."))
    start = price.windows.start if price.windows else None
    try:
        datetime.fromisoformat(start or "2020-01-01")
    except ValueError:
        yield str(bad_value("price.windows.start", start, "a date or a time such as 2025-10-10T12:00Z"))


def _blocks(price: PriceConfig) -> Iterator[str]:
    if price.bootstrap is None:
        yield str(UserError("price.bootstrap: missing. Use price=bootstrap, whose preset has it."))
    given = [name for name in OWN_LAW if getattr(price, name) is not None]
    if given:
        yield str(bad_value(f"price.{given[0]}", getattr(price, given[0]), "null with price.model=bootstrap",
                            "Real returns bring their own; leave it out."))


def _history(config: Config) -> Iterator[str]:
    """What a model needs that draws from a history."""
    price, data, run = config.price, config.data, config.run
    if data.path is None:
        what = "draws its prices from it" if price.model == "bootstrap" else "cuts its windows from it"
        yield str(bad_value("data.path", None, "a price history, a CSV or Parquet file or a folder of them: "
                            f"price={price.model} {what}", "Give data.path=FILE_OR_FOLDER."))
    if data.markets is not None and data.markets != price.markets:
        yield str(bad_value("data.markets", data.markets, "null or the markets simulated, price.markets="
                            f"{price.markets}", "Use price.markets."))
    if run.horizon_hours is None:
        yield str(bad_value("run.horizon_hours", None, "a number with price.windows: the length of a window",
                            "Give run.horizon_hours=NUMBER."))
