"""Settings of the commands that answer a question: a section and a file each."""

from __future__ import annotations

from dataclasses import dataclass

from stress.config.decide.attribution import AttributionConfig
from stress.config.decide.critical import CriticalConfig
from stress.config.decide.frontier import FrontierConfig
from stress.config.decide.fund import FundConfig
from stress.config.decide.sensitivity import SensitivityConfig
from stress.config.fields import field


@dataclass(kw_only=True)
class DecideConfig:
    """Settings of the commands that answer a question; other commands do not read them."""

    attribution: AttributionConfig = field("command attribution")
    fund: FundConfig = field("command fund")
    frontier: FrontierConfig = field("command frontier")
    critical: CriticalConfig = field("command critical")
    sensitivity: SensitivityConfig = field("command sensitivity")
