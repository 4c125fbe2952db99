"""``calibrate``: history in, presets and a comparison out."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from stress.config.schema import Config
from stress.errors import UserError, bad_value
from stress.files import write_json
from stress.price.calibrate.base import Fitter, Options
from stress.price.calibrate.models.table import ALL, FITTERS, asked_model
from stress.price.calibrate.preset import target
from stress.price.calibrate.results import Result, assess, provenance_of, write_preset
from stress.price.calibrate.study import Study, check_enough, open_study

Say = Callable[[str], None]

KEPT = ("name", "log_likelihood", "likelihood", "free_parameters", "aic", "bic", "comparison", "dependence",
        "out_of_sample", "warnings", "preset")
"""What of a model's ``calibration.json`` the comparison repeats."""


def calibrate(cfg: Config, folder: Path, say: Say = lambda _: None) -> list[Path]:
    """Fit what ``cfg.price`` or ``cfg.calibrate.models`` asks for to ``cfg.data``; returns the presets.

    Each preset goes to ``calibrate.output``, else to ``configs/price/<name>.yaml`` under the working directory. One
    model writes ``calibration.json`` and ``tails.npz`` into ``folder``; several do so into a folder each, with
    ``comparison.json`` above them, and one that cannot be fitted is left out of it, with its reason. Raises UserError
    when the data cannot be used. ``say`` is told how it goes.
    """
    if jnp.zeros(()).dtype != jnp.float64:
        raise RuntimeError("calibrate needs JAX with 64-bit floats (jax_enable_x64)")
    chosen, folder = cfg.calibrate.models, Path(folder)
    fitters = [FITTERS[name] for name in ([asked_model(cfg.price)] if chosen is None else asked_models(chosen))]
    study_markets = list(cfg.data.markets or cfg.price.markets)
    files = {fitter.name: _file(cfg, fitter.name, study_markets) for fitter in fitters}
    study = open_study(cfg)
    _check_use(cfg, study)
    if chosen is None:
        return [_one(cfg, study, fitters[0], folder, files[fitters[0].name])[1]]
    return _several(cfg, study, fitters, folder, files, say)


def asked_models(names: list[str]) -> list[str]:
    """The models of ``calibrate.models``, in the order of a comparison."""
    wrong = [name for name in names if name not in (*FITTERS, ALL)]
    if wrong or not names:
        raise bad_value("calibrate.models", names, f"a list of {', '.join(FITTERS)}, or [{ALL}]")
    return [name for name in FITTERS if ALL in names or name in names]


def _file(cfg: Config, model: str, markets: list[str]) -> Path:
    """Where the preset of a model goes; with several models ``calibrate.output`` is a folder."""
    several, name = cfg.calibrate.models is not None, cfg.calibrate.name
    label = "_".join(m.lower() for m in markets) if name is None else name
    full = f"{model}_{label}" if several or name is None else label
    output = cfg.calibrate.output
    if several and output is not None:
        if Path(output).suffix in (".yaml", ".yml"):
            raise bad_value("calibrate.output", output, "a folder where several models are fitted")
        output = str(Path(output) / f"{full}.yaml")
    return target(output, full)


def _check_use(cfg: Config, study: Study) -> None:
    markets, used = study.sample.markets, cfg.calibrate.use
    if used is not None and (not used or len(set(used)) < len(used) or set(used) - set(markets)):
        raise bad_value("calibrate.use", used, f"names out of {', '.join(markets)}, each once")


def _one(cfg: Config, study: Study, fitter: Fitter, folder: Path, file: Path) -> tuple[Result, Path]:
    check_enough(study, fitter.fewest)
    chosen = cfg.calibrate
    fit = fitter.fit(study.sample, Options(cfg.price, chosen.starts, cfg.run.seed, chosen.regimes, chosen.separation,
                                           chosen.max_jumps_per_year, chosen.max_kou_jumps_per_year,
                                           chosen.max_hawkes_jumps_per_year, chosen.joint_markets))
    provenance = provenance_of(cfg, study, fitter, fit)
    result = assess(study, fitter, fit, folder, file, provenance)
    return result, write_preset(cfg, study, fitter, fit, file, provenance)


def _several(cfg: Config, study: Study, fitters: list[Fitter], folder: Path, files: dict[str, Path], say: Say
             ) -> list[Path]:
    found: dict[str, Any] = {}
    failed, presets = {}, []
    for fitter in fitters:
        started = time.perf_counter()
        try:
            result, preset = _one(cfg, study, fitter, folder / fitter.name, files[fitter.name])
        except (UserError, np.linalg.LinAlgError, FloatingPointError) as error:
            failed[fitter.name] = str(error)
            say(f"{fitter.name}: not fitted. {error}")
            continue
        seconds = time.perf_counter() - started
        found[fitter.name] = {**{key: result[key] for key in KEPT}, "seconds": round(seconds, 1)}
        presets.append(preset)
        say(f"{fitter.name}: {seconds:.0f} s, {preset}")
    if not presets:
        raise UserError("calibrate: no model could be fitted. " + " ".join(f"{m}: {e}" for m, e in failed.items()))
    write_json(folder / "comparison.json", {
        "markets": study.sample.markets, "bars": study.bars, "bar_seconds": study.sample.bar_seconds,
        "data": study.history.describe(), "split": study.split, "models": found, "failed": failed})
    return presets
