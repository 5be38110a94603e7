"""The one HTTP client: refuses what the offline switch forbids, and keeps a log of what went out."""

from __future__ import annotations
