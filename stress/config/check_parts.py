"""Cross-field checks of the parts of the market model: each kind has the numbers it needs, and they go together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stress.config.price import JumpConfig, PriceConfig
from stress.config.schema import Config
from stress.errors import UserError, bad_value
from stress.units import SECONDS_PER_YEAR

NEEDS = {
    "variance": {"constant": (), "heston": ("kappa", "theta", "xi", "rho"),
                 "garch": ("period_seconds", "alpha", "gamma", "beta")},
    "jump": {"none": (), "merton": ("intensity", "mean", "std"),
             "kou": ("intensity", "up_probability", "eta_up", "eta_down")},
    "intensity": {"constant": (), "hawkes": ("alpha", "beta", "initial")},
}
"""What each kind of a part cannot do without."""

COMMON = {"merton": ("common_mean", "common_std", "common_correlation"),
          "kou": ("common_up_probability", "common_eta_up", "common_eta_down")}
"""And what it needs where markets jump together."""

MOST_A_TICK = 1000
"""Jumps of one kind that a tick may have on average: they are drawn one by one."""


def check_parts(price: PriceConfig) -> Iterator[str]:
    """Messages on the variance, jump and intensity sections."""
    yield from _lacking(price.variance, "variance", "price.variance")
    yield from _lacking(price.intensity, "intensity", "price.intensity")
    jumps = _jumps(price)
    for key, jump in jumps.items():
        yield from _lacking(jump, "jump", key)
        yield from _common(jump, key)
    kinds = sorted({jump.kind for jump in jumps.values() if jump is not None and jump.kind != "none"})
    if len(kinds) > 1:
        yield str(bad_value("price.regimes", " and ".join(kinds), "regimes whose jumps are of one kind, or none"))
    yield from _level(price)
    yield from _persistence(price)
    yield from _branching(price, any(jump is not None and jump.kind != "none" for jump in jumps.values()))


def _jumps(price: PriceConfig) -> dict[str, JumpConfig | None]:
    """Jump sections by key."""
    return {"price.jump": price.jump,
            **{f"price.regimes.{name}.jump": regime.jump for name, regime in (price.regimes or {}).items()}}


def check_often(config: Config) -> Iterator[str]:
    """Messages on jumps that come so often that they are none."""
    price, step = config.price, config.run.step_seconds
    if step is None or price.model != "composition":
        return
    for key, jump in _jumps(price).items():
        for name in ("intensity", "common_intensity"):
            rate = getattr(jump, name, None)
            most = max((_at(rate, market) for market in _names(rate)), default=0.0) if rate is not None else 0.0
            if most * step / SECONDS_PER_YEAR > MOST_A_TICK:
                yield str(bad_value(
                    f"{key}.{name}", f"{most:g}", f"at most {MOST_A_TICK * SECONDS_PER_YEAR / step:.4g} per year, "
                    f"{MOST_A_TICK} jumps a tick of {step:g} s", "So many small jumps are a diffusion: raise its "
                    "volatility instead, or shorten run.step_seconds."))


def _lacking(section: Any, part: str, key: str) -> Iterator[str]:
    if section is None:
        return
    missing = [name for name in NEEDS[part][section.kind] if getattr(section, name) is None]
    if missing:
        yield str(UserError(f"{key}: {section.kind} needs {', '.join(missing)}. Give "
                            + ", ".join(f"{key}.{name}=NUMBER" for name in missing) + "."))


def _common(jump: JumpConfig | None, key: str) -> Iterator[str]:
    if jump is None or not jump.common_intensity:
        return
    missing = [name for name in COMMON.get(jump.kind, ()) if getattr(jump, name) is None]
    if missing:
        yield str(UserError(f"{key}.common_intensity: common jumps of {jump.kind} need {', '.join(missing)}."))


def _level(price: PriceConfig) -> Iterator[str]:
    """Where the level of the volatility stands."""
    kind = price.variance.kind if price.variance else "constant"
    if kind == "heston" and price.volatility is not None:
        yield str(bad_value("price.volatility", price.volatility, "null with price.variance.kind=heston",
                            "The level is price.variance.theta, a variance: the square of a volatility."))
    if kind == "garch" and price.volatility is None:
        yield str(bad_value("price.volatility", None, "the long-run volatility with price.variance.kind=garch"))
    own = [name for name, regime in (price.regimes or {}).items() if regime.volatility is not None]
    if kind != "constant" and own:
        yield str(bad_value(f"price.regimes.{own[0]}.volatility", price.regimes[own[0]].volatility,  # type: ignore[index]
                            f"null with price.variance.kind={kind}", "Give the regime a volatility_multiplier."))


def _persistence(price: PriceConfig) -> Iterator[str]:
    section = price.variance
    if section is None or section.kind != "garch" or None in (section.alpha, section.gamma, section.beta):
        return
    for name in _names(section.alpha, section.gamma, section.beta):
        total = _at(section.alpha, name) + 0.5 * _at(section.gamma, name) + _at(section.beta, name)
        if total >= 1.0:
            yield str(UserError(f"price.variance: alpha + gamma/2 + beta is {total:.6g}{_where(name)}, allowed is "
                                "< 1: the variance must have a long-run level. Lower one of them."))
            return


def _branching(price: PriceConfig, jumps: bool) -> Iterator[str]:
    section = price.intensity
    if section is None or section.kind != "hawkes":
        return
    if not jumps:
        yield str(bad_value("price.intensity.kind", "hawkes", "constant where nothing jumps",
                            "Give price.jump.kind=merton or kou with their numbers."))
    pairs = [("alpha", "beta", section.alpha, section.beta)]
    pairs.append(("common_alpha", "common_beta", section.common_alpha, section.common_beta))
    if section.common_alpha is not None and section.common_beta is None:
        yield str(UserError("price.intensity.common_alpha: needs common_beta, the rate at which it fades."))
    for first, second, alpha, beta in pairs:
        bad = [name for name in _names(alpha, beta)
               if alpha is not None and beta is not None and _at(alpha, name) >= _at(beta, name)]
        if bad:
            yield str(UserError(f"price.intensity: the branching ratio {first}/{second} is "
                                f"{_at(alpha, bad[0]) / _at(beta, bad[0]):.6g}{_where(bad[0])}, allowed is < 1: else "
                                "jumps excite ever more jumps. Lower it."))


def _names(*values: Any) -> list[Any]:
    """Markets by name or place at which values may differ; None where all are single numbers."""
    names = [name for value in values for name in _keys(value)]
    return list(dict.fromkeys(names)) or [None]


def _keys(value: Any) -> list[Any]:
    return list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []


def _at(value: Any, name: Any) -> float:
    if isinstance(value, dict):
        return float(value.get(name, value.get("default", 0.0)))
    if isinstance(value, list):
        return float(value[name]) if isinstance(name, int) and name < len(value) else 0.0
    return float(value)


def _where(name: Any) -> str:
    return "" if name is None else f" for {name}" if isinstance(name, str) else f" for market {name + 1}"
