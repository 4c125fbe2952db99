"""Settings of the commands that answer a question: a section and a file each."""

from __future__ import annotations

from dataclasses import dataclass

from stress.config.decide.fund import FundConfig
from stress.config.decide.search import SearchConfig
from stress.config.fields import field


@dataclass(kw_only=True)
class DecideConfig:
    """Settings of the commands that answer a question; other commands do not read them."""

    fund: FundConfig = field("command fund")
    search: SearchConfig = field("command search")
