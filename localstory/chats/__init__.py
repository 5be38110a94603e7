"""Chats: an immutable tree of messages, kept in SQLite."""
