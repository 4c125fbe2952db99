"""From the words typed to a configuration: flags, overrides, presets, completion."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stress.build.price import build_composition
from stress.cli.arguments import COMMANDS, read_arguments
from stress.cli.completion import completion_line
from stress.cli.compose import as_typed, config_folder, load, prepared
from stress.cli.launchers import PLUGINS
from stress.cli.main import OK, main
from stress.errors import UserError

CHECKOUT = Path(__file__).resolve().parent.parent
NEEDED = {"price/replay": ["price.path=x.csv"], "book/file": ["book.positions=x.csv"]}
"""Keys that a preset cannot give by itself."""


# --- the words ------------------------------------------------------------------------------------------------------
CONTRACT_LINE = "price=bates protocol=hyperliquid -m protocol.maintenance_margin=0.01,0.02"


@pytest.mark.parametrize(("line", "command", "overrides", "flags"), [
    (CONTRACT_LINE, "run", ["price=bates", "protocol=hyperliquid", "protocol.maintenance_margin=0.01,0.02"],
     ["--multirun"]),
    ("", "run", [], []),
    ("-m a=1,2 run b=3", "run", ["a=1,2", "b=3"], ["--multirun"]),
    ("a=1 calibrate --multirun b=-2", "calibrate", ["a=1", "b=-2"], ["--multirun"]),
    ("-c job a=1 -p price --resolve b=2", "run", ["a=1", "b=2"], ["--cfg", "job", "--package", "price", "--resolve"]),
    ("--cfg=all a=1", "run", ["a=1"], ["--cfg", "all"]),
    ("--config-dir x a=1 -cn root", "run", ["a=1"], ["--config-dir", "x", "--config-name", "root"]),
    ("-i a=1", "run", ["a=1"], ["--info"]), ("a=1 --info defaults b=2", "run", ["a=1", "b=2"], ["--info", "defaults"]),
    ("-sc install=bash", "run", ["install=bash"], ["--shell-completion"]),
    ("~protocol.adl +x=1 ++y=2", "run", ["~protocol.adl", "+x=1", "++y=2"], []),
    ("--hydra-help", "run", [], ["--hydra-help"]), ("replay", "replay", [], []),
])
def test_words_are_sorted(line: str, command: str, overrides: list[str], flags: list[str]) -> None:
    arguments = read_arguments(line.split())
    assert (arguments.command, arguments.overrides, arguments.flag_words()) == (command, overrides, flags)


def test_hydra_parses_the_sorted_words_and_not_the_typed_ones() -> None:
    from hydra._internal.utils import get_args

    arguments = read_arguments(CONTRACT_LINE.split())
    parsed = get_args([*arguments.overrides, *arguments.flag_words()])
    assert parsed.multirun
    assert parsed.overrides == ["price=bates", "protocol=hyperliquid", "protocol.maintenance_margin=0.01,0.02"]
    with pytest.raises(SystemExit):  # what this is for; when it goes, the sorting can
        get_args(CONTRACT_LINE.split())


def test_report_takes_folders() -> None:
    assert read_arguments(["report", "a", "b=c"]).folders == ["a", "b=c"]


@pytest.mark.parametrize(("typed", "line"), [
    ("perpstress run price=m", "perpstress price=m"), ("perpstress calibrate ", "perpstress "),
    ("perpstress a=1 -m run.", "perpstress -m a=1 run."), ("perpstress", "perpstress "),
])
def test_completion_sees_a_line_hydra_can_read(typed: str, line: str) -> None:
    assert completion_line(typed) == line


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["-sc", "query=bash"], ["-sc", "install=bash"]])
def test_answers_at_once_import_no_jax(words: list[str]) -> None:
    code = ("import sys; from stress.cli.main import main; status = main(sys.argv[1:]); "
            "heavy = {'jax', 'matplotlib', 'scipy', 'pyarrow'} & set(sys.modules); "
            "sys.exit(f'imported {heavy}' if heavy else status)")
    environment = {**os.environ, "COMP_LINE": "perpstress run price=g", "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run([sys.executable, "-c", code, *words], env=environment, cwd=CHECKOUT, check=False,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    if "query=bash" in words:
        assert "price=gbm" in done.stdout.split()


def test_help_names_every_command_group_and_preset(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help", "run.paths=1"]) == OK
    text = capsys.readouterr().out
    names = [*COMMANDS, *(f"{folder.name}=" for folder in config_folder().iterdir() if folder.is_dir() and folder.name != "hydra"),
             *(f"{group}=" for group in PLUGINS), *(file.stem for file in config_folder().rglob("*/*.yaml"))]
    assert [name for name in names if name not in text] == []


# --- the files ------------------------------------------------------------------------------------------------------
PRESETS = sorted(f"{file.parent.name}/{file.stem}" for file in config_folder().glob("*/*.yaml"))


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_composes_and_parses(preset: str) -> None:
    history = ["data.path=somewhere"] if preset.startswith(("price/bootstrap", "experiment/crash_")) else []
    config, container = load([preset.replace("/", "="), *NEEDED.get(preset, []), *history])
    assert config.run.paths == int(container["run"]["paths"])


@pytest.mark.parametrize("file", sorted(config_folder().rglob("*.yaml")), ids=lambda file: file.stem)
def test_every_preset_says_what_it_is(file: Path) -> None:
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("# @package")]
    assert lines[0].startswith("# ")


def test_lists_replace_maps_and_maps_merge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plain = load(["price=gbm"])[0].price.volatility
    assert isinstance(plain, dict)
    assert load(["price=gbm", "price.volatility=[1,2,3]"])[0].price.volatility == [1.0, 2.0, 3.0]
    assert load(["price=gbm", "price.volatility={BTC:2}"])[0].price.volatility == {**plain, "BTC": 2.0}
    assert load(["price=gbm", "price.volatility=0.5"])[0].price.volatility == 0.5
    typed = ["price.volatility=[1,2]", "+price.drift=[0,0]", "run.paths=1", "++run.resume=null"]
    assert as_typed(prepared(typed)) == typed


@pytest.mark.parametrize(("overrides", "calm", "stressed"), [
    (["price.volatility=0.8"], 0.8, 0.8), (["experiment=thin_book", "price.volatility=0.8"], 0.8, 0.8),
    (["price.volatility=0.8", "price.regimes.calm.volatility=0.1"], 0.1, 0.8),
    (["price.volatility=0.8", "price.regimes.stressed.volatility={BTC:2,ETH:2,SOL:2}"], 0.8, 2.0),
    (["price.regimes.calm.volatility=0.1", "price.regimes.stressed.volatility=2"], 0.1, 2.0),
])
def test_a_flat_value_replaces_that_of_every_regime_but_those_given_too(overrides: list[str], calm: float,
                                                                         stressed: float) -> None:
    built = build_composition(load(overrides)[0].price, 60.0)
    np.testing.assert_allclose(np.asarray(built.diffusion.volatility)[[0, 2]], [[calm] * 3, [stressed] * 3])


def test_regimes_that_are_no_map_are_refused_beside_a_flat_value_too() -> None:
    with pytest.raises(UserError, match=r"price\.regimes: got 3, allowed is a map or null"):
        load(["price.volatility=0.8", "price.regimes=3"])


def test_regimes_given_on_top_of_a_model_without_keep_their_own() -> None:
    regime = "{volatility:0.3,drift:null,correlation:null,jump:null,depth_multiplier:1}"
    built = build_composition(load(["price=gbm", f"price.regimes={{a:{regime}}}", "price.drift=0.5"])[0].price, 60.0)
    np.testing.assert_allclose(built.diffusion.volatility, [[0.3] * 3])
    np.testing.assert_allclose(built.diffusion.drift, [[0.5] * 3])


def test_own_presets_are_found_beside_the_shipped_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a [strange] folder, really" / "configs" / "price"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("defaults:\n  - gbm\n  - _self_\ndrift: 0.125\n")
    monkeypatch.chdir(folder.parent.parent)
    assert load(["price=mine"])[0].price.drift == 0.125
    assert load(["price=gbm"])[0].price.drift != 0.125


def test_composing_inside_a_users_own_hydra_leaves_it_alone() -> None:
    from hydra import compose, initialize_config_dir

    with initialize_config_dir(str(config_folder() / "run"), version_base="1.3"):
        load(["price=gbm"])
        assert compose("default").paths == load([])[0].run.paths


def test_debug_keeps_runs_small() -> None:
    config, container = load(["debug=true", "run.paths=1e6"])
    assert config.run.paths == container["run"]["paths"] == 256
    assert load(["debug=true", "run.paths=100"])[0].run.paths == 100
