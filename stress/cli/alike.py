"""Jobs of a sweep that differ in plain values alone: composed once, and copied with their own values.

Composing reads and merges every file of the presets; what a job of a sweep over numbers adds to that is a few values
written into the result. Hydra has no way to say so. The copy is what Hydra would compose: it writes overrides that
name no config group in their order into what it composed of the groups, and takes note of the words.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hydra._internal.config_loader_impl import get_overrides_dirname
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import OmegaConf

PLAIN = (int, float, bool, str)


@dataclass(frozen=True)
class Pattern:
    """A job that is composed, for others that are like it."""

    composed: bytes  # pickled, which makes copies in a third of the time that deepcopy takes
    groups: frozenset[str]
    overrides: list[Override]


class Alike:
    """Configurations of the jobs of one sweep."""

    def __init__(self, compose: Callable[[Any, list[str]], Any]) -> None:
        self._compose = compose
        self._patterns: dict[tuple[str, ...], list[Pattern]] = {}

    def config(self, master: Any, words: Sequence[str]) -> Any:
        """The configuration of a job with the overrides ``words``, of the sweep with the configuration ``master``."""
        overrides = OverridesParser.create().parse_overrides(list(words))
        key = tuple(_without_value(override) for override in overrides)
        known = self._patterns.setdefault(key, [])
        for pattern in known:
            if (first := _first_difference(pattern, overrides)) is not None:
                return _with_values(pattern, overrides, first, master)
        composed = self._compose(master, list(words))
        known.append(Pattern(pickle.dumps(composed), frozenset(composed.hydra.runtime.choices), overrides))
        return composed


def _without_value(override: Override) -> str:
    """The words, of a plain value the key alone."""
    plain = override.type == OverrideType.CHANGE and isinstance(override.value(), PLAIN)
    return f"{override.key_or_group}=" if plain and override.package is None else str(override.input_line)


def _first_difference(pattern: Pattern, overrides: list[Override]) -> int | None:
    """Place of the first override with another value; None where writing values is not what Hydra would do.

    From there on all are written again, in their order, so they have to be such as can be: no key is added or deleted.
    """
    pairs = enumerate(zip(pattern.overrides, overrides, strict=True))
    first = next((n for n, (old, new) in pairs if old.input_line != new.input_line), len(overrides))
    rest = overrides[first:]
    safe = all(o.type == OverrideType.CHANGE and o.package is None and o.key_or_group not in pattern.groups
               and not o.key_or_group.startswith("hydra.") for o in rest)
    return first if safe else None


def _with_values(pattern: Pattern, overrides: list[Override], first: int, master: Any) -> Any:
    composed: Any = pickle.loads(pattern.composed)  # noqa: S301  # our own, of this process
    for override in overrides[first:]:
        OmegaConf.update(composed, override.key_or_group, override.value(), merge=True)
    told, naming = [o for o in overrides if not o.is_hydra_override()], composed.hydra.job.config.override_dirname
    composed.hydra.overrides.task = [o.input_line for o in told]
    composed.hydra.job.override_dirname = get_overrides_dirname(
        told, exclude_keys=naming.exclude_keys, item_sep=naming.item_sep, kv_sep=naming.kv_sep)
    OmegaConf.copy_cache(from_config=master, to_config=composed)
    return composed
