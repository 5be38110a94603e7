"""Chats: an immutable tree of messages, kept in SQLite."""

from localstory.chats.service import Chats

__all__ = ["Chats"]
