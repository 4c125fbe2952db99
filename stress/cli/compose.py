"""Composing the configuration: where the YAML files are, and what a list of overrides makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from math import prod
from pathlib import Path
from typing import Any

from stress.cli.earlier import refuse_leftovers
from stress.cli.flat import hold_in_every_regime
from stress.cli.launchers import kind, require_plugins, settings_of_plugins
from stress.cli.venues import in_hydras_words, in_users_words, keep_rules
from stress.config.parse import declared_keys, parse, parse_fields, takes_list_or_map
from stress.config.schema import Config
from stress.errors import UserError

VERSION_BASE = "1.3"
ROOT = "config"
"""Name of the root file."""

GROUPS_ALONE = ("experiment", "funding", "shock")
"""Config groups that are no section of the same name."""

DEBUG_PATHS = 256
"""Most paths of a debug run."""


def config_folder() -> Path:
    """The folder of the YAML files: inside the installed package, else the checkout's."""
    package = Path(__file__).resolve().parent.parent
    packaged = package / "configs"
    return packaged if packaged.is_dir() else package.parent / "configs"


def prepared(overrides: list[str], extra: str | None = None) -> list[str]:
    """``overrides`` as Hydra needs them to compose what they mean.

    The presets of the working directory's ``configs`` (and of the folder ``extra``) are put on the search path, a
    list given where the preset has a map is preceded by a null, for Hydra cannot merge the one into the other, venues
    of a book are composed, and a launcher or sweeper that is a plugin gets the settings that fit our jobs.
    """
    result = []
    for override in in_hydras_words(overrides):
        key, _, value = override.lstrip("+").partition("=")
        if value.startswith("[") and takes_list_or_map(key):
            result.append(f"++{key}=null")
        result.append(override)
    return [*result, *settings_of_plugins(overrides), *_search_path(overrides, extra)]


def as_typed(overrides: list[str]) -> list[str]:
    """The inverse of :func:`prepared` for overrides that Hydra reports back."""
    def is_ours(override: str, following: str) -> bool:
        key = override.removeprefix("++").removesuffix("=null")
        return override == f"++{key}=null" and following.lstrip("+").startswith(f"{key}=[")

    pairs = zip(overrides, [*overrides[1:], ""], strict=True)
    return in_users_words([override for override, following in pairs if not is_ours(override, following)])


def own_presets() -> Path | None:
    """The folder of the user's presets: ``configs`` of the working directory, unless it is ours."""
    own = Path.cwd() / "configs"
    return own if own.is_dir() and own.resolve() != config_folder().resolve() else None


def preset_folders(extra: str | None = None) -> list[Path]:
    """Where presets are looked for; ``extra`` is the user's folder beside that of the working directory."""
    own = own_presets()
    return [config_folder(), *([own] if own else []), *([Path(extra).absolute()] if extra else [])]


def _search_path(overrides: list[str], extra: str | None) -> list[str]:
    folders = preset_folders(extra)[1:]
    if not folders or any(o.lstrip("+").startswith("hydra.searchpath=") for o in overrides):
        return []
    quoted = [json.dumps(f"file://{folder}", ensure_ascii=False) for folder in folders]
    return [f"hydra.searchpath=[{','.join(quoted)}]"]


def load(overrides: list[str]) -> tuple[Config, dict[str, Any]]:
    """The configuration of ``overrides``, and the container it was parsed from.

    Raises UserError for anything wrong in it; values for a sweep are refused.
    """
    with _hydra(config_folder()):
        composed, sweep = _composed(ROOT, prepared(overrides))
    if sweep:
        raise _needs_multirun(sweep[0])
    return settle(composed, overrides)


def settle(composed: Any, overrides: list[str]) -> tuple[Config, dict[str, Any]]:
    """Parse a composed DictConfig; what ``overrides`` and ``debug`` imply is applied, in the container too."""
    container = to_container(composed)
    hold_in_every_regime(container, overrides)
    config = parse(container)
    if config.debug:
        config.run.paths = container["run"]["paths"] = min(config.run.paths, DEBUG_PATHS)
    return config, container


def to_container(composed: Any) -> dict[str, Any]:
    """A composed DictConfig as plain dicts, lists and scalars, without Hydra's own node."""
    from omegaconf import OmegaConf

    # section by section where it stands: a configuration of the sections would hold copies of them all
    container = {
        key: OmegaConf.to_container(node, resolve=True, throw_on_missing=False) if OmegaConf.is_config(node)
        else OmegaConf.select(composed, key)
        for key, node in composed.items_ex(resolve=False) if key != "hydra"
    }
    keep_rules(container)
    return container


def check_ahead(overrides: list[str], flags: dict[str, str | None]) -> bool:
    """Refuse bad input before a folder is made or a job of a sweep starts; says whether this is a sweep.

    The values of a sweep are checked one by one, each by its own field's domain; whether they go together is
    for the jobs to find out.
    """
    folder = Path(flags.get("--config-path") or config_folder()).absolute()
    if not folder.is_dir():
        raise UserError(f"--config-path: {folder} is not a folder.")
    extra = flags.get("--config-dir")
    if extra and not Path(extra).is_dir():
        raise UserError(f"--config-dir: {extra} is not a folder.")
    require_plugins(overrides)
    root, ready = flags.get("--config-name") or ROOT, prepared(overrides, extra)
    with _hydra(folder):
        composed, swept = _composed(root, ready)
        sweeping = "--multirun" in flags or str(composed.hydra.mode).endswith("MULTIRUN")
        if swept and not sweeping:
            raise _needs_multirun(swept[0])
        container = to_container(composed)
        if sweeping:
            _check_values(container, [*swept, *_sweeper_params(composed)])
            _check_presets(root, ready, swept)
            _check_folder(composed, swept)
        config = parse_fields(container) if sweeping else parse(container)
        if sweeping and config.run.processes > 1:
            raise UserError("run.processes: several processes share one run; a sweep needs run.processes=1.")
        if config.run.resume is not None:
            raise UserError("run.resume: give it on the command line as run.resume=DIR, not in a file.")
    return sweeping


@contextmanager
def _hydra(folder: Path) -> Iterator[None]:
    """Hydra initialised on ``folder``, and any Hydra around us (a user's own app) put back afterwards."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    holder = GlobalHydra.instance()
    previous = holder.hydra
    holder.clear()
    try:
        with initialize_config_dir(str(folder), version_base=VERSION_BASE):
            yield
    finally:
        GlobalHydra.instance().hydra = previous


def _composed(root: str, overrides: list[str]) -> tuple[Any, list[Any]]:
    """The composed configuration, hydra's node included, and the overrides that carry several values.

    Such an override enters with its first value.
    """
    from hydra import compose
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parsed = OverridesParser.create().parse_overrides(overrides)
    swept = [o for o in parsed if o.is_sweep_override() and o.is_discrete_sweep()]
    single = [str(o.input_line) for o in parsed if not o.is_sweep_override()]
    first = [f"{o.get_key_element()}={next(iter(o.sweep_string_iterator()))}" for o in swept if not _is_glob(o)]
    return compose(root, overrides=[*single, *first], return_hydra_config=True), swept


def _is_glob(override: Any) -> bool:
    from hydra.core.override_parser.types import ValueType

    return override.value_type == ValueType.GLOB_CHOICE_SWEEP


def _sweeper_params(composed: Any) -> list[Any]:
    """The overrides that an experiment file brings along in ``hydra.sweeper.params``."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    params = composed.hydra.sweeper.get("params") or {}
    parsed = OverridesParser.create().parse_overrides([f"{key}={value}" for key, value in params.items()])
    return [o for o in parsed if o.is_sweep_override() and o.is_discrete_sweep()]


def _check_values(container: dict[str, Any], swept: list[Any]) -> None:
    """Parse ``container`` once for each value of each swept key."""
    for override in swept:
        if not _is_glob(override) and not _is_group(override):
            for value in override.sweep_iterator():
                parse_fields(_with_value(container, override.key_or_group, value))


def _with_value(container: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """A copy of ``container`` with another value at a dotted key."""
    from omegaconf import OmegaConf

    changed = deepcopy(container)
    *sections, name = key.split(".")
    node = changed
    for section in sections:
        node = node.get(section) if isinstance(node, dict) else None
    if isinstance(node, dict) and isinstance(value, bool | int | float):  # words may name other values, maps are merged
        node[name] = value
        return changed
    config = OmegaConf.create(container)
    OmegaConf.update(config, key, value)
    return OmegaConf.to_container(config)  # type: ignore[return-value]


def _check_presets(root: str, overrides: list[str], swept: list[Any]) -> None:
    """Compose once for each preset of each swept config group, the first of each aside, which is composed already."""
    for override in swept:
        if _is_glob(override) or not _is_group(override):
            continue
        for value in list(override.sweep_string_iterator())[1:]:
            single = f"{override.get_key_element()}={value}"
            composed, _ = _composed(root, [single if o == override.input_line else o for o in overrides])
            parse_fields(to_container(composed))


def _check_folder(composed: Any, swept: list[Any]) -> None:
    """Refuse a folder with a larger sweep, where the number of jobs is known ahead."""
    if kind(composed.hydra.sweeper) != "BasicSweeper" or any(map(_is_glob, swept)):
        return
    values = {o.get_key_element(): len(list(o.sweep_string_iterator())) for o in [*_sweeper_params(composed), *swept]}
    refuse_leftovers(Path(str(composed.hydra.sweep.dir)), prod(values.values()))


def _is_group(override: Any) -> bool:
    return ("." not in override.key_or_group and declared_keys(override.key_or_group) is not None) \
        or override.key_or_group in GROUPS_ALONE


def _needs_multirun(override: Any) -> UserError:
    return UserError(f"{override.input_line}: several values need the flag -m (one job each). "
                     f"A list is written {override.key_or_group}=[...].")
