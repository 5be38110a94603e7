"""The window: PySide6 widgets over the core. Pages paint, `state.py` decides."""
