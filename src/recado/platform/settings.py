"""Settings of an installation, read once from the environment. A workspace's own are rows."""

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, HttpUrl, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class _Group(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="RECADO_", frozen=True, extra="ignore")


class Servers(_Group):
    """Where PostgreSQL and Redis are; without them the embedded ones are used."""

    database_url: str | None = Field(None, validation_alias="DATABASE_URL")
    database_direct_url: str | None = Field(None, validation_alias="DATABASE_DIRECT_URL")
    redis_url: str | None = Field(None, validation_alias="REDIS_URL")
    database_pool: int = Field(20, ge=2, description="connections a process may hold")


class Home(_Group):
    """Where an installation on one machine keeps its data."""

    home: Path = Field(default_factory=lambda: Path.home() / ".local" / "share" / "recado")


class Web(_Group):
    """The HTTP side."""

    public_url: HttpUrl | None = Field(None, description="how providers and people reach us")
    secret_key: SecretStr | None = Field(
        None, description="keys of sealed secrets, newest first, separated by commas"
    )
    max_upload_mb: int = Field(256, ge=1, description="largest contacts file")
    secure_cookies: bool = False
    api_per_minute: int = Field(
        1000, ge=0, description="requests of one caller in any minute; 0 is no limit"
    )


class Sending(_Group):
    """How a worker talks to providers and to other workers."""

    # After a minute the slot in flight of whoever has not freed it is given to others.
    request_timeout_seconds: float = Field(
        30, gt=0, le=60, description="then the outcome is unknown"
    )
    lease_seconds: float = Field(15, gt=0, description="a dead worker's channels wait this long")
    limit_per_second: int | None = Field(None, ge=1, description="requests of all workspaces")
    limit_per_minute: int | None = Field(None, ge=1, description="requests of all workspaces")
    limit_per_day: int | None = Field(None, ge=1, description="requests of all workspaces")
    simulator_url: str = "http://127.0.0.1:8090"
    allow_private_hosts: bool = Field(
        True, description="providers on private addresses, as Evolution usually is"
    )
    allow_private_links: bool = Field(
        False, description="files of campaigns may lie on private addresses"
    )


class Logs(_Group):
    """What is written to standard error, and what workers count."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] = "json"
    metrics_port: int | None = Field(None, ge=1, le=65_000, description="of the first worker")
    metrics_host: str = "127.0.0.1"


@lru_cache
def servers() -> Servers:
    return Servers()


@lru_cache
def home() -> Home:
    return Home()


@lru_cache
def web() -> Web:
    return Web()


@lru_cache
def sending() -> Sending:
    return Sending()


@lru_cache
def logs() -> Logs:
    return Logs()
