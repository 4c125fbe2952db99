"""Public reference values of the market models and of liquidation as first passage: closed forms and exact quadratures.

Facts with their ids, transcribed from the project's table of reference values. Years have 365 days; drifts are those of
the price, E[S_T] = S_0 exp(drift T) (a table's drift of ln S plus half of the variance); the log-jump is
normal. Monitoring is discrete, at k T / steps. Bad debt is per unit, unconditional and undiscounted; the overshoot
is the mean of |ln(S / level)| at liquidation. Calls are discounted at ``rate``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Law:
    """A model of one market with its horizon. Regimes are numbered; without rates there is one."""

    start: float  # USD per unit
    drift: float | tuple[float, ...]  # per year, by regime
    volatility: float | tuple[float, ...]  # per sqrt(year), by regime
    years: float
    intensity: float = 0.0  # jumps per year
    jump_mean: float = 0.0
    jump_std: float = 0.0
    rates: tuple[tuple[float, ...], ...] = ()  # generator [R][R], per year
    initial: int | None = None  # regime at time zero; None: stationary


@dataclass(frozen=True)
class Oracle:
    """One reference value."""

    id: str
    law: Any  # Law, or the Model of another table
    quantity: str
    value: float
    tolerance: float  # the reference's own uncertainty, absolute
    steps: int = 0  # monitoring dates; 0 where the value does not depend on them
    level: float = 0.0  # liquidation price, barrier, or log-price of a tail
    bankruptcy: float = 0.0  # bankruptcy price
    strike: float = 0.0
    rate: float = 0.0  # discount rate per year
    side: float = 1.0  # 1 a long position, -1 a short one


# fmt: off
GBM_MOMENTS = Law(start=100.0, drift=0.05, volatility=0.8, years=0.0821917808219178)
GBM_A = Law(start=100.0, drift=0.05, volatility=0.3, years=0.08333333333333333)
GBM_B = Law(start=100.0, drift=0.0, volatility=0.8, years=0.0027397260273972603)
GBM_C = Law(start=100.0, drift=0.0, volatility=1.2, years=0.019178082191780823)
GBM_D = Law(start=100.0, drift=0.0, volatility=0.8, years=0.0027397260273972603)
GBM_E = Law(start=100.0, drift=0.1, volatility=0.6, years=1.0)
GBM_F = Law(start=100.0, drift=0.0, volatility=0.6, years=0.0027397260273972603)
GBM_CALLS = Law(start=100.0, drift=0.1, volatility=0.3, years=0.2)
MERTON_FYPY = Law(start=100.0, drift=0.04, volatility=0.12, years=1.0, intensity=0.4, jump_mean=-0.12, jump_std=0.18)
MERTON_SURKOV = Law(start=100.0, drift=0.05, volatility=0.15, years=0.25, intensity=0.1, jump_mean=-0.9, jump_std=0.45)
MERTON_MW = Law(start=80.0, drift=0.01, volatility=0.16, years=0.5013698630136987, intensity=2.0,
                jump_mean=0.01660262729617973, jump_std=0.08)
MERTON_HAUG_1 = Law(start=100.0, drift=0.08, volatility=0.21650635094610965, years=0.1, intensity=1.0,
                    jump_mean=-0.0078125, jump_std=0.125)
MERTON_HAUG_2 = Law(start=100.0, drift=0.08, volatility=0.1767766952966369, years=0.25, intensity=5.0,
                    jump_mean=-0.003125, jump_std=0.07905694150420949)
MERTON_HAUG_3 = Law(start=100.0, drift=0.08, volatility=0.125, years=0.5, intensity=10.0,
                    jump_mean=-0.0023437499999999995, jump_std=0.06846531968814576)
MERTON_HAUG_4 = Law(start=100.0, drift=0.08, volatility=0.21650635094610965, years=0.5, intensity=5.0,
                    jump_mean=-0.0015624999999999999, jump_std=0.05590169943749474)
MERTON_CR = Law(start=100.0, drift=0.0, volatility=0.6, years=0.0821917808219178, intensity=12.0, jump_mean=-0.03,
                jump_std=0.06)
MERTON_MOMENTS_A = Law(start=100.0, drift=0.05, volatility=0.6, years=0.0821917808219178, intensity=12.0,
                       jump_mean=-0.03, jump_std=0.06)
MERTON_MOMENTS_B = Law(start=100.0, drift=0.0, volatility=0.8, years=0.0027397260273972603, intensity=50.0,
                       jump_mean=-0.01, jump_std=0.04)
MERTON_MOMENTS_C = Law(start=100.0, drift=0.1, volatility=0.2, years=1.0, intensity=1.0, jump_mean=-0.1, jump_std=0.15)
MERTON_A = Law(start=100.0, drift=0.0, volatility=0.6, years=0.0027397260273972603, intensity=20.0, jump_mean=-0.03,
               jump_std=0.06)
MERTON_B = Law(start=100.0, drift=0.0, volatility=0.6, years=0.019178082191780823, intensity=20.0, jump_mean=-0.03,
               jump_std=0.06)
MERTON_C = Law(start=100.0, drift=0.05, volatility=0.2, years=1.0, intensity=1.0, jump_mean=-0.1, jump_std=0.15)
REGIMES_TWO_2 = Law(start=100.0, drift=(0.04, 0.06), volatility=(0.25, 0.35), years=1.0,
                    rates=((-0.5, 0.5), (0.5, -0.5)), initial=1)
REGIMES_THREE_2 = Law(start=100.0, drift=0.05, volatility=(0.15, 0.25, 0.35), years=1.0,
                      rates=((-1, 0.5, 0.5), (0.5, -1, 0.5), (0.5, 0.5, -1)), initial=1)
REGIMES_THREE_3 = Law(start=100.0, drift=0.05, volatility=(0.15, 0.25, 0.35), years=1.0,
                      rates=((-1, 0.5, 0.5), (0.5, -1, 0.5), (0.5, 0.5, -1)), initial=2)
REGIMES_A_CALM = Law(start=100.0, drift=(0.1, -1.0), volatility=(0.5, 1.2), years=0.0821917808219178,
                     rates=((-12.0, 12.0), (52.0, -52.0)), initial=0)
REGIMES_A_STRESS = Law(start=100.0, drift=(0.1, -1.0), volatility=(0.5, 1.2), years=0.0821917808219178,
                       rates=((-12.0, 12.0), (52.0, -52.0)), initial=1)
REGIMES_A_STAT = Law(start=100.0, drift=(0.1, -1.0), volatility=(0.5, 1.2), years=0.0821917808219178,
                     rates=((-12.0, 12.0), (52.0, -52.0)))
REGIMES_B_CALM = Law(start=100.0, drift=(0.3, -0.8), volatility=(0.4, 1.0), years=1.0, rates=((-2.0, 2.0), (6.0, -6.0)),
                     initial=0)
REGIMES_B_STRESS = Law(start=100.0, drift=(0.3, -0.8), volatility=(0.4, 1.0), years=1.0,
                       rates=((-2.0, 2.0), (6.0, -6.0)), initial=1)
REGIMES_B_STAT = Law(start=100.0, drift=(0.3, -0.8), volatility=(0.4, 1.0), years=1.0, rates=((-2.0, 2.0), (6.0, -6.0)))
REGIMES_A_FLAT_CALM = Law(start=100.0, drift=(0.0, 0.0), volatility=(0.5, 1.2), years=0.0821917808219178,
                          rates=((-12.0, 12.0), (52.0, -52.0)), initial=0)
REGIMES_A_FLAT_STRESS = Law(start=100.0, drift=(0.0, 0.0), volatility=(0.5, 1.2), years=0.0821917808219178,
                            rates=((-12.0, 12.0), (52.0, -52.0)), initial=1)

ORACLES = (
    # geometric Brownian motion
    Oracle("GBM-MOM-2", GBM_MOMENTS, "variance", 544.5659941413967, 5e-10),
    Oracle("GBM-MOM-6", GBM_MOMENTS, "log variance", 0.05260273972602741, 5e-14),
    Oracle("GBM-ES-PRICE-1", GBM_MOMENTS, "put", 1.7354765123011044, 2e-10, strike=80.0),
    Oracle("GBM-OVL-A-n30", GBM_A, "overshoot", 0.00915720682947885, 9e-11, steps=30, level=90.0),
    Oracle("GBM-BAD-A-n30-B0", GBM_A, "bad debt", 0.15249378254629214, 2e-08, steps=30, level=90.0, bankruptcy=90.0),
    Oracle("GBM-FPT-A-n120", GBM_A, "liquidated", 0.2033880155884664, 1e-09, steps=120, level=90.0),
    Oracle("GBM-OVL-A-n120", GBM_A, "overshoot", 0.0045989351245031744, 5e-11, steps=120, level=90.0),
    Oracle("GBM-OVL-A-n720", GBM_A, "overshoot", 0.0018797841181448648, 2e-11, steps=720, level=90.0),
    Oracle("GBM-FPT-B-n24", GBM_B, "liquidated", 0.013020866150593181, 1e-09, steps=24, level=90.45226130653266),
    Oracle("GBM-BAD-B-n24-B0", GBM_B, "bad debt", 0.005729946038545597, 6e-10, steps=24, level=90.45226130653266,
           bankruptcy=90.45226130653266),
    Oracle("GBM-FPT-C-n7", GBM_C, "liquidated", 0.15828222190306346, 1e-09, steps=7, level=80.8080808080808),
    Oracle("GBM-OVL-C-n7", GBM_C, "overshoot", 0.03606417375675477, 4e-10, steps=7, level=80.8080808080808),
    Oracle("GBM-BAD-C-n168-B0", GBM_C, "bad debt", 0.12367035815934278, 1e-08, steps=168, level=80.8080808080808,
           bankruptcy=80.8080808080808),
    Oracle("GBM-BAD-C-n168-B1", GBM_C, "bad debt", 0.026984134319791502, 3e-09, steps=168, level=80.8080808080808,
           bankruptcy=80.0),
    Oracle("GBM-OVL-C-n2016", GBM_C, "overshoot", 0.002157827605071474, 2e-11, steps=2016, level=80.8080808080808),
    Oracle("GBM-BAD-C-n2016-B1", GBM_C, "bad debt", 3.419702716577344e-05, 3e-12, steps=2016, level=80.8080808080808,
           bankruptcy=80.0),
    Oracle("GBM-BAD-D-n24-B1", GBM_D, "bad debt", 0.0039893410630620525, 4e-10, steps=24, level=109.45273631840799,
           bankruptcy=110.0, side=-1.0),
    Oracle("GBM-BAD-D-n288-B1", GBM_D, "bad debt", 3.839751099675177e-05, 4e-12, steps=288, level=109.45273631840799,
           bankruptcy=110.0, side=-1.0),
    Oracle("GBM-FPT-E-n12", GBM_E, "liquidated", 0.4965875601732613, 1e-09, steps=12, level=70.0),
    Oracle("GBM-OVL-E-n365", GBM_E, "overshoot", 0.018348832474195016, 2e-10, steps=365, level=70.0),
    Oracle("GBM-FPT-F-n96", GBM_F, "liquidated", 0.5708120778941898, 1e-09, steps=96, level=98.39357429718875),
    Oracle("GBM-OVL-F-n96", GBM_F, "overshoot", 0.001867735204388959, 2e-11, steps=96, level=98.39357429718875),
    Oracle("GBM-BAD-F-n96-B0", GBM_F, "bad debt", 0.10473005089625063, 1e-08, steps=96, level=98.39357429718875,
           bankruptcy=98.39357429718875),
    Oracle("GBM-BAD-F-n96-B1", GBM_F, "bad debt", 0.007780002961213928, 8e-10, steps=96, level=98.39357429718875,
           bankruptcy=98.0),
    Oracle("GBM-FPT-F-n1440", GBM_F, "liquidated", 0.6003991170869575, 1e-09, steps=1440, level=98.39357429718875),
    # down-and-out calls, monitored at 50 dates
    Oracle("BGK-DOC-H85", GBM_CALLS, "down-and-out call", 6.322240140545706, 1e-08, steps=50, strike=100.0, level=85.0,
           rate=0.1),
    Oracle("BGK-DOC-H86", GBM_CALLS, "down-and-out call", 6.306431077476269, 1e-08, steps=50, strike=100.0, level=86.0,
           rate=0.1),
    Oracle("BGK-DOC-H89", GBM_CALLS, "down-and-out call", 6.183597317487994, 1e-08, steps=50, strike=100.0, level=89.0,
           rate=0.1),
    Oracle("BGK-DOC-H90", GBM_CALLS, "down-and-out call", 6.098196143118225, 1e-08, steps=50, strike=100.0, level=90.0,
           rate=0.1),
    Oracle("BGK-DOC-H92", GBM_CALLS, "down-and-out call", 5.809741177591889, 1e-08, steps=50, strike=100.0, level=92.0,
           rate=0.1),
    Oracle("BGK-DOC-H97", GBM_CALLS, "down-and-out call", 3.8339777052211574, 1e-08, steps=50, strike=100.0,
           level=97.0, rate=0.1),
    Oracle("BGK-DOC-H98", GBM_CALLS, "down-and-out call", 3.1263327711253863, 1e-08, steps=50, strike=100.0,
           level=98.0, rate=0.1),
    Oracle("BGK-DOC-H99", GBM_CALLS, "down-and-out call", 2.33638689581438, 1e-08, steps=50, strike=100.0, level=99.0,
           rate=0.1),
    # Merton's jump diffusion
    Oracle("MER-PX-FYPY", MERTON_FYPY, "call", 8.67568463542809, 1e-09, strike=100.0, rate=0.05),
    Oracle("MER-PX-SURKOV-C1", MERTON_SURKOV, "call", 4.391245689202651, 1e-09, strike=100.0, rate=0.05),
    Oracle("MER-PX-MW-K78", MERTON_MW, "call", 5.576183824032605, 1e-09, strike=78.0, rate=0.03),
    Oracle("MER-PX-MW-K82", MERTON_MW, "call", 3.6890629729918145, 1e-09, strike=82.0, rate=0.03),
    Oracle("MER-PX-MW-K84", MERTON_MW, "call", 2.955117047840198, 1e-09, strike=84.0, rate=0.03),
    Oracle("MER-PX-HAUG-K80-t0.1-l1-g0.25", MERTON_HAUG_1, "call", 20.66764266827247, 1e-09, strike=80.0, rate=0.08),
    Oracle("MER-PX-HAUG-K100-t0.25-l5-g0.5", MERTON_HAUG_2, "call", 5.873622020252858, 1e-09, strike=100.0, rate=0.08),
    Oracle("MER-PX-HAUG-K110-t0.5-l10-g0.75", MERTON_HAUG_3, "call", 4.661466039658483, 1e-09, strike=110.0, rate=0.08),
    Oracle("MER-PX-HAUG-K90-t0.5-l5-g0.25", MERTON_HAUG_4, "call", 15.419342636814738, 1e-09, strike=90.0, rate=0.08),
    Oracle("MER-PX-CR-K70", MERTON_CR, "call", 30.173739439556307, 1e-09, strike=70.0, rate=0.0),
    Oracle("MER-PX-CR-K100", MERTON_CR, "call", 7.317587023138704, 1e-09, strike=100.0, rate=0.0),
    Oracle("MER-CUM-A-variance", MERTON_MOMENTS_A, "log variance", 0.03402739726027397, 3e-14),
    Oracle("MER-CUM-A-skewness", MERTON_MOMENTS_A, "log skewness", -0.055153573409322615, 6e-14),
    Oracle("MER-CUM-B-mean", MERTON_MOMENTS_B, "log mean", -0.0009920808926870376, 1e-15),
    Oracle("MER-CUM-B-variance", MERTON_MOMENTS_B, "log variance", 0.001986301369863014, 2e-15),
    Oracle("MER-CUM-B-skewness", MERTON_MOMENTS_B, "log skewness", -0.07582379317620681, 8e-14),
    Oracle("MER-CUM-B-excess", MERTON_MOMENTS_B, "log kurtosis", 0.30033293697978586, 3e-13),
    Oracle("MER-CUM-C-mean", MERTON_MOMENTS_C, "log mean", 0.06492568644084765, 6e-14),
    Oracle("MER-CUM-C-variance", MERTON_MOMENTS_C, "log variance", 0.07250000000000001, 7e-14),
    Oracle("MER-TAIL-C", MERTON_MOMENTS_C, "log tail", 0.000727574828248331, 7e-13, level=-1.0121072749860534),
    Oracle("MER-BAD-A-n24", MERTON_A, "bad debt", 0.018566950830539317, 2e-09, steps=24, level=90.45226130653266,
           bankruptcy=90.0),
    Oracle("MER-FPT-A-n288", MERTON_A, "liquidated", 0.011958167065956865, 1e-09, steps=288, level=90.45226130653266),
    Oracle("MER-FPT-B-n28", MERTON_B, "liquidated", 0.02484060137301751, 1e-09, steps=28, level=80.8080808080808),
    Oracle("MER-FPT-B-n168", MERTON_B, "liquidated", 0.027672991139905616, 1e-09, steps=168, level=80.8080808080808),
    Oracle("MER-BAD-B-n168", MERTON_B, "bad debt", 0.01453433605343606, 1e-09, steps=168, level=80.8080808080808,
           bankruptcy=80.0),
    Oracle("MER-FPT-C-n12", MERTON_C, "liquidated", 0.13039703783742995, 1e-09, steps=12, level=70.0),
    Oracle("MER-FPT-C-n52", MERTON_C, "liquidated", 0.1443140008578344, 1e-09, steps=52, level=70.0),
    # regime switching in continuous time
    Oracle("RS-PX-HK-reg2", REGIMES_TWO_2, "call, rates by regime", 15.765294892777575, 1e-08, strike=100.0),
    Oracle("RS-PX-3st-reg2-K85", REGIMES_THREE_2, "call", 21.741654220033457, 1e-09, strike=85.0, rate=0.05),
    Oracle("RS-PX-3st-reg2-K100", REGIMES_THREE_2, "call", 12.45855262485079, 1e-09, strike=100.0, rate=0.05),
    Oracle("RS-PX-3st-reg3-K120", REGIMES_THREE_3, "call", 7.211234083932384, 1e-09, strike=120.0, rate=0.05),
    Oracle("RS-MOM-A-calm-mean", REGIMES_A_CALM, "log mean", -0.02323634143297823, 2e-11),
    Oracle("RS-MOM-A-calm-skewness", REGIMES_A_CALM, "log skewness", -0.22724340873138077, 2e-10),
    Oracle("RS-MOM-A-calm-excess_kurtosis", REGIMES_A_CALM, "log kurtosis", 0.9152715669383724, 9e-10),
    Oracle("RS-MOM-A-calm-E_time_in_state_1", REGIMES_A_CALM, "regime time mean", 0.06969529296797662, 7e-11),
    Oracle("RS-MOM-A-calm-Var_time_in_state_1", REGIMES_A_CALM, "regime time variance", 0.0002534395666024111, 3e-13),
    Oracle("RS-MOM-A-stress-mean", REGIMES_A_STRESS, "log mean", -0.04958315972650071, 5e-11),
    Oracle("RS-MOM-A-stress-skewness", REGIMES_A_STRESS, "log skewness", -0.18851388018921855, 2e-10),
    Oracle("RS-MOM-A-stress-excess_kurtosis", REGIMES_A_STRESS, "log kurtosis", 0.5975678137601338, 6e-10),
    Oracle("RS-MOM-A-stat-mean", REGIMES_A_STAT, "log mean", -0.028176369863013695, 3e-11),
    Oracle("RS-MOM-A-stat-skewness", REGIMES_A_STAT, "log skewness", -0.2462314942000976, 2e-10),
    Oracle("RS-MOM-B-calm-mean", REGIMES_B_CALM, "log mean", -0.11251593447482544, 1e-10),
    Oracle("RS-MOM-B-calm-variance", REGIMES_B_CALM, "log variance", 0.42727335869245986, 4e-10),
    Oracle("RS-MOM-B-calm-excess_kurtosis", REGIMES_B_CALM, "log kurtosis", 0.8117695566139588, 8e-10),
    Oracle("RS-MOM-B-calm-Var_time_in_state_1", REGIMES_B_CALM, "regime time variance", 0.036147226799895016, 4e-11),
    Oracle("RS-MOM-B-stress-mean", REGIMES_B_STRESS, "log mean", -0.302452196575524, 3e-10),
    Oracle("RS-MOM-B-stress-variance", REGIMES_B_STRESS, "log variance", 0.5501912514783323, 6e-10),
    Oracle("RS-MOM-B-stress-skewness", REGIMES_B_STRESS, "log skewness", -0.45940413377944106, 5e-10),
    Oracle("RS-MOM-B-stress-excess_kurtosis", REGIMES_B_STRESS, "log kurtosis", 0.5131080372047852, 5e-10),
    Oracle("RS-MOM-B-stress-Var_time_in_state_1", REGIMES_B_STRESS, "regime time variance", 0.04391779309222621, 4e-11),
    Oracle("RS-MOM-B-stat-skewness", REGIMES_B_STAT, "log skewness", -0.5689637012432412, 6e-10),
    Oracle("RS-TAIL-B", REGIMES_B_STAT, "log tail", 0.0009843591075155728, 1e-11, level=-2.886952999449239),
    Oracle("RS-FPT-A-calm-n16", REGIMES_A_FLAT_CALM, "liquidated", 0.1038767215262173, 1e-08, steps=16, level=75.0),
    Oracle("RS-FPT-A-stress-n16", REGIMES_A_FLAT_STRESS, "liquidated", 0.1860379502795395, 1e-08, steps=16, level=75.0),
    Oracle("RS-FPT-B-calm-n16", REGIMES_B_CALM, "liquidated", 0.23734507661383564, 1e-08, steps=16, level=50.0),
    Oracle("RS-FPT-B-calm-n256", REGIMES_B_CALM, "liquidated", 0.2711305937635714, 1e-08, steps=256, level=50.0),
    Oracle("RS-FPT-B-stress-n16", REGIMES_B_STRESS, "liquidated", 0.38667955263697074, 1e-08, steps=16, level=50.0),
)

# fmt: on
SHIFT = "an approximation (shifted barrier), not a fact"
NOT_EXPRESSIBLE = {
    "GBM-BGK-A-n720": SHIFT,
    "GBM-BGK-B-n24": SHIFT,
    "GBM-BGK-B-n1440": SHIFT,
    "GBM-BGK-C-n7": SHIFT,
    "GBM-BGK-C-n168": SHIFT,
    "GBM-BGK-E-n12": SHIFT,
    "GBM-BGK-E-n365": SHIFT,
    "MER-PX-HAUG-ALL": "a summary of 135 published prices; four of them are in this table",
    "RS-DISC-var": "a chain in discrete time: regimes here switch in continuous time",
}
"""Reference values of the same sections that no simulation here can meet, and why."""
