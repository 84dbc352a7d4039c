"""The only place that wires: settings → open servers → the runtime of a process."""

from recado.domain.errors import Unavailable
from recado.features.campaigns import jobs as campaigns
from recado.features.checks import jobs as checks
from recado.features.connections import jobs as connections
from recado.features.contacts import jobs as contacts
from recado.features.dispatch import jobs as dispatch
from recado.features.inbox import jobs as inbox
from recado.features.notifications import jobs as notifications
from recado.features.settings import jobs as workspace_settings
from recado.features.templates import jobs as templates
from recado.features.webhooks import jobs as webhooks
from recado.features.wishes import jobs as wishes
from recado.platform import redis, settings
from recado.platform.crypto import Sealer
from recado.platform.postgres import Database
from recado.platform.queue import JobQueue
from recado.platform.runtime import Runtime


class NotConfigured(Unavailable):
    code = "not_configured"
    sentence = (
        "{name} is not set. Set DATABASE_URL, REDIS_URL and RECADO_SECRET_KEY, "
        "or use 'recado up', which brings its own servers."
    )


def open_runtime() -> Runtime:
    """The runtime of this process; connections are opened when first needed.

    Raises:
        NotConfigured: An address or the key is missing from the environment.
    """
    servers, web = settings.servers(), settings.web()
    if not servers.database_url:
        raise NotConfigured(name="DATABASE_URL")
    if not servers.redis_url:
        raise NotConfigured(name="REDIS_URL")
    if not web.secret_key:
        raise NotConfigured(name="RECADO_SECRET_KEY")
    public_url = str(web.public_url or "http://127.0.0.1:8000").rstrip("/")
    queue = JobQueue(direct_url())
    runtime = Runtime(
        db=Database(
            servers.database_url,
            pool_size=servers.database_pool,
            # Behind a pooler, a prepared statement may meet another connection.
            prepared=not servers.database_direct_url,
        ),
        redis=redis.connect(servers.redis_url),
        queue=queue,
        sealer=Sealer(web.secret_key.get_secret_value()),
        public_url=public_url,
    )
    queue.add("campaigns", campaigns.blueprint(runtime))
    queue.add("checks", checks.blueprint(runtime))
    queue.add("connections", connections.blueprint(runtime))
    queue.add("contacts", contacts.blueprint(runtime))
    queue.add("dispatch", dispatch.blueprint(runtime))
    queue.add("inbox", inbox.blueprint(runtime))
    queue.add("notifications", notifications.blueprint(runtime))
    queue.add("settings", workspace_settings.blueprint(runtime))
    queue.add("templates", templates.blueprint(runtime))
    queue.add("webhooks", webhooks.blueprint(runtime))
    queue.add("wishes", wishes.blueprint(runtime))
    return runtime


def direct_url() -> str:
    """PostgreSQL itself, past any pooler: LISTEN and session settings need it."""
    servers = settings.servers()
    url = servers.database_direct_url or servers.database_url
    if not url:
        raise NotConfigured(name="DATABASE_URL")
    return url
