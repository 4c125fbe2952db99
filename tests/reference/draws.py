"""Random numbers by hashing."""

from __future__ import annotations


def draw(seed: int, tick: int, market: int, account: int) -> int:
    """A hash: seed, tick, market and account are mixed in, one after the other."""
    word = 0
    for part in (seed, tick, market, account):
        word = _mixed(word ^ part)
    return word


def _mixed(word: int) -> int:
    """The finaliser of the 32-bit MurmurHash3."""
    word = (word ^ word >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    word = (word ^ word >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return word ^ word >> 16
