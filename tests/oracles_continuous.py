"""Public reference values of first passage under continuous monitoring: geometric Brownian motion and regimes.

Conventions as in ``tests.oracles``. A "one-touch" pays ``strike`` at the horizon, discounted, if the level was touched.
"""

from __future__ import annotations

from tests.oracles import GBM_D, GBM_E, GBM_F, REGIMES_A_FLAT_CALM, REGIMES_B_CALM, Law, Oracle

HAUG_DOWN = Law(start=105.0, drift=0.1, volatility=0.2, years=0.5)
HAUG_UP = Law(start=95.0, drift=0.1, volatility=0.2, years=0.5)

# fmt: off
CONTINUOUS = (
    Oracle("GBM-FPT-HAUG-1", HAUG_DOWN, "one-touch", 9.360355912059978, 9e-12, level=100.0, strike=15.0, rate=0.1),
    Oracle("GBM-FPT-HAUG-2", HAUG_UP, "one-touch", 11.222329584073485, 1e-11, level=100.0, strike=15.0, rate=0.1,
           side=-1.0),
    Oracle("GBM-FPT-D-cont", GBM_D, "liquidated", 0.02963049052063684, 3e-12, level=109.45273631840799, side=-1.0),
    Oracle("GBM-FPT-E-cont", GBM_E, "liquidated", 0.5958130067745722, 6e-11, level=70.0),
    Oracle("GBM-FPT-F-cont", GBM_F, "liquidated", 0.6109912462235534, 6e-11, level=98.39357429718875),
    Oracle("RS-FPT-A-calm-cont", REGIMES_A_FLAT_CALM, "liquidated", 0.1359746636877429, 1e-09, level=75.0),
    Oracle("RS-FPT-B-calm-cont", REGIMES_B_CALM, "liquidated", 0.28542303645213385, 1e-09, level=50.0),
    Oracle("RS-FPT-PCS-L50", REGIMES_A_FLAT_CALM, "liquidated", 0.002710796739600021, 1e-09, level=50.0),
)
# fmt: on
