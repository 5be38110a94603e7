"""SQLite: the one connection that writes, the ones that read, and migrations."""

from localstory.db.connection import Database, DatabaseDamaged, DatabaseTrouble, NewerDatabase

__all__ = ["Database", "DatabaseDamaged", "DatabaseTrouble", "NewerDatabase"]
