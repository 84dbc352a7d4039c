"""Typed ids, so that one kind cannot be handed over as another."""

import re
from dataclasses import dataclass
from typing import NewType, Self

WorkspaceId = NewType("WorkspaceId", int)
UserId = NewType("UserId", int)
ApiKeyId = NewType("ApiKeyId", int)
ChannelId = NewType("ChannelId", int)
ContactId = NewType("ContactId", int)
ListId = NewType("ListId", int)
ImportId = NewType("ImportId", int)
CampaignId = NewType("CampaignId", int)
RunId = NewType("RunId", int)
DeliveryId = NewType("DeliveryId", int)
ConversationId = NewType("ConversationId", int)
MessageId = NewType("MessageId", int)
CheckId = NewType("CheckId", int)


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """An attempt's id, written ``delivery.part.attempt``: what the provider echoes back."""

    delivery_id: DeliveryId
    part: int
    attempt: int

    def __str__(self) -> str:
        return f"{self.delivery_id}.{self.part}.{self.attempt}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read a reference that came back; None if it is not one of ours."""
        pieces = text.split(".")
        if len(pieces) != 3 or not all(p.isascii() and p.isdigit() and len(p) < 19 for p in pieces):  # noqa: PLR2004
            return None
        delivery, part, attempt = map(int, pieces)
        return cls(DeliveryId(delivery), part, attempt)


_OF_MESSAGE = re.compile(r"m([0-9]{1,18})\.([0-9]{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class MessageReference:
    """An attempt's id at a message of a conversation, written ``m<message>.<attempt>``."""

    message_id: MessageId
    attempt: int

    def __str__(self) -> str:
        return f"m{self.message_id}.{self.attempt}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read a reference that came back; None if it is not one of ours."""
        found = _OF_MESSAGE.fullmatch(text)
        return found and cls(MessageId(int(found[1])), int(found[2]))
