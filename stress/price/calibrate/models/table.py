"""Which models can be fitted, and which of them a price section asks for."""

from __future__ import annotations

from stress.config.price import PriceConfig
from stress.errors import UserError
from stress.price.calibrate.base import Fitter
from stress.price.calibrate.models.garch import GarchFitter
from stress.price.calibrate.models.gbm import GbmFitter
from stress.price.calibrate.models.hawkes import HawkesFitter
from stress.price.calibrate.models.heston import BatesFitter, HestonFitter
from stress.price.calibrate.models.kou import KouFitter
from stress.price.calibrate.models.merton import MertonFitter
from stress.price.calibrate.models.regime import RegimeFitter
from stress.price.calibrate.models.regime_bates import RegimeBatesFitter

FITTERS: dict[str, Fitter] = {
    fitter.name: fitter for fitter in (
        GbmFitter(), MertonFitter(), KouFitter(), GarchFitter(), HestonFitter(), BatesFitter(), HawkesFitter(),
        RegimeFitter(), RegimeBatesFitter())}
"""By name, in the order of a comparison."""

ALL = "all"
"""Stands for every model that can be fitted."""

BY_PARTS = {
    ("constant", "none", "constant"): "gbm", ("constant", "merton", "constant"): "merton",
    ("constant", "kou", "constant"): "kou", ("garch", "none", "constant"): "garch",
    ("heston", "none", "constant"): "heston", ("heston", "merton", "constant"): "bates",
    ("constant", "merton", "hawkes"): "hawkes",
}
"""The model of a variance, jump and intensity part, without regimes."""

OVER_REGIMES = {"constant": "regime", "heston": "regime_bates"}
"""The model with regimes of a variance part."""


def asked_model(price: PriceConfig) -> str:
    """The model to fit, read off the parts of the price section; UserError for one that cannot be fitted."""
    if price.model != "composition":
        raise UserError(f"calibrate: price.model={price.model} has nothing to fit. Use one of {_choices()}.")
    variance, jump, intensity = price.variance, price.jump, price.intensity
    parts = (variance.kind if variance else "constant", jump.kind if jump else "none",
             intensity.kind if intensity else "constant")
    if price.regimes:
        if parts[0] not in OVER_REGIMES or parts[2] != "constant":
            raise UserError("calibrate: regimes are fitted over constant volatility or Heston's, with Merton's jumps. "
                            f"Use price=regime, price=regime_bates, or one of {_choices()}.")
        return OVER_REGIMES[parts[0]]
    if parts not in BY_PARTS:
        named = zip(("variance", "jump", "intensity"), parts, strict=True)
        described = ", ".join(f"{name} {kind}" for name, kind in named)
        raise UserError(f"calibrate: no fit for {described}. Use one of {_choices()}.")
    return BY_PARTS[parts]


def _choices() -> str:
    return ", ".join(f"price={name}" for name in FITTERS)
