"""Facts of this machine: processor, memory, graphics, disk. Unknown is None, never 0."""
