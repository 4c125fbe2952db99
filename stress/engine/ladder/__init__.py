"""Ladder engine: accounts sorted once by bankruptcy price, so a tick costs a comparison whatever their number."""
