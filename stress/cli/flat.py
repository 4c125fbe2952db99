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
    price = container.get("price") or {}
    for name in BY_REGIME:
        if price.get(name) is None or not _below(given, f"price.{name}"):
            continue
        for regime, values in (price.get("regimes") or {}).items():
            own = {"price.regimes", f"price.regimes.{regime}"} & set(given)
            if isinstance(values, dict) and name in values and not own and \
                    not _below(given, f"price.regimes.{regime}.{name}"):
                values[name] = None


def _below(given: list[str], key: str) -> bool:
    return any(k == key or k.startswith(f"{key}.") for k in given)
