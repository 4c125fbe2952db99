"""The metrics to differentiate, and what is refused before anything is simulated."""

from __future__ import annotations

import difflib

from stress.config.decide.sensitivity import SensitivityConfig
from stress.config.schema import Config
from stress.decisions.desk import Run
from stress.errors import UserError
from stress.mc.estimators.metrics import ALL, COINS, COMPANION, Definition, definitions

OF_MARKET = "depletion_probability_"
"""Metrics of the funds of markets begin with it."""


def refuse_unknown(config: Config, settings: SensitivityConfig) -> None:
    """Raises UserError for a metric that no run has, or that needs a companion which is off."""
    known = ALL | COINS
    for name in settings.metrics:
        if name not in known and not name.startswith(OF_MARKET):
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise UserError(f"decide.sensitivity.metrics: got {name!r}, allowed is a metric of summary.json.{hint} "
                            f"Metrics: {', '.join(known)}.")
        for column in known[name].columns if name in known else ():
            switch = COMPANION.get(column, "")
            if switch and not getattr(config.run, switch.removeprefix("run.")):
                raise UserError(f"{switch}=false: the metric {name} needs it. Leave it true, or leave the metric out "
                                "of decide.sensitivity.metrics.")
    if not settings.metrics:
        raise UserError("decide.sensitivity.metrics: got [], allowed is a list of metrics. Name at least one.")


def chosen_metrics(base: Run, settings: SensitivityConfig) -> dict[str, Definition]:
    """The definitions of the wanted metrics; raises UserError for one that this run does not have."""
    there = definitions(base.columns)
    for name in settings.metrics:
        if name not in there:
            raise UserError(f"decide.sensitivity.metrics: got {name!r}, which this venue does not have. Metrics of "
                            f"this run: {', '.join(there)}.")
    return {name: there[name] for name in settings.metrics}
