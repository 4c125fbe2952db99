"""Ladders on a GPU: one kernel for all ticks of a path, a path a lane, out of the same functions as on a CPU."""
