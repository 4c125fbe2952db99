"""Fitting order-book depth: arrays in, estimates out. Files and presets are those of ``stress.calibrate``."""
