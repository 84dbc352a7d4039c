"""Answers kept under the caller's key, so that a repeated request gets the first one's."""

from datetime import timedelta
from typing import Any

from psycopg.types.json import Jsonb

from recado.platform.postgres import Transaction


async def begin(
    tx: Transaction, key: str, digest: bytes, *, abandoned_after: timedelta
) -> dict[str, Any] | None:
    """Take a key; returns what is kept under it if somebody has taken it before.

    A request that ended without an answer gives its key free after a while.
    """
    taken = await tx.value(
        "INSERT INTO idempotency_key AS k (workspace_id, key, request_hash)"
        " VALUES (%(workspace_id)s, %(key)s, %(digest)s)"
        " ON CONFLICT (workspace_id, key) DO UPDATE SET created_at = now()"
        " WHERE k.status IS NULL AND k.created_at < now() - %(age)s"
        " AND k.request_hash = excluded.request_hash"
        " RETURNING true",
        workspace_id=tx.workspace_id,
        key=key,
        digest=digest,
        age=abandoned_after,
    )
    if taken:
        return None
    return await tx.one(
        "SELECT request_hash, status, response FROM idempotency_key"
        " WHERE workspace_id = %(workspace_id)s AND key = %(key)s",
        workspace_id=tx.workspace_id,
        key=key,
    )


async def finish(tx: Transaction, key: str, status: int, response: object) -> None:
    """Keep the answer."""
    await tx.run(
        "UPDATE idempotency_key SET status = %(status)s, response = %(response)s"
        " WHERE workspace_id = %(workspace_id)s AND key = %(key)s",
        workspace_id=tx.workspace_id,
        key=key,
        status=status,
        response=Jsonb(response),
    )


async def forget(tx: Transaction, key: str) -> None:
    """Give a key free, as its request made nothing."""
    await tx.run(
        "DELETE FROM idempotency_key WHERE workspace_id = %(workspace_id)s AND key = %(key)s",
        workspace_id=tx.workspace_id,
        key=key,
    )
