"""Cross-field checks of the market model: markets and regimes."""

from __future__ import annotations

from collections.abc import Iterator

from stress.config.check_parts import check_parts
from stress.config.price import PriceConfig
from stress.errors import UserError, bad_value, unknown_key

BY_REGIME = ("drift", "volatility", "correlation", "jump")
"""What a regime has of its own or takes from the price section."""


def check_price(price: PriceConfig) -> Iterator[str]:
    """Messages on the price section."""
    yield from _markets(price)
    yield from _regimes(price)
    if price.model == "composition":
        yield from _given_somewhere(price)
    yield from check_parts(price)


def _given_somewhere(price: PriceConfig) -> Iterator[str]:
    leveled = price.variance is not None and price.variance.kind == "heston"  # theta is the level
    for name in BY_REGIME:
        if leveled and name == "volatility":
            continue
        without = [key for key, regime in (price.regimes or {}).items() if getattr(regime, name) is None]
        if getattr(price, name) is None and (without or not price.regimes):
            where = f", and regime {without[0]} has none of its own" if without else ""
            yield str(bad_value(f"price.{name}", None, f"a value for all regimes or one in every regime{where}"))


def _markets(price: PriceConfig) -> Iterator[str]:
    names = price.markets
    if not names or len(set(names)) < len(names) or any(not n.strip() or n == "default" for n in names):
        yield str(bad_value("price.markets", names, "at least one name, each once, and none of them 'default'"))


def _regimes(price: PriceConfig) -> Iterator[str]:
    names = list(price.regimes or {})
    rates = price.transition_rates or {}
    yield from _rate_names(names, rates)
    allowed = ["stationary", *names]
    if price.initial_regime not in allowed:
        yield str(bad_value("price.initial_regime", price.initial_regime, "one of " + ", ".join(allowed)))
    if price.regimes is not None and (not names or "stationary" in names):
        yield str(bad_value("price.regimes", names, "null, or at least one name, and none of them 'stationary'"))
    missing = [name for name in names if name not in rates] if len(names) > 1 else []
    if missing:
        yield str(UserError(f"price.transition_rates: no rates out of {', '.join(missing)}. Add {missing[0]}: "
                            f"{{{next(n for n in names if n != missing[0])}: RATE}} (per year)."))
    elif names and price.initial_regime == "stationary" and not _settles(names, rates):
        yield str(bad_value("price.transition_rates", rates, "rates with one stationary law when "
                            "price.initial_regime=stationary", "Let every regime be left, or name the initial regime."))


def _rate_names(names: list[str], rates: dict[str, dict[str, float]]) -> Iterator[str]:
    for source, row in rates.items():
        if source not in names:
            yield str(unknown_key("price.transition_rates", source, names or ["(no regimes)"]))
        others = [name for name in names if name != source]
        for target in row:
            if target not in others:
                yield str(unknown_key(f"price.transition_rates.{source}", target, others or ["(no other regime)"]))


def _settles(names: list[str], rates: dict[str, dict[str, float]]) -> bool:
    """Whether some regime is reached from every regime, which makes the stationary law unique."""
    def reach(start: str) -> set[str]:
        seen, queue = {start}, [start]
        while queue:
            onward = [t for t, rate in rates.get(queue.pop(), {}).items() if rate > 0 and t not in seen]
            seen.update(onward)
            queue.extend(onward)
        return seen
    return bool(set.intersection(*(reach(name) for name in names)))
