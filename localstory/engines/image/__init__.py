"""Pictures: drawn by our own illustrator, or title cards."""
