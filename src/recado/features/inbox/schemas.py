"""Shapes of conversations and messages as they go out."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field


class ConversationShown(BaseModel):
    """A conversation of one person with one number."""

    id: int
    channel_id: int
    channel: str
    contact_id: int | None = Field(description="null while only the provider knows who it is")
    name: str
    phone: str | None
    person: str | None = Field(description="what the provider calls who is no contact")
    unread: int
    last_inbound_at: datetime | None = Field(description="when the person last wrote or called")
    last_message_at: datetime
    open_until: datetime | None = Field(
        description="24 hours after the person's last message; null once they are over"
    )
    may_answer: bool = Field(description="whether anything but a template may be sent now")
    opted_out_at: datetime | None
    last_kind: str | None
    last_direction: str | None
    last_text: str | None = Field(description="the beginning of the newest message")


class ItemShown(BaseModel):
    """What was said: a message, or what a campaign sent (then ``id`` is its delivery's)."""

    id: int
    direction: str = Field(description="in: they wrote; out: we did")
    kind: str = Field(
        description="text, image, audio, document, call, system…; campaign: what a campaign sent"
    )
    text: str
    media: dict[str, Any] | None = Field(description="id, mime, filename, url, voice")
    place: dict[str, float] | None = Field(description="latitude, longitude")
    choice: str | None = Field(description="what stands behind the button that was tapped")
    reply_to: str | None = Field(description="the provider's id of the message that it answers")
    delivery_id: int | None = Field(description="of a campaign: what it answers, or is")
    campaign_id: int | None
    campaign: str | None
    provider_id: str | None
    author: str | None = Field(description="user:…, key:…, system, or phone; null: they wrote it")
    content: dict[str, Any] | None = Field(description="as it was given to be sent")
    status: str | None = Field(
        description="of ours: pending, sending, sent, delivered, read, failed, unknown"
    )
    at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    failed_at: datetime | None
    error_code: str | None
    error_detail: str | None
    reaction: str | None = Field(description="the emoji that the person put on it")
    edited_at: datetime | None
    revoked_at: datetime | None = Field(description="they took it back; its text is not shown")
