from tests.integration.api.product import (
    address,
    api,
    finish_jobs,
    http,
    other_api,
    other_workspace,
    own_database_url,
    own_redis_url,
    owner,
    runtime,
)
from tests.integration.campaigns.planning import planned, watch

__all__ = [
    "address",
    "api",
    "finish_jobs",
    "http",
    "other_api",
    "other_workspace",
    "own_database_url",
    "own_redis_url",
    "owner",
    "planned",
    "runtime",
    "watch",
]
