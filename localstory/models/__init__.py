"""Models on this computer and how they are named."""
