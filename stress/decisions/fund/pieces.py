"""A long calculation in pieces, written down as they come, so that a killed command goes on where it stood."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic

import numpy as np

from stress.mc.store import finished_chunks, missing_blocks, read_chunk, write_chunk

Arrays = dict[str, np.ndarray]


def in_pieces(find: Callable[[int], Arrays], count: int, folder: Path, seconds: float) -> Arrays:
    """Arrays of pieces 0 .. ``count`` - 1, joined along their first axis.

    Pieces that ``folder`` has are read; ``find`` is called for the others, which are written about every ``seconds``.
    """
    missing = missing_blocks(finished_chunks(folder), count)
    some, since = list[Arrays](), monotonic()
    for piece in missing:
        some.append(find(piece))
        if monotonic() - since >= seconds or piece == missing[-1]:
            write_chunk(folder, piece - len(some) + 1, piece, joined(some))
            some, since = [], monotonic()
    return joined([read_chunk(chunk) for chunk in finished_chunks(folder)])


def joined(parts: Sequence[Arrays]) -> Arrays:
    """Arrays of the same names, one after the other."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
