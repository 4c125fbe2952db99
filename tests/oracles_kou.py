"""Public reference values of Kou's double-exponential jump diffusion, rare events among them.

Conventions as in ``tests.oracles``: drifts are those of the price, compensated. A value with ``steps`` is for a look at
every tick, one without for continuous monitoring; "by a jump" means that the price jumps beyond the level.
"""

from __future__ import annotations

from tests.oracles import Oracle
from tests.walks import DAY, Model


def kou(years: float, *, drift: float, volatility: float, **jump: float) -> Model:
    """One market that starts at 100."""
    jumps = {"kind": "kou", **jump}
    return Model(years, {"initial_prices": 100.0, "drift": drift, "volatility": volatility, "jump": jumps})


def kou_wang(drift: float, intensity: float) -> Model:
    """The market of Kou and Wang (2003), whose log price has the drift between jumps."""
    up, down, volatility = 50.0, 100.0 / 3.0, 0.2
    growth = 0.5 * up / (up - 1) + 0.5 * down / (down + 1) - 1
    price_drift = drift + 0.5 * volatility**2 + intensity * growth
    return kou(
        1.0, drift=price_drift, volatility=volatility, intensity=intensity, up_probability=0.5, eta_up=up, eta_down=down
    )


# fmt: off
FYPY = kou(1.0, drift=0.04, volatility=0.15, intensity=3.0, up_probability=0.2, eta_up=25.0, eta_down=10.0)
SURKOV = kou(1.0, drift=0.0, volatility=0.2, intensity=0.2, up_probability=0.5, eta_up=3.0, eta_down=2.0)
SWEEP = kou(0.5, drift=0.05, volatility=0.16, intensity=1.0, up_probability=0.4, eta_up=10.0, eta_down=5.0)
MOMENTS_A = kou(30 * DAY, drift=0.0, volatility=0.6, intensity=20.0, up_probability=0.4, eta_up=30.0, eta_down=20.0)
MOMENTS_B = kou(DAY, drift=0.0, volatility=0.8, intensity=60.0, up_probability=0.45, eta_up=40.0, eta_down=30.0)
KW_UP = kou_wang(0.1, 3.0)
KW_FEW = kou_wang(0.1, 0.01)
KW_DOWN = kou_wang(-0.1, 3.0)
KOU_A = kou(DAY, drift=0.0, volatility=0.6, intensity=20.0, up_probability=0.4, eta_up=30.0, eta_down=20.0)
KOU_B = kou(7 * DAY, drift=0.0, volatility=0.6, intensity=20.0, up_probability=0.4, eta_up=30.0, eta_down=20.0)
KOU_C = kou(1.0, drift=0.05, volatility=0.2, intensity=1.0, up_probability=0.4, eta_up=10.0, eta_down=5.0)

KOU = (
    Oracle("KOU-PX-FYPY", FYPY, "call", 11.92430307605287, 2e-08, strike=100.0, rate=0.05),
    Oracle("KOU-PX-SURKOV-62", SURKOV, "call", 7.279933830258969, 2e-08, strike=110.0),
    Oracle("KOU-PX-SWEEP-K95", SWEEP, "call", 11.113308316347204, 2e-08, strike=95.0, rate=0.05),
    Oracle("KOU-CUM-A-mean", MOMENTS_A, "log mean", -0.017898643633173467, 2e-14),
    Oracle("KOU-CUM-A-excess", MOMENTS_A, "log kurtosis", 0.12931923007549798, 1e-13),
    Oracle("KOU-CUM-B-mean", MOMENTS_B, "log mean", -0.0010213467486998196, 1e-15),
    Oracle("KOU-CUM-B-skewness", MOMENTS_B, "log skewness", -0.1420765990962601, 1e-13),
    Oracle("KOU-CUM-B-excess", MOMENTS_B, "log kurtosis", 0.8049678227499955, 8e-13),
    Oracle("KOU-OVS-KW-mu0.1-lam3.0", KW_UP, "liquidated by a jump", 0.006884144282114088, 7e-12,
           level=134.9858807576003, side=-1.0),
    Oracle("KOU-OVS-KW-mu0.1-lam0.01", KW_FEW, "liquidated by a jump", 2.4281892286267446e-05, 2e-14,
           level=134.9858807576003, side=-1.0),
    Oracle("KOU-FPT-KW-mu-0.1-lam3.0", KW_DOWN, "liquidated", 0.06122279596227696, 1e-09, level=134.9858807576003,
           side=-1.0),
    Oracle("KOU-FPT-A-cont", KOU_A, "liquidated", 0.008358015394784655, 1e-09, level=90.45226130653266),
    Oracle("KOU-FPTJ-A-cont", KOU_A, "liquidated by a jump", 0.004883902287049935, 5e-11, level=90.45226130653266),
    Oracle("KOU-BADL-A-n288", KOU_A, "bad debt", 0.021365827825651218, 2e-08, steps=288, level=90.45226130653266,
           bankruptcy=90.45226130653266),
    Oracle("KOU-BAD-B-cont", KOU_B, "bad debt", 0.02200337855850633, 2e-10, level=80.8080808080808, bankruptcy=80.0),
    Oracle("KOU-FPT-B-n28", KOU_B, "liquidated", 0.022075482051385098, 1e-09, steps=28, level=80.8080808080808),
    Oracle("KOU-BADL-B-n168", KOU_B, "bad debt", 0.03289371862857893, 3e-08, steps=168, level=80.8080808080808,
           bankruptcy=80.8080808080808),
    Oracle("KOU-FPT-C-cont", KOU_C, "liquidated", 0.16811777468584832, 1e-09, level=70.0),
    Oracle("KOU-FPT-C-n52", KOU_C, "liquidated", 0.15635293177229181, 1e-09, steps=52, level=70.0),
    Oracle("KOU-BADL-C-n52", KOU_C, "bad debt", 1.2333252433903024, 1e-06, steps=52, level=70.0, bankruptcy=70.0),
)
KOU_RARE = (
    Oracle("RARE-KOU-L75-cont", KOU_A, "liquidated", 0.0001768515231065427, 2e-10, level=75.0),
    Oracle("RARE-KOU-BAD-L75", KOU_A, "bad debt", 0.0004383944777021119, 4e-10, level=75.0, bankruptcy=75.0),
    Oracle("RARE-KOU-L70-n48", KOU_A, "liquidated", 4.318035379080598e-05, 2e-12, steps=48, level=70.0),
    Oracle("RARE-KOU-BAD-L70", KOU_A, "bad debt", 0.00010529377279308485, 1e-10, level=70.0, bankruptcy=70.0),
)
"""Met by more jumps than the law has, and a likelihood ratio of their number."""

# fmt: on
RARER = "one path in a million: the likelihood ratio of a law of sizes of its own would be needed"
KOU_RARE_EXCUSED = {
    "RARE-KOU-L50-cont": RARER,
    "RARE-KOU-L50-n48": RARER,
    "RARE-KOU-L60-cont": RARER,
    "RARE-KOU-L60-n48": RARER,
}
