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
from tests.integration.templates.playing import account, simulator

__all__ = [
    "account",
    "address",
    "api",
    "finish_jobs",
    "http",
    "other_api",
    "other_workspace",
    "own_database_url",
    "own_redis_url",
    "owner",
    "runtime",
    "simulator",
]
