"""Voices: Piper, and how a written text is read."""
