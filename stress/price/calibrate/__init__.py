"""Fitting a price model to a history file: ``calibrate(config, folder)``."""

from stress.price.calibrate.run import calibrate

__all__ = ["calibrate"]
