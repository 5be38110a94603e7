"""SQLite: the one connection that writes, the ones that read, and migrations."""
