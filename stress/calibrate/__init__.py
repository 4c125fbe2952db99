"""Fitting what surrounds prices, order-book depth and the funding premium, to history files."""
