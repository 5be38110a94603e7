"""The steps of a story: write, draw, speak, film."""
