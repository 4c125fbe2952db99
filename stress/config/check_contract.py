"""Cross-field checks of inverse contracts: rules that no venue has for them, and that are not worked out."""

from __future__ import annotations

from collections.abc import Iterator

from stress.config.funding import BY_SKEW
from stress.config.schema import Config
from stress.errors import bad_value

LIMITS, MARGINS = ("bankruptcy",), ("tiers", "leverage", "linear_size")
WHEN = "when protocol.contract=inverse"


def check_contract(config: Config) -> Iterator[str]:
    """Messages on what inverse contracts do not go with."""
    protocol = config.protocol
    if protocol.contract != "inverse":
        return
    limit = protocol.liquidation.limit_price
    if limit is not None and limit not in LIMITS:
        yield str(bad_value("protocol.liquidation.limit_price", limit, f"null or bankruptcy {WHEN}"))
    if protocol.margin is not None and protocol.margin.kind not in MARGINS:
        yield str(bad_value("protocol.margin.kind", protocol.margin.kind, f"{', '.join(MARGINS)} {WHEN}"))
    if protocol.funding.kind in BY_SKEW and protocol.funding.interval_hours is not None:
        yield str(bad_value("protocol.funding.kind", protocol.funding.kind, f"clamped or deadband {WHEN}"))
    yield from _mechanisms(config)
    for name, shock in config.shocks.items():
        if shock.kind == "collateral_depeg":
            yield str(bad_value(f"shocks.{name}.kind", shock.kind, f"another shock {WHEN}",
                                "Collateral is the coin itself, whose price already moves."))


def _mechanisms(config: Config) -> Iterator[str]:
    """Parts of the venue that no venue has for inverse contracts, or that are worked out for linear ones alone."""
    protocol = config.protocol
    for name, value, allowed, why in (
        ("execution", protocol.liquidation.execution, "book", "Drift and Mango, which do so, have linear ones"),
        ("window", protocol.liquidation.window, None, "Synthetix, which has one, has linear ones"),
    ):
        if value != allowed:
            yield str(bad_value(f"protocol.liquidation.{name}", value if name == "execution" else "a section",
                                f"{'null' if allowed is None else allowed} {WHEN}",
                                f"No venue does so with inverse contracts: {why}."))
    if protocol.collateral is not None:
        yield str(bad_value("protocol.collateral", "a section", f"null {WHEN}", "Collateral is the coin itself."))
    if protocol.socialised_loss is not None and protocol.socialised_loss.by != "profit":
        yield str(bad_value("protocol.socialised_loss.by", protocol.socialised_loss.by, f"profit {WHEN}"))
