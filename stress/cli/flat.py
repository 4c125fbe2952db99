"""What a value of the price section means that is given on the command line while the preset has regimes."""

from __future__ import annotations

from typing import Any

from stress.config.check_price import BY_REGIME


def hold_in_every_regime(container: dict[str, Any], overrides: list[str]) -> None:
    """Let ``price.volatility=...`` and the like replace what the preset gives regime by regime, in ``container``.

    A regime's own value goes before the price section's, so without this such an override would do nothing. Regimes
    that are overridden themselves keep their own.
    """
    given = [override.lstrip("+").partition("=")[0] for override in overrides]
    price = container["price"]
    regimes = price.get("regimes")
    if not isinstance(regimes, dict) or "price.regimes" in given:  # none, all given anew, or for parse to refuse
        return
    flat = [name for name in BY_REGIME if price.get(name) is not None and _within(given, f"price.{name}")]
    for regime, values in regimes.items():
        key = f"price.regimes.{regime}"
        if isinstance(values, dict) and key not in given:
            values |= {name: None for name in flat if name in values and not _within(given, f"{key}.{name}")}


def _within(given: list[str], key: str) -> bool:
    """Whether ``key`` or something below it is overridden."""
    return any(k == key or k.startswith(f"{key}.") for k in given)
