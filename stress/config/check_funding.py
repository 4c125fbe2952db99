"""Cross-field checks of ``protocol.funding``."""

from __future__ import annotations

from collections.abc import Iterator

from stress.config.funding import BY_SKEW, FundingConfig
from stress.errors import bad_value


def check_funding(funding: FundingConfig) -> Iterator[str]:
    """Messages on the section."""
    if funding.kind != "clamped" and getattr(funding, funding.kind) is None:
        yield str(bad_value(f"protocol.funding.{funding.kind}", None, f"set when kind={funding.kind}"))
    if funding.kind in BY_SKEW and funding.premium_process is not None:
        yield str(bad_value("protocol.funding.premium_process", "a process", f"null when kind={funding.kind}",
                            "Its rate follows the book, not a premium."))
    if funding.adaptive is not None and funding.adaptive.smallest > funding.adaptive.largest:
        yield str(bad_value("protocol.funding.adaptive.smallest", funding.adaptive.smallest,
                            f"<= protocol.funding.adaptive.largest={funding.adaptive.largest:g}"))
