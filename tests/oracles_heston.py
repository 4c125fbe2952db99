"""Public reference values of Heston's and Bates's models: European options, moments, variances, first passage.

Conventions as in ``tests.oracles``. "integral" is that of the variance over the horizon; "variance below" is the
probability that the variance ends at or below ``level``. First passage is for continuous monitoring.
"""

from __future__ import annotations

from tests.oracles import Oracle
from tests.walks import DAY, Model


def heston(years: float, *, drift: float, **variance: float) -> Model:
    """One market that starts at 100."""
    section = {"kind": "heston", **variance}
    return Model(years, {"initial_prices": 100.0, "drift": drift, "volatility": None, "variance": section})


# fmt: off
BK = heston(1.0, drift=0.0319, kappa=6.21, theta=0.019, xi=0.61, rho=-0.7, v0=0.010201)
AND1 = heston(10.0, drift=0.0, kappa=0.5, theta=0.04, xi=1.0, rho=-0.9, v0=0.04)
AND2 = heston(15.0, drift=0.0, kappa=0.3, theta=0.04, xi=0.9, rho=-0.5, v0=0.04)
KJ = heston(10.0, drift=0.0, kappa=1.0, theta=0.16, xi=2.0, rho=-0.8, v0=0.16)
LEWIS = heston(1.0, drift=-0.01, kappa=4.0, theta=0.25, xi=1.0, rho=-0.5, v0=0.04)
COS = heston(1.0, drift=0.08, kappa=4.0, theta=0.22, xi=1.8, rho=-0.75, v0=0.1)
NAG = heston(1.0, drift=0.025, kappa=1.5768, theta=0.0398, xi=0.5751, rho=-0.5711, v0=0.0175)
RUST = heston(1.0, drift=0.05, kappa=1.5, theta=0.04, xi=0.3, rho=-0.7, v0=0.04)
BENCHOP = heston(1.0, drift=0.0, kappa=2.58, theta=0.043, xi=1.0, rho=-0.36, v0=0.114)
BR_A = heston(0.5, drift=0.0, kappa=4.0, theta=0.09, xi=0.4, rho=0.0, v0=0.09)
BR_B = heston(0.5, drift=0.0, kappa=8.0, theta=0.1225, xi=0.8, rho=0.0, v0=0.1225)
CRYPTO = heston(30 * DAY, drift=0.0, kappa=5.0, theta=0.64, xi=1.5, rho=-0.4, v0=0.49)
BATES = CRYPTO.changed(jump={"kind": "merton", "intensity": 12.0, "mean": -0.03, "std": 0.06})
FO = heston(1.0, drift=0.0, kappa=1.5768, theta=0.0398, xi=0.5751, rho=-0.5711, v0=0.0175)
PASSAGE_B = heston(30 * DAY, drift=0.0, kappa=5.0, theta=0.64, xi=1.5, rho=0.0, v0=0.49)
PASSAGE_C = heston(DAY, drift=0.0, kappa=20.0, theta=0.64, xi=3.0, rho=0.0, v0=0.64)
PDE_B = heston(1.0, drift=0.0, kappa=2.0, theta=0.09, xi=1.0, rho=-0.3, v0=0.09)
PDE_C = heston(1.0, drift=0.05, kappa=4.0, theta=0.09, xi=0.4, rho=-0.7, v0=0.09)

HESTON = (
    Oracle("HES-PX-BK1-2", BK, "call", 6.806113313462058, 1e-09, strike=100.0, rate=0.0319),
    Oracle("HES-PX-AND1-4", AND1, "call", 0.29577443579808005, 1e-09, strike=140.0),
    Oracle("HES-PX-AND2-2", AND2, "call", 16.649222920358653, 1e-09, strike=100.0),
    Oracle("HES-PX-KJ-1", KJ, "call", 4.952114720879763, 1e-09, strike=200.0),
    Oracle("HES-PX-LEWIS-1", LEWIS, "put", 7.958878113256802, 1e-09, strike=80.0, rate=0.01),
    Oracle("HES-PX-LEWIS-4", LEWIS, "call", 16.070154917028834, 1e-09, strike=100.0, rate=0.01),
    Oracle("HES-PX-QL-COS-2", COS, "call", 0.01036797658140208, 1e-09, strike=250.0, rate=0.15),
    Oracle("HES-PX-QL-COS-3", COS, "put", 5.319092971836625, 1e-09, strike=80.0, rate=0.15),
    Oracle("HES-PX-QL-COS-4", COS, "put", 0.010326819063315895, 1e-09, strike=10.0, rate=0.15),
    Oracle("HES-PX-NAG2-1", NAG, "call", 7.274266964223378, 1e-09, strike=100.0, rate=0.025),
    Oracle("HES-PX-RUST-1", RUST, "call", 25.095178016435042, 1e-09, strike=80.0, rate=0.05),
    Oracle("HES-PX-RUST-6", RUST, "call", 7.604362133710726, 1e-09, strike=105.0, rate=0.05),
    Oracle("HES-PX-RUST-7", RUST, "call", 5.317953112876003, 1e-09, strike=110.0, rate=0.05),
    Oracle("HES-PX-BENCHOP-1", BENCHOP, "call", 1.2113369712795077, 1e-09, strike=133.33333333333334),
    Oracle("HES-PX-BENCHOP-2", BENCHOP, "call", 9.04665011922097, 1e-09, strike=100.0),
    Oracle("HES-PX-BR1A-K100", BR_A, "call", 8.359478581557909, 1e-09, strike=100.0),
    Oracle("HES-PX-BR1B-K90", BR_B, "call", 15.099166087243958, 1e-09, strike=90.0),
    Oracle("HES-PX-BR1B-K110", BR_B, "call", 5.992159077886427, 1e-09, strike=110.0),
    Oracle("BAT-PX-CR-K70", BATES, "call", 30.533239286884097, 1e-09, strike=70.0),
    Oracle("BAT-PX-CR-K140", BATES, "call", 0.4572028582465748, 1e-09, strike=140.0),
    Oracle("HES-MOM-BK1-EI", BK, "integral mean", 0.01758593869250344, 2e-12),
    Oracle("HES-MOM-BK1-VI", BK, "integral variance", 0.0001258345146140482, 1e-13),
    Oracle("HES-MOM-BK1-EX", BK, "log mean", 0.023107030653749062, 2e-12),
    Oracle("HES-MOM-BK1-SK", BK, "log skewness", -1.3268707799680057, 1e-08),
    Oracle("HES-MOM-CR-EV", CRYPTO, "variance mean", 0.5405478732701695, 5e-13),
    Oracle("HES-MOM-CR-VI", CRYPTO, "integral variance", 0.0001563011039780279, 2e-13),
    Oracle("HES-MOM-CR-EX", CRYPTO, "log mean", -0.02124658253599289, 2e-12),
    Oracle("HES-MOM-CR-VX", CRYPTO, "log variance", 0.04343621562232552, 4e-12),
    Oracle("HES-MOM-FO-VV", FO, "variance variance", 0.0032290588734029007, 3e-15),
    Oracle("HES-MOM-FO-VI", FO, "integral variance", 0.0009987819997971617, 1e-12),
    Oracle("HES-MOM-FO-EX", FO, "log mean", -0.014289893016075599, 1e-12),
    Oracle("HES-MOM-FO-KU", FO, "log kurtosis", 7.511286916860854, 8e-08),
    Oracle("HES-FELLER-FO", FO, "variance below", 0.336024590704865, 3e-09, level=0.00398),
    Oracle("HES-FPT-A-L60", BR_A, "liquidated", 0.024155734849087306, 3e-09, level=60.0),
    Oracle("HES-FPT-B-L75", PASSAGE_B, "liquidated", 0.1824626904116149, 3e-09, level=75.0),
    Oracle("HES-FPT-B-L50", PASSAGE_B, "liquidated", 0.0022705039785718695, 3e-09, level=50.0),
    Oracle("HES-FPT-C-L95", PASSAGE_C, "liquidated", 0.22521357792601648, 3e-09, level=95.0),
    Oracle("HES-FPT-RHO-B", PDE_B, "liquidated", 0.41054002314448107, 0.0002, level=80.0),
    Oracle("HES-FPT-RHO-C", PDE_C, "liquidated", 0.12195403081279682, 2e-05, level=60.0),
)
# fmt: on
