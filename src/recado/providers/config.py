"""What adapters have in common in checking a channel's config."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from recado.domain import links
from recado.domain.errors import InvalidInput
from recado.platform import settings


class InvalidConfig(InvalidInput):
    code = "invalid_channel_config"
    sentence = "The channel's configuration is not valid. Correct the fields named."


def _address(value: str) -> str:
    """The installation says whether a provider may be on a private address."""
    private = settings.sending().allow_private_hosts
    try:
        links.check(value, allow_private=private)
    except links.InvalidLink as error:
        reason = error.params["reason"]
        raise ValueError(f"must be an http or https address: {reason}") from None
    parts = urlsplit(value)
    if "?" in value or "#" in value or {".", ".."} & set(parts.path.split("/")):
        raise ValueError("must be an http or https address, without anything behind its path")
    return value.rstrip("/")


ServerAddress = Annotated[str, AfterValidator(_address)]
"""Where a provider's server is; it goes without a slash at its end."""

Credential = Annotated[str, Field(max_length=2000, pattern=r"^[!-~]+$")]
"""It stands in a header: with anything else in it, no request could ever be written."""


def validated(model: type[BaseModel], raw: Mapping[str, Any]) -> dict[str, Any]:
    """A config checked against its model; raises InvalidConfig with the fields that are wrong."""
    try:
        return model.model_validate(dict(raw)).model_dump()
    except ValidationError as error:
        fields = {"config." + ".".join(map(str, e["loc"])): str(e["msg"]) for e in error.errors()}
        raise InvalidConfig(fields=fields) from error
