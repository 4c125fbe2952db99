"""Cross-field checks of ``protocol.adl``."""

from __future__ import annotations

from collections.abc import Iterator

from stress.config.adl import POOL_POLICIES
from stress.config.schema import ProtocolConfig
from stress.errors import bad_value


def check_adl(protocol: ProtocolConfig) -> Iterator[str]:
    """Messages on when ADL begins."""
    adl = protocol.adl
    if adl.trigger == "pnl_to_pool" and adl.policy != "none":
        yield from _by_pool(protocol)
    if adl.trigger != "fund_drawdown":
        return
    if adl.drawdown is None:
        yield str(bad_value("protocol.adl.drawdown", None, "a share when protocol.adl.trigger=fund_drawdown",
                            "Bybit and OKX take 0.3."))
    if "insurance_fund" not in protocol.waterfall:
        yield str(bad_value("protocol.adl.trigger", adl.trigger,
                            "fund_empty while insurance_fund is not in protocol.waterfall",
                            "There is no fund that could fall."))


def _by_pool(protocol: ProtocolConfig) -> Iterator[str]:
    """Messages on a pool whose profits ADL looks at."""
    adl, set_by = protocol.adl, "while protocol.adl.trigger=pnl_to_pool"
    if adl.pool is None:
        yield str(bad_value("protocol.adl.pool", None, f"a section {set_by}",
                            "Give long_usd, short_usd, max_factor and target_factor, as protocol=gmx_v2 does."))
    elif adl.pool.target_factor > adl.pool.max_factor:
        yield str(bad_value("protocol.adl.pool.target_factor", adl.pool.target_factor,
                            f"at most protocol.adl.pool.max_factor ({adl.pool.max_factor:g})",
                            "ADL begins above the one and ends at the other."))
    if protocol.backstop is None:
        yield str(bad_value("protocol.backstop", None, f"a section {set_by}",
                            "The backstop is the pool: it takes what ADL closes."))
    for key, value, allowed, fix in (
        ("protocol.adl.policy", adl.policy, POOL_POLICIES, "The others share out units, not profit, or need losers."),
        ("protocol.adl.price", adl.price, ("oracle",), "A pool closes at the oracle price."),
        ("protocol.contract", protocol.contract, ("linear",), "The pool is worth USD."),
    ):
        if value not in allowed:
            yield str(bad_value(key, value, f"{' or '.join(allowed)} {set_by}", fix))
    if "adl" in protocol.waterfall:
        yield str(bad_value("protocol.waterfall", protocol.waterfall, f"a list without adl {set_by}",
                            "This ADL looks at profits and pays for no deficits. Leave adl out of it."))
