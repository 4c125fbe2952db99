"""Jobs that are copied from one that is like them, against what Hydra composes."""

from __future__ import annotations

from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import OmegaConf

from stress.cli.alike import Alike
from stress.cli.compose import ROOT, VERSION_BASE, config_folder

FUND, MARGIN = "protocol.insurance_fund=", "protocol.maintenance_margin="
SWEEPS: dict[str, tuple[list[list[str]], int]] = {
    "numbers": ([[f"{FUND}{fund}", f"{MARGIN}{rate}"] for fund in ("1e4", "1_000", "7") for rate in (0.01, 1)], 1),
    "words": ([["book.synthetic.isolated_share=1", f"price.provenance={text}"] for text in ("a", "'b, c'", "true")], 1),
    "a value first, that a list and a map follow": (
        [[f"{FUND}{fund}", "price.markets=[BTC]", "limits={depletion_probability:0.1}", f"{MARGIN}0.02"]
         for fund in (1, 2)], 1),
    "the same key twice": ([[f"{FUND}{fund}", f"{FUND}5"] for fund in (1, 2)], 1),
    "a part of what follows whole": (
        [[f"book.synthetic.isolated_share={share}", "book.synthetic={isolated_share:0.5}"] for share in (0.1, 0.2)], 1),
    "groups": ([[f"protocol={venue}", f"{FUND}{fund}"] for fund in (1, 2) for venue in ("bybit", "deribit")], 2),
    "a group after a number": ([[f"{FUND}{fund}", "protocol=bybit"] for fund in (1, 2)], 2),
    "keys that are added": ([[f"{FUND}{fund}", "++price.notes=1"] for fund in (1, 2)], 2),
    "no value": ([[f"price.provenance={value}"] for value in ("null", "a", "b")], 2),
    "the same job": ([[f"{FUND}1"], [f"{FUND}1"]], 1),
}
"""Jobs, and how many of them are composed by Hydra."""


@pytest.mark.parametrize("name", SWEEPS)
def test_jobs_are_what_hydra_composes(name: str) -> None:
    jobs, by_hydra = SWEEPS[name]
    with initialize_config_dir(str(config_folder()), version_base=VERSION_BASE):
        hydra: Any = GlobalHydra.instance().hydra
        loader = hydra.config_loader
        master = loader.load_configuration(ROOT, ["hydra.job.name=sweep"], RunMode.MULTIRUN)
        composed: list[list[str]] = []

        def compose(config: Any, words: list[str]) -> Any:
            composed.append(words)
            return loader.load_sweep_config(config, words)

        alike = Alike(compose)
        found = [alike.config(master, words) for words in jobs]
        for words, mine in zip(jobs, found, strict=True):
            right = loader.load_sweep_config(master, words)
            assert OmegaConf.to_container(mine) == OmegaConf.to_container(right)
            assert OmegaConf.is_struct(mine) == OmegaConf.is_struct(right)
        assert len(composed) == by_hydra
        assert found[0] is not found[-1]
