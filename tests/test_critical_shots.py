"""Shots of the command ``critical``: each path is its own shock, as a configured shock is; what is refused; the page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stress
from stress.cli.compose import load
from stress.cli.main import BAD_INPUT, OK, main
from stress.decisions.critical import shots as firing
from stress.decisions.critical.brackets import search
from stress.decisions.critical.likelihood import furthest, likelihood
from stress.decisions.critical.rounds import branching, by_shock
from stress.decisions.critical.scopes import TOGETHER, Scope, scopes_of
from stress.decisions.critical.shots import ROOM, Gun, Shots
from stress.decisions.desk import Desk
from stress.files import read_json
from stress.mc.scenarios import scenarios
from stress.report.decisions.critical_tables import between

pytestmark = pytest.mark.usefixtures("compiled_soon")

SMALL = ["price=gbm", "price.markets=[BTC,ETH]", "price.volatility=0", "book.accounts=120", "run.paths=256",
         "run.horizon_hours=0.1", "run.progress=false", "decide.critical.quiet_minutes=5",
         "decide.critical.points=10", "decide.critical.largest_move=0.2", "decide.critical.depth_losses=[0.9]",
         "decide.critical.at_moves=[0.03]"]


def gun(folder: Path, *more: str) -> Gun:
    """Of a small venue whose prices do not move by themselves."""
    desk = Desk(load([*SMALL, *more])[1], folder)
    return Gun(desk, desk.config.decide.critical)


@pytest.fixture(scope="module")
def fired(tmp_path_factory: pytest.TempPathFactory) -> tuple[Gun, Shots, dict[str, np.ndarray]]:
    """Forty moves of both markets, with losses of depth."""
    random = np.random.default_rng(1)
    shots = Shots(random.uniform(-0.15, 0.15, (40, 2)), random.uniform(0, 0.8, 40))
    here = gun(tmp_path_factory.mktemp("fired"))
    return here, shots, here.fire(shots)


def test_a_shot_is_what_a_configured_shock_is(fired: tuple[Gun, Shots, dict[str, np.ndarray]]) -> None:
    """The same gap and withdrawal of depth on a market that stands still; and it matters which shot it is."""
    _, shots, columns = fired
    assert len(np.unique(columns["liquidated_notional"])) > 20
    for n in (3, 17, 31):
        move = "{{BTC: {!r}, ETH: {!r}}}".format(*shots.move[n].tolist())
        alone = stress.run([
            *SMALL, "+shocks.gap.kind=gap", "+shocks.gap.at_hours=0", f"+shocks.gap.move={move}",
            "+shocks.depth.kind=depth_withdrawal", "+shocks.depth.at_hours=0",
            f"+shocks.depth.multiplier={1 - float(shots.depth_loss[n])!r}", "run.paths=128"])
        for name in ("bad_debt", "fund_drawdown", "liquidated_notional", "liquidated_notional_twin", "adl_haircut",
                     "max_displacement", "depleted", "cascade", "rounds"):
            np.testing.assert_allclose(columns[name][n], alone.paths[name][0], rtol=1e-9, atol=1e-6, err_msg=name)


def test_the_rounds_of_a_shot_are_those_of_its_path(fired: tuple[Gun, Shots, dict[str, np.ndarray]]) -> None:
    here, shots, columns = fired
    worst = int(np.argmax(columns["rounds"]))
    found = branching(here, shots.part(slice(worst, worst + 1)))
    assert len(found["rounds"]) >= columns["rounds"][worst] > 1
    assert found["bad_debt"] == pytest.approx(columns["bad_debt"][worst], rel=1e-9)
    assert found["depleted"] == columns["depleted"][worst]
    first = found["rounds"][0]
    assert first["ratio"] is None and first["triggered"] == 0
    assert first["accounts"] == by_shock(here.base, shots.move[worst]).sum()
    assert found["by_shock"] + found["by_selling"] == pytest.approx(sum(r["closed"] for r in found["rounds"]), rel=1e-9)
    rated = [r["ratio"] for r in found["rounds"] if r["ratio"] is not None]
    assert found["largest"]["ratio"] == max(rated)
    assert (found["passes_one"] is None) == (max(rated) <= 1)


@pytest.mark.parametrize("count", [5, 300, ROOM])
def test_path_p_is_scenario_p(count: int) -> None:
    """By the noise that the engine draws, tile by tile; another seed has another order."""
    import jax.numpy as jnp

    from stress.mc.noise import TILE, draw_noise, tile_keys

    returns = np.arange(2.0 * count).reshape(count, 2)
    model = scenarios(7, returns, np.linspace(0.1, 1, count), ROOM)
    tiles = jnp.arange(-(-count // TILE), dtype=jnp.uint32)
    noise = draw_noise(tile_keys(jnp.uint32(7), tiles, jnp.uint32(0)), model.initial_draws(), jnp.dtype("float32"))
    given = [model.init({"scenario": value}) for value in noise["scenario"][:count][:: max(1, count // 40)]]
    rows = slice(0, count, max(1, count // 40))
    np.testing.assert_array_equal([state.log_return for state in given], returns[rows])
    np.testing.assert_array_equal([state.depth for state in given], np.linspace(0.1, 1, count)[rows])
    other = scenarios(8, returns, np.linspace(0.1, 1, count), ROOM)
    assert not np.array_equal(other.log_return, model.log_return)
    with pytest.raises(ValueError, match="do not fit"):
        scenarios(7, np.zeros((ROOM + 1, 2)), np.ones(ROOM + 1), ROOM)


def test_more_shots_than_a_simulation_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                            fired: tuple[Gun, Shots, dict[str, np.ndarray]]) -> None:
    """They come in batches, in order; what was fired is taken from the folder."""
    _, shots, columns = fired
    here = gun(tmp_path)
    monkeypatch.setattr(firing, "simulate", _counted(firing.simulate, calls := []))
    parts = [here.fire(shots.part(slice(a, b)))["bad_debt"] for a, b in ((0, 25), (25, 40))]
    np.testing.assert_allclose(np.concatenate(parts), columns["bad_debt"], rtol=1e-12)
    again = gun(tmp_path).fire(shots.part(slice(0, 25)))["bad_debt"]
    np.testing.assert_array_equal(again, parts[0])
    assert len(calls) == 2


def _counted(function: Any, calls: list[int]) -> Any:
    def called(*given: Any, **named: Any) -> Any:
        calls.append(1)
        return function(*given, **named)

    return called


def test_how_far_prices_go(tmp_path: Path) -> None:
    """Against the simulated paths themselves, by market and together; probabilities count them."""
    overrides = ["price.volatility=3", "run.paths=300", "decide.critical.together={BTC: 1, ETH: 1.5}"]
    here = gun(tmp_path, *overrides)
    found = furthest(here)
    prices = stress.simulate_prices([*SMALL, *overrides])
    move, tick = prices[:, 1:] / prices[:, :1] - 1, prices[:, 1:] / prices[:, :-1] - 1
    assert found.shape == (300, 3, 4)
    for a in range(2):
        expected = [move[..., a].min(1), move[..., a].max(1), tick[..., a].min(1), tick[..., a].max(1)]
        furthest_of = np.stack(expected, 1)
        furthest_of[:, ::2], furthest_of[:, 1::2] = furthest_of[:, ::2].clip(max=0), furthest_of[:, 1::2].clip(min=0)
        np.testing.assert_allclose(found[:, a], furthest_of, rtol=1e-6, atol=1e-9)
    shared = move / [1.0, 1.5]
    np.testing.assert_allclose(found[:, 2, 0], np.minimum(shared.max(2).min(1), 0), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found[:, 2, 1], np.maximum(shared.min(2).max(1), 0), rtol=1e-6, atol=1e-9)
    size = float(-np.quantile(move[..., 0].min(1), 0.3))
    (scope,) = [s for s in scopes_of(here) if s.key == "BTC down"]
    row = likelihood(here, found, scope, size)
    assert row["within_horizon"]["estimate"] == pytest.approx((move[..., 0].min(1) <= -size).mean(), abs=1 / 300)
    assert row["within_horizon"]["low"] < row["within_horizon"]["estimate"] < row["within_horizon"]["high"]
    together = next(s for s in scopes_of(here) if s.name == TOGETHER and s.direction == "up")
    np.testing.assert_allclose(together.move(np.array([0.1])), [[0.1, 0.15]])


class Told:
    """Answers shots by their size: what breaks is in some stretches."""

    def __init__(self, *stretches: tuple[float, float]) -> None:
        self.stretches, self.fired, self.hints = stretches, 0, 0.0

    def fire(self, shots: Shots) -> dict[str, np.ndarray]:
        size, self.fired = -shots.move[:, 0], self.fired + len(shots)
        broke = np.any([(low <= size) & (size < high) for low, high in self.stretches], axis=0)
        return {"depleted": broke, "cascade": (size >= 0.0412) & (size < 0.0415), "size": size}

    def nearness(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        """Of a cascade in a stretch between two points of the grid."""
        return np.where(columns["size"] > 0.02, 1 - 10 * abs(columns["size"] - 0.045), 0.0) * self.hints


@pytest.mark.parametrize(("stretches", "check", "first"), [
    (((0.0567, 1),), 0.0, 0.0567),
    (((0.05315, 0.05325), (0.06, 1)), 0.01, 0.05315),
    (((0.05315, 0.05325), (0.06, 1)), 0.0, 0.06),  # what looking again is for
    (((0.0478, 0.048), (0.0531, 0.0534), (0.06, 1)), 0.01, 0.0478),
    (((0.0, 1),), 0.01, 0.0),
])
def test_the_smallest_of_what_breaks(stretches: Any, check: float, first: float) -> None:
    """Found to the tolerance, with pockets, where outcomes are not monotone."""
    scope = Scope("X", "down", np.ones(1))
    told: Any = Told(*stretches)
    found = search(told, {"x": scope.line(np.linspace(0, 0.1, 11))}, 1e-4, check, {})["x"]["depletion"].found()
    assert found["breaks"] == pytest.approx(first, abs=1e-4) and found["breaks"] >= first
    if first > 0:
        assert 0 <= found["breaks"] - found["absorbed"] <= 1.0001e-4 and found["absorbed"] < first
    assert len(found["pockets"]) == (1 if len(stretches) > 1 and check else 0) * (len(stretches) - 1)
    assert found["tested"] <= told.fired < 500
    none = search(told, {"x": scope.line(np.linspace(0, 0.1, 11))}, 1e-4, check, {})["x"]["cascade"].found()
    assert none["breaks"] is None and none["absorbed"] == 0.1 and "10 %" in none["reason"]
    told.hints = 1.0  # points that are near to one are looked around
    some = search(told, {"x": scope.line(np.linspace(0, 0.1, 11))}, 1e-4, check, {})["x"]["cascade"].found()
    assert 0.0412 <= some["breaks"] <= 0.0413 and some["absorbed"] < 0.0412


@pytest.mark.parametrize(("overrides", "words"), [
    (["shock=[gap_severe]"], ("shocks.gap_severe", "kind=gap")),
    (["decide.critical.together=6"], ("decide.critical.together", "largest_move")),
    (["decide.critical.largest_move=1"], ("decide.critical.largest_move",)),
    (["decide.critical.depth_losses=[1]"], ("decide.critical.depth_losses",)),
    (["decide.critical.points=1"], ("decide.critical.points",)),
    (["decide.critical.together={BTC: 1}"], ("decide.critical.together", "ETH")),
    (["+shocks.late.kind=oracle_freeze", "+shocks.late.at_hours=0.1"], ("shocks.late.at_hours",)),
])
def test_what_is_refused(overrides: list[str], words: tuple[str, ...], tmp_path: Path,
                         capsys: pytest.CaptureFixture[str]) -> None:
    more = ["decide.critical.quiet_minutes=3"] if "late" in overrides[0] else []
    assert main(["critical", *SMALL, *overrides, *more, f"hydra.run.dir={tmp_path}"]) == BAD_INPUT
    error = capsys.readouterr().err
    assert all(word in error for word in words), error


def test_the_command_and_its_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every picture is drawn, every bracket is on the page, and nothing is fired a second time."""
    folder = tmp_path / "answer"
    assert main(["critical", *SMALL, "price.volatility=1", f"hydra.run.dir={folder}"]) == OK
    said = capsys.readouterr().out
    found = read_json(folder / "decision.json")["found"]
    page = (folder / "report.html").read_text()
    assert {f.name for f in (folder / "figures").iterdir()} == {
        f"{name}.{kind}" for name in ("losses", "frontier", "rounds", "levels") for kind in ("png", "csv")}
    assert "Largest fall of one market alone" in said
    for scope in found["scopes"]:
        assert between(scope["critical"]["depletion"], found["tolerance"]) in page
    assert {(s["name"], s["direction"]) for s in found["scopes"]} == {
        (name, way) for name in ("BTC", "ETH", TOGETHER) for way in ("down", "up")}
    assert [(r["direction"], r["depth_loss"]) for r in found["frontier"]] == [
        ("down", 0), ("down", 0.9), ("up", 0), ("up", 0.9)]
    by_loss = [r["depletion"]["breaks"] for r in found["frontier"] if r["direction"] == "down"]
    assert by_loss[1] < by_loss[0], "with less depth less is needed"
    assert (folder / "tables" / "critical_shocks.csv").is_file()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(firing, "simulate", lambda *_, **__: pytest.fail("fired again"))
        assert main([f"run.resume={folder}"]) == OK
    assert read_json(folder / "decision.json")["found"] == found


@pytest.mark.parametrize(("absorbed", "breaks", "text"), [
    (0.05518, 0.05527, "5.51 and 5.53"), (0.05, 0.0501, "5.00 and 5.01"), (None, 0.0, "none needed"), (0.5, None, "–")])
def test_brackets_are_rounded_outwards(absorbed: float | None, breaks: float | None, text: str) -> None:
    assert between({"absorbed": absorbed, "breaks": breaks}, 1e-4).startswith(text)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["bitmex", "hyperliquid", "dydx_v4", "gmx_v2"])
def test_venues(protocol: str, tmp_path: Path) -> None:
    """Inverse contracts, a backstop, fills, keepers: what is closed first is what the shock alone takes."""
    here = gun(tmp_path, f"protocol={protocol}", "run.step_seconds=15")
    shot = Shots(np.full((1, 2), -0.08), np.zeros(1))
    found = branching(here, shot)
    taken = by_shock(here.base, shot.move[0])
    assert taken.sum() > 0
    assert {a["margin_account"] for a in found["accounts"] if a["round"] == 1} <= set(np.flatnonzero(taken).tolist())
    columns = here.fire(shot)
    assert found["bad_debt"] == pytest.approx(columns["bad_debt"][0], rel=1e-9, abs=1e-6)
