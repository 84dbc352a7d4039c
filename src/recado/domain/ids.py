"""Typed ids, so that one kind cannot be handed over as another."""

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
