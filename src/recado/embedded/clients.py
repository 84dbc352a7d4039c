"""What the launcher asks the servers themselves: are you there, are you ours, are you ready."""

import os
from pathlib import Path
from typing import Any

import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from recado.embedded.postgres_data import USER

DATABASE = "recado"
_SECONDS = 5


def postgres_answers(port: int, password: str) -> bool:
    """Whether a PostgreSQL on this port lets us in.

    With SCRAM the server, too, proves that it knows the password: it is ours.
    """
    try:
        _connect_postgres(port, password).close()
    except psycopg.OperationalError:
        return False
    return True


def create_database(port: int, password: str) -> None:
    """Makes sure of the database `recado`."""
    with _connect_postgres(port, password) as connection:
        query = "SELECT 1 FROM pg_database WHERE datname = %s"
        if connection.execute(query, (DATABASE,)).fetchone() is None:
            connection.execute("CREATE DATABASE recado")


def _connect_postgres(port: int, password: str) -> psycopg.Connection:
    # Everything is said here, so that PGSSLMODE and its like have no say.
    return psycopg.connect(
        host="127.0.0.1",
        port=port,
        user=USER,
        password=password,
        dbname="postgres",
        connect_timeout=_SECONDS,
        sslmode="disable",
        autocommit=True,
    )


def valkey_answers(port: int, password: str) -> bool:
    """Whether a Valkey takes commands here: listening, and its data read back."""
    try:
        with _connect_valkey(port, password) as client:
            return bool(client.ping())
    except (redis.RedisError, OSError):
        return False


def ask_valkey_pid(port: int, password: str, data: Path) -> int | None:
    """The process behind the port, if it takes our password and works in our folder.

    A server that still reads its data back answers this, too.
    """
    try:
        with _connect_valkey(port, password) as client:
            folders: dict[Any, Any] = client.config_get("dir")
            facts: dict[str, Any] = client.info("server")
    except (redis.RedisError, OSError):
        return None
    folder = folders.get("dir", folders.get(b"dir", ""))
    try:
        ours = Path(os.fsdecode(folder)).samefile(data)
    except OSError:
        return None
    return int(facts["process_id"]) if ours else None


def _connect_valkey(port: int, password: str) -> redis.Redis:
    return redis.Redis(
        host="127.0.0.1",
        port=port,
        password=password,
        socket_timeout=_SECONDS,
        socket_connect_timeout=_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
