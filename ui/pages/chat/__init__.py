"""A room of the window."""
