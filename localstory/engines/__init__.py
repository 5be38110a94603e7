"""Engines: what writes, draws, speaks and films. `base.py` is what they promise, `registry.py` the list of them."""
