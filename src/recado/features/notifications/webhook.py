"""Telling a workspace's own system: each notification once, signed, until it was taken.

Notifications wait in their table, so none is lost with a process; a job looks each minute.
"""

import hashlib
import hmac
from datetime import timedelta

import aiohttp
import msgspec

from recado.domain.ids import WorkspaceId
from recado.features.notifications.kinds import told
from recado.features.notifications.service import SQL
from recado.platform import i18n, logging, outbound, settings
from recado.platform.postgres import Row
from recado.platform.runtime import Runtime

log = logging.get(__name__)

SETTING = "notificationsWebhook"
SIGNATURE = "X-Recado-Signature"
AT_ONCE = 50
TRIED_FOR = timedelta(days=1)


def signing_secret(runtime: Runtime, workspace_id: WorkspaceId) -> str:
    """What a workspace's webhook is signed with; it changes with the installation's first key."""
    key = runtime.sealer.session_secret.encode()
    return hmac.new(key, f"notifications {workspace_id}".encode(), hashlib.sha256).hexdigest()


async def tell_all(runtime: Runtime) -> int:
    """Tell every workspace's system what it has not been told; returns how many were taken."""
    async with runtime.db.system() as tx:
        rows = await tx.all(SQL["webhooks"], setting=SETTING)
    return sum([await _tell(runtime, WorkspaceId(r["workspace_id"]), r["url"]) for r in rows])


async def _tell(runtime: Runtime, workspace_id: WorkspaceId, url: str) -> int:
    async with runtime.db.workspace(workspace_id) as tx:
        rows = await tx.all(SQL["untold"], workspace_id=workspace_id, age=TRIED_FOR, most=AT_ONCE)
    secret = signing_secret(runtime, workspace_id).encode()
    taken: list[int] = []
    for row in rows:
        if not await _post(url, _body(row), secret):
            break  # the others would fare alike; in a minute again
        taken.append(row["id"])
    if taken:
        async with runtime.db.workspace(workspace_id) as tx:
            await tx.run(SQL["told"], workspace_id=workspace_id, ids=taken)
    return len(taken)


def _body(row: Row) -> bytes:
    message = told(row["kind"], row["params"], i18n.translator(i18n.LOCALES[0]))
    return msgspec.json.encode({**row, "message": message})


async def _post(url: str, body: bytes, secret: bytes) -> bool:
    signature = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", SIGNATURE: signature, "User-Agent": "recado"}
    private = settings.sending().allow_private_hosts
    try:
        status = await outbound.post(url, body, headers, private=private)
    except (OSError, aiohttp.ClientError, TimeoutError, ValueError) as error:
        log.warning("notification not taken", url=url, error=str(error))
        return False
    if not 200 <= status < 300:  # noqa: PLR2004 - any answer that says yes
        log.warning("notification not taken", url=url, status=status)
        return False
    return True
