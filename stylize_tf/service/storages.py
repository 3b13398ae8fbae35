"""Where jobs wait: huey's storages, in an SQLite file or a Redis, whose errors are ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize_tf.errors import ConfigError, StylizationError
from stylize_tf.machine.extras import require

if TYPE_CHECKING:
    from huey.storage import BaseStorage

_CONNECT_SECONDS = 10.0
"""For a machine that does not answer at all, before that is told."""


class QueueError(StylizationError):
    """The queue cannot be reached: what was asked for may be asked for again."""


class Told:
    """A storage of huey whose errors of connection are a `QueueError`."""

    def __init__(self, storage: BaseStorage):
        self._storage = storage

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._storage, name)

        def told(*arguments: Any) -> Any:
            try:
                return method(*arguments)
            except Exception as error:
                if isinstance(error, _unreachable()):
                    raise _told(error) from error
                raise

        return told


def storage_at(place: str, name: str) -> BaseStorage:
    """The storage of a place: `redis://host:port/number`, or the path of an SQLite file.

    Raises:
        ConfigError: if what it takes is not installed, or the place is none.
        QueueError: if a file cannot be made or read; a Redis is not yet asked.
    """
    require("huey", "serve", "serve")
    if "://" not in place:
        return _in_file(Path(place), name)
    require("redis", "serve", "serve")
    from huey.storage import RedisStorage
    from redis import ConnectionPool

    try:
        pool = ConnectionPool.from_url(place, socket_connect_timeout=_CONNECT_SECONDS)
    except ValueError as error:
        raise ConfigError(f"`queue` must be redis://HOST:PORT/NUMBER or a file; {error}") from error
    return RedisStorage(name, connection_pool=pool, blocking=False)


def _in_file(path: Path, name: str) -> BaseStorage:
    from huey.storage import SqliteStorage

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # In the order in which they came, and on the disk before who asked is told so.
        return SqliteStorage(name, filename=str(path), strict_fifo=True, fsync=True, timeout=30)
    except (OSError, sqlite3.DatabaseError) as error:
        raise _told(error, f" in {str(path)!r}") from error


def _told(error: Exception, where: str = "") -> QueueError:
    return QueueError(f"the queue{where} cannot be reached: {str(error).rstrip('.')}.")


def _unreachable() -> tuple[type[Exception], ...]:
    """Errors of storages that cannot be reached, or are too busy."""
    try:
        from redis.exceptions import RedisError
    except ImportError:
        return (sqlite3.DatabaseError,)
    return (sqlite3.DatabaseError, RedisError)
