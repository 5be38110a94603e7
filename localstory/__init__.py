"""localstory without its window: language models on your own computer, and stories told with them."""

__version__ = "0.1.0"
