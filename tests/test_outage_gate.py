"""A gate on withdrawals that an outage of the venue shuts, by hand and against the reference's reading of the rule."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stress.cli.compose import load
from stress.config.shock import ShockConfig
from stress.errors import UserError
from stress.report.withdrawals import withdrawals as in_words
from stress.session import replay
from tests.reference.building import LONG
from tests.reference.rules import Rules
from tests.reference.withdrawals import Withdrawals
from tests.studies import config, path_study
from tests.test_insurance import study_of
from tests.test_withdrawals import HALF_HOUR, LATER, leaving

FALLS = [100.0, 85.0, 85.0, 85.0, 85.0, 85.0, 85.0, 85.0]
"""The run begins in the first tick; B has 1090 USD, needs 255, and half of the rest asks in a tick."""


def outage(at_hours: float, hours: float | None) -> ShockConfig:
    numbers: dict[str, Any] = dict.fromkeys(field.name for field in dataclasses.fields(ShockConfig))
    return ShockConfig(**(numbers | {"kind": "outage", "at_hours": at_hours, "duration_hours": hours}))


def taken(gate: dict[str, Any] | None, *outages: ShockConfig) -> list[dict[str, float]]:
    """What left in each tick of half an hour."""
    rules = leaving(gate, move_above=0.1, window=30.0)
    plain = study_of([LONG, *LATER], FALLS, step=HALF_HOUR, insurance_fund=100.0, withdrawals=rules)
    shocks = {f"outage{i}": shock for i, shock in enumerate(outages)}
    study = path_study(dataclasses.replace(plain.config, shocks=shocks), plain.book, np.array(FALLS)[:, None])
    return [tick["withdrawn"] for tick in replay(study)["ticks"]]


def of_b(*asked: float) -> list[Any]:
    """Ticks in which B takes that share of what there was at the start of the run."""
    return [pytest.approx({"B": 835.0 * share} if share else {}, rel=1e-12) for share in asked]


@pytest.mark.parametrize(("gate", "ticks"), [
    (None, of_b(0, 1 / 2, 0, 0, 7 / 16, 1 / 32, 1 / 64)),
    ({"outage_minutes": 60.0, "lasts_seconds": 3600.0}, of_b(0, 1 / 2, 0, 0, 0, 0, 31 / 64)),
    ({"outage_minutes": 60.0}, of_b(0, 1 / 2, 0, 0, 0, 15 / 32, 1 / 64)),
    ({"outage_minutes": 60.1, "lasts_seconds": 3600.0}, of_b(0, 1 / 2, 0, 0, 7 / 16, 1 / 32, 1 / 64)),
])
def test_after_a_long_outage_nothing_leaves_for_a_while(gate: dict[str, Any] | None, ticks: list[Any]) -> None:
    """The third and fourth tick are the outage of an hour. Who waits takes all at once, as if never stopped."""
    assert taken(gate, outage(1.5, 1.0)) == ticks


def test_outages_that_touch_are_one_and_others_are_counted_apart() -> None:
    gate = {"outage_minutes": 60.0, "lasts_seconds": 1800.0}
    assert taken(gate, outage(1.5, 0.5), outage(2.0, 0.5)) == of_b(0, 1 / 2, 0, 0, 0, 15 / 32, 1 / 64)
    assert taken(gate, outage(1.5, 0.5), outage(2.5, 0.5)) == of_b(0, 1 / 2, 0, 3 / 8, 0, 3 / 32, 1 / 64)


def test_the_gate_agrees_with_the_reference_on_random_outages() -> None:
    """Three hundred patterns of outages, and gates of all lengths, tick by tick."""
    rng, ticks, shut = np.random.default_rng(5), 24, 0
    still = rng.random((300, ticks)) < 0.4
    numbers = np.stack([rng.integers(1, 4, 300), rng.integers(0, 5, 300)], axis=1)
    ours = np.asarray(_shut_ticks(jnp.asarray(still), jnp.asarray(numbers, jnp.int32)))
    for case in range(300):
        theirs = _reference_shut(still[case], *numbers[case].tolist())
        np.testing.assert_array_equal(ours[case], theirs, err_msg=f"{still[case]} {numbers[case]}")
        shut += sum(theirs)
    assert shut > 1000


def _shut_ticks(still: jax.Array, numbers: jax.Array) -> jax.Array:
    """Whether the gate is shut in each tick [cases, T] after outages of ``numbers`` [cases, 2]: least length, its own."""
    study = study_of([LONG, *LATER], FALLS, withdrawals=leaving({"outage_minutes": 1.0}, move_above=0.1, window=30.0))
    venue = study.plan.job.venues.withdrawals
    assert venue is not None and venue.gate is not None
    alone = jax.tree.map(lambda leaf: leaf[0], venue)
    price, fund, order = jnp.ones(1), jnp.zeros(()), jnp.arange(1, still.shape[1] + 1, dtype=jnp.int32)

    def case(still: jax.Array, numbers: jax.Array) -> jax.Array:
        rules = dataclasses.replace(alone, gate=dataclasses.replace(alone.gate, outage=numbers[0], lasts=numbers[1]))

        def tick(state: Any, now: tuple[jax.Array, jax.Array]) -> tuple[Any, jax.Array]:
            after = rules.start_tick(state, fund, price, *now)
            return after, after.done.shut_ticks > state.done.shut_ticks

        return jax.lax.scan(tick, rules.init(fund, price), (order, still))[1]

    return jax.jit(jax.vmap(case))(still, numbers)


def _reference_shut(still: np.ndarray, least: int, lasts: int) -> list[bool]:
    """The same of the reference, by ticks of a minute."""
    gate = {"outage_minutes": float(least), "lasts_seconds": 60.0 * lasts}
    cfg = config(markets=("X",), protocol={"withdrawals": leaving(gate, move_above=0.1, window=1.0)})
    clock = Withdrawals(Rules.from_config(cfg, ["X"]), np.ones(1), 60.0)
    found = []
    for k, stands in enumerate(still.tolist(), start=1):
        clock.still.append(stands)
        clock.indices.append(np.ones(1))
        found.append(clock._shut(k, 0.0))
    return found


def test_dydx_looks_at_outages_of_five_minutes() -> None:
    gate = load(["protocol=dydx_v4"])[0].protocol.withdrawals
    assert gate is not None and gate.gate is not None
    assert (gate.gate.outage_minutes, gate.gate.lasts_seconds) == (5.0, 50.0)


def test_no_outage_takes_no_time() -> None:
    with pytest.raises(UserError, match=r"protocol.withdrawals.gate.outage_minutes: got 0"):
        load(["protocol=dydx_v4", "protocol.withdrawals.gate.outage_minutes=0"])


def test_a_report_names_the_outage() -> None:
    class Run:
        def setting(self, key: str) -> Any:
            rules = leaving({"outage_minutes": 5.0, "lasts_seconds": 50.0}, move_above=0.1, window=30.0)
            return dataclasses.asdict(rules) if key == "protocol.withdrawals" else None

    said = in_words(Run())  # type: ignore[arg-type]
    assert "the gate is shut after an outage of at least 5 min, and for 50\xa0s after" in said


