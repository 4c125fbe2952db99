"""Cross-field checks of ``protocol.adl``."""

from __future__ import annotations

from collections.abc import Iterator

from stress.config.schema import ProtocolConfig
from stress.errors import bad_value


def check_adl(protocol: ProtocolConfig) -> Iterator[str]:
    """Messages on when ADL begins."""
    adl = protocol.adl
    if adl.trigger != "fund_drawdown":
        return
    if adl.drawdown is None:
        yield str(bad_value("protocol.adl.drawdown", None, "a share when protocol.adl.trigger=fund_drawdown",
                            "Bybit and OKX take 0.3."))
    if "insurance_fund" not in protocol.waterfall:
        yield str(bad_value("protocol.adl.trigger", adl.trigger,
                            "fund_empty while insurance_fund is not in protocol.waterfall",
                            "There is no fund that could fall."))
    if protocol.insurance is not None:
        yield str(bad_value("protocol.adl.trigger", adl.trigger, "fund_empty while protocol.insurance is set",
                            "The peak of a fund with rules of its own is not followed. Set protocol.insurance=null, or "
                            "protocol.adl.trigger=fund_empty."))
