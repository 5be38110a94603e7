"""The rooms. In each, `state.py` decides (pure, no Qt) and `page.py` paints."""
