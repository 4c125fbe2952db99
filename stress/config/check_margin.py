"""Cross-field checks of margin rates that do not come from ``protocol.margin_tiers``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stress.config.margin import LeverageTierConfig, MarginConfig
from stress.config.markets import per_market
from stress.config.schema import Config, ProtocolConfig
from stress.errors import UserError, bad_value

KEY = "protocol.margin"
NEEDS = {
    "tiers": (),
    "leverage": ("leverage_tiers", "maintenance_share"),
    "root_size": ("initial_margin", "maintenance_margin", "size_factor"),
    "linear_size": ("initial_margin", "maintenance_margin", "size_slope"),
    "skew": ("initial_margin", "skew_scale", "skew_fraction", "maintenance_share"),
}
"""What each kind is made of."""
GIVEN = tuple(dict.fromkeys(name for names in NEEDS.values() for name in names))


def replaces_tiers(protocol: ProtocolConfig) -> bool:
    """Whether rates come from the margin section."""
    return protocol.margin is not None and protocol.margin.kind != "tiers"


def check_margin(config: Config) -> Iterator[str]:
    """Messages on the margin section, for the markets that are simulated."""
    margin, markets = config.protocol.margin, config.price.markets
    if margin is None:
        return
    problems = [*_fields(margin), *_flat(config.protocol)]
    yield from problems
    if not problems:
        yield from _leverage(margin, markets)
        yield from _order(margin, markets)
        yield from _caps(margin, markets)
        yield from _gains(margin, markets)


def lowest_maintenance(margin: MarginConfig, markets: list[str]) -> list[float]:
    """The maintenance rate of a small position in every market, for kinds other than tiers."""
    if margin.kind in ("root_size", "linear_size"):
        return _values(margin, "maintenance_margin", markets).tolist()
    initial = (np.array([1.0 / _tiers(margin, market)[0].max_leverage for market in markets])
               if margin.kind == "leverage" else _values(margin, "initial_margin", markets))
    return (_values(margin, "maintenance_share", markets) * initial).tolist()


def _fields(margin: MarginConfig) -> Iterator[str]:
    needs = NEEDS[margin.kind]
    missing = [name for name in needs if getattr(margin, name) is None]
    if missing:
        yield str(UserError(f"{KEY}: {margin.kind} needs {', '.join(missing)}. Give "
                            + ", ".join(f"{KEY}.{name}" for name in missing) + "."))
    for name in GIVEN:
        if name not in needs and getattr(margin, name) is not None:
            yield str(bad_value(f"{KEY}.{name}", getattr(margin, name), f"null with {KEY}.kind={margin.kind}",
                                f"It is made of {', '.join(needs)}." if needs else ""))


def _flat(protocol: ProtocolConfig) -> Iterator[str]:
    """Flat rates stand for tiers only."""
    if not replaces_tiers(protocol):
        return
    assert protocol.margin is not None
    for name in ("initial_margin", "maintenance_margin"):
        if getattr(protocol, name) is not None:
            kind = protocol.margin.kind
            yield str(bad_value(f"protocol.{name}", getattr(protocol, name), f"null with {KEY}.kind={kind}",
                                f"Set the rates of {KEY}, or {KEY}=null."))


def _leverage(margin: MarginConfig, markets: list[str]) -> Iterator[str]:
    for market, tiers in (margin.leverage_tiers or {}).items():
        key, bounds = f"{KEY}.leverage_tiers.{market}", [tier.up_to_usd for tier in tiers]
        closed = [bound for bound in bounds if bound is not None]
        if not tiers or bounds[-1] is not None or len(closed) < len(bounds) - 1 or closed != sorted(set(closed)):
            yield str(bad_value(f"{key}.up_to_usd", bounds, "rising bounds, the last one null (no bound)"))
        most = [tier.max_leverage for tier in tiers]
        if most != sorted(most, reverse=True):
            yield str(bad_value(f"{key}.max_leverage", most, "leverage that does not rise from tier to tier"))
    if margin.kind == "leverage":
        missing = [market for market in markets if not _tiers(margin, market)]
        if missing:
            yield str(UserError(f"{KEY}.leverage_tiers: no tiers for {', '.join(missing)}. Add the market or "
                                "'default' to the tiers."))
        yield from _below_one(margin, markets)


def _below_one(margin: MarginConfig, markets: list[str]) -> Iterator[str]:
    """Maintenance margin of the whole notional cannot be kept."""
    shares = _values(margin, "maintenance_share", markets)
    whole = [market for market, share in zip(markets, shares, strict=True)
             if any(share >= tier.max_leverage for tier in _tiers(margin, market))]
    if whole:
        yield str(bad_value(f"{KEY}.maintenance_share", margin.maintenance_share,
                            f"less than the lowest max_leverage of {', '.join(whole)}"))


def _order(margin: MarginConfig, markets: list[str]) -> Iterator[str]:
    if margin.kind not in ("root_size", "linear_size"):
        return
    low, high = (_values(margin, name, markets) for name in ("maintenance_margin", "initial_margin"))
    wrong = [f"{market} {m:g} > {i:g}" for market, m, i in zip(markets, low, high, strict=True) if m > i]
    if wrong:
        yield str(bad_value(f"{KEY}.maintenance_margin", margin.maintenance_margin,
                            f"<= {KEY}.initial_margin in every market", f"It is above for {', '.join(wrong)}."))


def _caps(margin: MarginConfig, markets: list[str]) -> Iterator[str]:
    caps, key = margin.open_interest, f"{KEY}.open_interest"
    if caps is None:
        return
    low, high = (per_market(getattr(caps, name), markets, f"{key}.{name}") for name in ("lower_usd", "upper_usd"))
    if (low >= high).any():
        yield str(bad_value(f"{key}.upper_usd", caps.upper_usd, f"> {key}.lower_usd in every market"))


def _gains(margin: MarginConfig, markets: list[str]) -> Iterator[str]:
    """Who may withdraw on a gain that does not count for maintenance would be liquidatable afterwards."""
    if margin.unrealised_gain_initial is None:
        return
    key = f"{KEY}.unrealised_gain_initial"
    for_initial = per_market(margin.unrealised_gain_initial.weight, markets, f"{key}.weight")
    if margin.unrealised_gain_initial.size_factor is not None:
        per_market(margin.unrealised_gain_initial.size_factor, markets, f"{key}.size_factor")
    if margin.unrealised_gain_weight is None:
        return
    low = per_market(margin.unrealised_gain_weight, markets, f"{KEY}.unrealised_gain_weight")
    wrong = [f"{m} {i:g} > {w:g}" for m, i, w in zip(markets, for_initial, low, strict=True) if i > w]
    if wrong:
        yield str(bad_value(f"{key}.weight", margin.unrealised_gain_initial.weight,
                            f"<= {KEY}.unrealised_gain_weight in every market", f"It is above for {', '.join(wrong)}."))


def _values(margin: MarginConfig, name: str, markets: list[str]) -> np.ndarray:
    return per_market(getattr(margin, name), markets, f"{KEY}.{name}")


def _tiers(margin: MarginConfig, market: str) -> list[LeverageTierConfig]:
    tiers = margin.leverage_tiers or {}
    return tiers.get(market, tiers.get("default", []))
