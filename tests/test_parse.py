"""The strict parser and the cross-field checks."""

from __future__ import annotations

import copy
import dataclasses
import math
from typing import Any

import pytest

from stress.cli.compose import load
from stress.config.check import COMPANIONS, METRICS
from stress.config.parse import declared_keys, parse, takes_list_or_map
from stress.config.schema import Config
from stress.errors import UserError


@pytest.fixture(scope="module")
def base() -> dict[str, Any]:
    """The container of a plain configuration: two markets, two regimes, nothing exotic."""
    regime = {"volatility": None, "drift": None, "correlation": None, "jump": None, "depth_multiplier": 1.0}
    _, container = load(["price=gbm", "book=synthetic", "price.markets=[BTC,ETH]"])
    container["price"]["regimes"] = {"calm": regime, "wild": {**regime, "volatility": {"BTC": 1.0, "ETH": 1.5}}}
    container["price"]["transition_rates"] = {"calm": {"wild": 10.0}, "wild": {"calm": 100.0}}
    return container


def changed(container: dict[str, Any], **values: Any) -> dict[str, Any]:
    """A copy with values by dotted key (dots written as two underscores)."""
    result = copy.deepcopy(container)
    for key, value in values.items():
        *path, last = key.split("__")
        node = result
        for part in path:
            node = node[part]
        node[last] = value
    return result


def message(container: dict[str, Any]) -> str:
    with pytest.raises(UserError) as caught:
        parse(container)
    return str(caught.value)


def test_a_good_container_becomes_a_config(base: dict[str, Any]) -> None:
    config = parse(base)
    assert isinstance(config, Config)
    assert config.price.regimes is not None
    assert config.price.regimes["wild"].volatility == {"BTC": 1.0, "ETH": 1.5}
    assert config.protocol.margin_tiers["BTC"][-1].up_to_usd is None
    assert dataclasses.asdict(parse(dataclasses.asdict(config))) == dataclasses.asdict(config)


@pytest.mark.parametrize(("key", "given", "expected"), [
    ("run__paths", "1e6", 1_000_000), ("run__paths", 1e6, 1_000_000), ("run__paths", 128, 128),
    ("run__seed", 2**31 + 1, 2**31 + 1), ("run__horizon_hours", "2.5e1", 25.0), ("run__horizon_hours", 48, 48.0),
    ("run__block_paths", "auto", "auto"), ("run__block_paths", 256.0, 256), ("run__devices", "2", 2),
    ("price__volatility", 0.5, 0.5), ("price__volatility", [0.5, "6e-1"], [0.5, 0.6]),
    ("price__volatility", {"BTC": "0.5", "default": 1}, {"BTC": 0.5, "default": 1.0}),
    ("price__correlation", [[1, 0.5], [0.5, 1]], [[1.0, 0.5], [0.5, 1.0]]),
    ("price__correlation", {"BTC": {"ETH": 0.8}}, {"BTC": {"ETH": 0.8}}),
    ("price__provenance", {"anything": [1, None, {"deep": True}]}, {"anything": [1, None, {"deep": True}]}),
    ("protocol__maintenance_margin", None, None), ("book__residual_account", 7, "7"),
    ("data__start", "2025-10-10", "2025-10-10"), ("limits__bad_debt", "1e6", 1e6),
])
def test_values_are_read_by_their_declared_type(base: dict[str, Any], key: str, given: Any, expected: Any) -> None:
    value: Any = parse(changed(base, **{key: given}))
    for part in key.split("__"):
        value = value[part] if isinstance(value, dict) else getattr(value, part)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(("key", "given", "words"), [
    ("run__paths", 0, "run.paths: got 0, allowed is a whole number >= 1"),
    ("run__paths", 1e12, "run.paths: got 1000000000000.0, allowed is a whole number >= 1 and <= 549755813888"),
    ("run__paths", 1.5, "run.paths: got 1.5"), ("run__paths", "many", "run.paths: got 'many'"),
    ("run__paths", True, "run.paths: got true"), ("run__paths", None, "run.paths: got null"),
    ("run__paths", [1], "run.paths: got [1]"), ("run__paths", math.inf, "run.paths: got inf"),
    ("run__horizon_hours", "nan", "run.horizon_hours: got 'nan', allowed is a finite number > 0 (h)"),
    ("run__horizon_hours", 10**400, "run.horizon_hours"),
    ("run__confidence", 1, "run.confidence: got 1, allowed is a finite number > 0 and < 1"),
    ("run__precision", "float16", "allowed is one of float32, float64"),
    ("run__block_paths", "large", "run.block_paths: got 'large', allowed is a whole number >= 128 or 'auto'"),
    ("run__twin", 1, "run.twin: got 1, allowed is true or false"),
    ("run__twin", "true", "run.twin: got 'true'"), ("book__export", True, "book.export: got true"),
    ("price__markets", "BTC", "price.markets: got 'BTC', allowed is a list"),
    ("price__markets", [False, "ETH"], "price.markets[0]: got false"),
    ("price__volatility", -1, "price.volatility: got -1"),
    ("price__volatility", {"BTC": 0.5, "ETH": -0.1}, "price.volatility.ETH: got -0.1"),
    ("price__volatility", [0.5, "x"], "price.volatility[1]: got 'x'"),
    ("price__volatility", {False: 1}, "Put the name in quotes"),
    ("price__correlation", [[1, 2], [2, 1]], "price.correlation[0][1]: got 2"),
    ("price__regimes__wild__volatility", {"BTC": math.nan, "ETH": 1}, "price.regimes.wild.volatility.BTC: got nan"),
    ("price__regimes__wild__depth_multiplier", 0, "price.regimes.wild.depth_multiplier: got 0"),
    ("price__transition_rates__calm__wild", -1, "price.transition_rates.calm.wild: got -1"),
    ("price__jump", 3, "price.jump: got 3, allowed is a map or null"),
    ("price__jump__kind", "levy", "price.jump.kind: got 'levy', allowed is one of none, merton, kou"),
    ("protocol__margin_tiers__BTC", {}, "protocol.margin_tiers.BTC: got {}, allowed is a list"),
    ("limits__bad_debt", "low", "limits.bad_debt: got 'low'"),
])
def test_bad_values_name_the_key_the_value_and_what_is_allowed(
        base: dict[str, Any], key: str, given: Any, words: str) -> None:
    assert words in message(changed(base, **{key: given}))


@pytest.mark.parametrize(("key", "words"), [
    ("prize", "prize: unknown key. Did you mean price?"),
    ("run__path", "run.path: unknown key. Did you mean run.paths?"),
    ("price__regimes__calm__volatilty", "unknown key. Did you mean price.regimes.calm.volatility?"),
    ("protocol__liquidation__zzz", "protocol.liquidation.zzz: unknown key. Allowed here: auction"),
    ("limits__ruin", "limits.ruin: unknown key"),
])
def test_unknown_keys_are_refused_at_any_depth(base: dict[str, Any], key: str, words: str) -> None:
    assert words in message(changed(base, **{key: 1}))


def test_missing_keys_are_named(base: dict[str, Any]) -> None:
    container = changed(base, price__drift="???")
    del container["price"]["jump"]["kind"]
    text = message(container)
    assert "price.drift: missing" in text
    assert "price.jump.kind: missing" in text


def test_several_problems_come_together_up_to_five(base: dict[str, Any]) -> None:
    bad = {f"run__{name}": "?" for name in ("paths", "horizon_hours", "step_seconds", "seed", "confidence", "twin")}
    lines = message(changed(base, **bad)).splitlines()
    assert lines[0] == "6 problems in the configuration:"
    assert len(lines) == 7
    assert "1 more" in lines[-1]


TIERS = [{"up_to_usd": 1e6, "initial_margin": 0.02, "maintenance_margin": 0.01},
         {"up_to_usd": None, "initial_margin": 0.1, "maintenance_margin": 0.05}]


@pytest.mark.parametrize(("values", "words"), [
    ({"run__block_paths": 200}, "got 200, allowed is a multiple of 128 or 'auto'. The nearest is run.block_paths=256."),
    ({"run__step_seconds": 7}, "this is 12342.9 ticks). The nearest is run.horizon_hours=24.0002777778."),
    ({"run__horizon_hours": 1e9}, "got 1000000000.0, allowed is at most 3.57914e+07 h, which is 2,147,483,647 ticks of"),
    ({"limits__depletion_probability": 5}, "limits.depletion_probability: got 5.0, allowed is 0 to 1. 5 % is limits."),
    ({"limits__adl_gini": -0.1, "run__fairness": True}, "limits.adl_gini: got -0.1, allowed is 0 to 1."),
    ({"run__horizon_hours": 0.01}, "The nearest is run.horizon_hours=0.0166666666667."),
    ({"price__jump_duration_seconds": 40000}, "allowed is <= 30720 (512 ticks of run.step_seconds=60)"),
    ({"protocol__funding__interval_hours": 0.01}, "protocol.funding.interval_hours: got 0.01, allowed is at least one"),
    ({"protocol__funding__kind": "deadband"}, "protocol.funding.deadband: got null, allowed is set when kind=deadband"),
    ({"protocol__funding__kind": "adaptive"}, "protocol.funding.adaptive: got null"),
    ({"protocol__breaker__move": 0.1, "protocol__breaker__window_minutes": 0.5}, "protocol.breaker.window_minutes"),
    ({"price__markets": []}, "price.markets: got []"), ({"price__markets": ["BTC", "BTC"]}, "each once"),
    ({"price__markets": ["BTC", "default"]}, "none of them 'default'"),
    ({"price__volatility": [1.0]}, "got [1.0], allowed is one number or 2 (one for each of BTC, ETH)"),
    ({"price__initial_prices": {"BTC": 1.0}}, "price.initial_prices: no value for ETH"),
    ({"price__regimes__wild__volatility": {"BTC": 1.0}}, "price.regimes.wild.volatility: no value for ETH"),
    ({"price__drift": None}, "price.drift: got null, allowed is a value for all regimes or one in every regime, and "),
    ({"price__jump": None, "price__regimes": None, "price__transition_rates": None}, "price.jump: got null, allowed is"),
    ({"price__correlation": [[1, 0.5], [0.4, 1]]}, "price.correlation: got"),
    ({"price__correlation": [[1, 0.5], [0.5]]}, "price.correlation: got"),
    ({"price__model": "replay"}, "price.path: got null, allowed is a file"),
    ({"price__path": "x.csv"}, "price.path: got 'x.csv', allowed is null unless price=replay. Add price=replay."),
    ({"price__initial_regime": "clam"}, "price.initial_regime: got 'clam', allowed is one of stationary, calm, wild"),
    ({"price__regimes": {}}, "price.regimes: got []"),
    ({"price__transition_rates": {"calm": {"wild": 1}}}, "price.transition_rates: no rates out of wild"),
    ({"price__transition_rates": None}, "price.transition_rates: no rates out of calm, wild"),
    ({"price__transition_rates": {"calm": {"wild": 0}, "wild": {"calm": 0}}}, "rates with one stationary law"),
    ({"price__transition_rates": {"calm": {"wild": 1}, "wild": {"clam": 1}}},
     "price.transition_rates.wild.clam: unknown key. Did you mean price.transition_rates.wild.calm?"),
    ({"price__regimes": None}, "price.transition_rates.calm: unknown key"),
    ({"protocol__initial_margin": 0.02, "protocol__maintenance_margin": 0.03}, "allowed is <= protocol.initial_margin"),
    ({"protocol__initial_margin": 0.02}, "allowed is >= the tiers' highest maintenance margin 0.1"),
    ({"protocol__margin_tiers": {"BTC": TIERS}}, "protocol.margin_tiers: no tiers for ETH"),
    ({"protocol__margin_tiers__BTC": TIERS[:1]}, "protocol.margin_tiers.BTC.up_to_usd: got [1000000.0]"),
    ({"protocol__margin_tiers__BTC": []}, "rising bounds"),
    ({"protocol__margin_tiers__BTC": [TIERS[0], TIERS[0], TIERS[1]]}, "rising bounds"),
    ({"protocol__margin_tiers__BTC": [{**TIERS[0], "initial_margin": 0.2}, TIERS[1]]},
     "protocol.margin_tiers.BTC.initial_margin: got [0.2, 0.1], allowed is rates that do not fall"),
    ({"protocol__margin_tiers__BTC": [{**TIERS[0], "maintenance_margin": 0.03}, TIERS[1]]},
     "protocol.margin_tiers.BTC[0].maintenance_margin: got 0.03, allowed is <= the tier's initial_margin=0.02"),
    ({"protocol__waterfall": ["adl", "insurance_fund"]}, "each at most once and in this order"),
    ({"protocol__waterfall": ["adl", "adl"]}, "each at most once"),
    ({"protocol__waterfall": ["prayer"]}, "protocol.waterfall: got ['prayer']"),
    ({"protocol__liquidation__rule": "restore_target", "protocol__liquidation__fee": 0.02},
     "protocol.liquidation.fee: got 0.02"),
    ({"book__kind": "file"}, "Give book.positions=FILE"), ({"book__positions": "p.csv"}, "Add book=file."),
    ({"run__twin": False, "limits__amplification": 2}, "The metric needs run.twin=true."),
    ({"data__start": "October"}, "data.start: got 'October', allowed is a date"),
    ({"data__start": "2025-02-01", "data__end": "2025-01-01"}, "data.end: got '2025-01-01'"),
])
def test_keys_must_go_together(base: dict[str, Any], values: dict[str, Any], words: str) -> None:
    assert words in message(changed(base, **values))


@pytest.mark.parametrize("values", [
    {"run__horizon_hours": 1 / 3, "run__step_seconds": 0.1}, {"price__jump_duration_seconds": 30720},
    {"protocol__waterfall": []}, {"protocol__waterfall": ["insurance_fund", "socialised_loss"]},
    {"price__regimes": None, "price__transition_rates": None}, {"price__initial_regime": "wild"},
    {"price__transition_rates": {"calm": {}, "wild": {"calm": 1}}},
    {"price__transition_rates": {"calm": {}, "wild": {}}, "price__initial_regime": "wild"},
    {"protocol__margin_tiers": {"default": TIERS}}, {"protocol__margin_tiers": {"BTC": TIERS, "ETH": TIERS}},
    {"protocol__initial_margin": 0.03, "protocol__maintenance_margin": 0.03},
    {"protocol__liquidation__rule": "restore_target", "protocol__liquidation__fee": 0.01},
    {"run__fund_curve": False, "limits__depletion_probability": 0.01},
])
def test_what_goes_together_passes(base: dict[str, Any], values: dict[str, Any]) -> None:
    parse(changed(base, **values))


def test_a_replayed_path_brings_its_own_clock(base: dict[str, Any]) -> None:
    own = {"run__horizon_hours": None, "run__step_seconds": None}
    parse(changed(base, price__model="replay", price__path="x.csv", **own))
    assert "run.horizon_hours: got null, allowed is a number unless price=replay" in message(changed(base, **own))


def test_declared_keys_follow_maps_and_sections() -> None:
    assert declared_keys("") == [f.name for f in dataclasses.fields(Config)]
    assert "depth_multiplier" in (declared_keys("price.regimes.any_name") or [])
    assert declared_keys("price.volatility") is None
    assert declared_keys("no.such") is None
    assert takes_list_or_map("price.regimes.any.volatility")
    assert not takes_list_or_map("price.markets")


def test_metrics_with_limits_are_the_metrics_there_are(base: dict[str, Any]) -> None:
    from stress.mc.estimators.metrics import ALL, COMPANION
    from stress.mc.estimators.metrics import METRICS as DEFINED

    assert set(METRICS) == set(ALL) == set(base["limits"])
    needed = {name: COMPANION[column].removeprefix("run.") for name, definition in DEFINED.items()
              for column in definition.columns if column in COMPANION}
    assert needed == {name: switch for switch, names in COMPANIONS.items() for name in names}
