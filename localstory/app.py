"""Builds every service once and closes them in reverse."""
