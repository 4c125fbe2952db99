"""Fitting the premium process to a history of funding rates: arrays in, estimates out.

Files and presets are those of ``stress.calibrate``.
"""
