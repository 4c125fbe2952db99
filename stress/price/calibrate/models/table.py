"""Which models can be fitted, and which of them a price section asks for."""

from __future__ import annotations

from stress.config.schema import PriceConfig
from stress.errors import UserError
from stress.price.calibrate.base import Fitter
from stress.price.calibrate.models.gbm import GbmFitter
from stress.price.calibrate.models.merton import MertonFitter
from stress.price.calibrate.models.regime import RegimeFitter

FITTERS: dict[str, Fitter] = {fitter.name: fitter for fitter in (GbmFitter(), MertonFitter(), RegimeFitter())}


def asked_model(price: PriceConfig) -> str:
    """The model to fit: with regimes ``regime``, else with Merton jumps ``merton``, else ``gbm``."""
    if price.model != "composition":
        raise UserError(f"calibrate: price.model={price.model} has nothing to fit. Use price=regime, price=merton or "
                        "price=gbm.")
    if price.regimes:
        return "regime"
    return "merton" if price.jump is not None and price.jump.kind == "merton" else "gbm"
