"""What a campaign is made of, as it comes from outside."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from recado.domain import splitting
from recado.features.contacts.schemas import Label, TagName

MOST_PARTS = 10
MOST_IDS = 10_000

Id = Annotated[int, Field(ge=1, le=2**63 - 1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TextContent(_Strict):
    """A text with variables such as ``{nome|amigo}``, sent as one message or as a few."""

    type: Literal["text"] = "text"
    max_split_parts: Annotated[int, Field(ge=1, le=MOST_PARTS)] = 1
    text: Annotated[str, Field(min_length=1, max_length=MOST_PARTS * splitting.LONGEST)]

    @field_validator("text")
    @classmethod
    def _says_something(cls, value: str, info: ValidationInfo) -> str:
        if not value.strip():
            raise ValueError("must not be blank")
        if "\x00" in value:
            raise ValueError("must not contain a NUL character")
        most = splitting.LONGEST * info.data.get("max_split_parts", MOST_PARTS)
        if len(value) > most:
            raise ValueError(f"must have at most {most} characters in so many parts")
        return value


class Audience(_Strict):
    """Whom a campaign is aimed at: everyone who is in any of these, once."""

    list_ids: Annotated[list[Id], Field(max_length=MOST_IDS)] = []
    tags: Annotated[list[TagName], Field(max_length=MOST_IDS)] = []
    contact_ids: Annotated[list[Id], Field(max_length=MOST_IDS)] = []

    @model_validator(mode="after")
    def _someone(self) -> "Audience":
        if not (self.list_ids or self.tags or self.contact_ids):
            raise ValueError("name a list, a tag or a contact at least")
        return self


_MOMENT: Final = {"type": ["string", "null"], "format": "date-time"}
_TIME_OF_DAY: Final = {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$"}
_WEEKDAY: Final = {"type": "integer", "minimum": 1, "maximum": 7}
_WINDOW: Final = {
    "type": ["object", "null"],
    "required": ["weekdays", "from", "to", "timezone"],
    "properties": {
        "weekdays": {"type": "array", "items": _WEEKDAY, "minItems": 1, "uniqueItems": True},
        "from": _TIME_OF_DAY,
        "to": _TIME_OF_DAY,
        "timezone": {"type": "string", "examples": ["America/Sao_Paulo", "contact"]},
        "skip_holidays": {"type": ["string", "null"], "examples": ["BR"]},
    },
    "additionalProperties": False,
}
_REPEAT: Final = {
    "type": ["object", "null"],
    "required": ["every"],
    "properties": {
        "every": {"enum": ["day", "week", "month"]},
        "interval": {"type": ["integer", "null"], "minimum": 1, "maximum": 366},
    },
    "additionalProperties": False,
}
Schedule = Annotated[
    dict[str, Any],
    # Read and checked by domain/schedules.py; this is its description.
    WithJsonSchema(
        {
            "type": "object",
            "description": "When it may send; see the reference on windows.",
            "properties": {
                "start_at": _MOMENT,
                "end_at": _MOMENT,
                "window": _WINDOW,
                "repeat": _REPEAT,
            },
            "additionalProperties": False,
        }
    ),
]


class NewCampaign(_Strict):
    """A campaign to be made."""

    name: Label
    channel_ids: Annotated[list[Id], Field(max_length=100)] = []
    audience: Audience
    content: TextContent
    schedule: Schedule = {}
    pacing: dict[str, Any] = {}
    fail_over: bool = Field(
        True, description="whether another channel may step in for one that has dropped out"
    )


class CampaignChanges(_Strict):
    """What is to be changed; the rest stays. The state says what may be.

    Of schedule and pacing only the keys given change; null takes one of the schedule's away.
    """

    name: Label | None = None
    channel_ids: Annotated[list[Id], Field(max_length=100)] | None = None
    audience: Audience | None = None
    content: TextContent | None = None
    schedule: Schedule | None = None
    pacing: dict[str, Any] | None = None
    fail_over: bool | None = None


class Progress(BaseModel):
    """How far a campaign's latest run is.

    ``sent`` counts every delivery that the provider accepted and has not failed since,
    ``delivered`` and ``read`` those that reached at least that; the others are current states.
    total = pending + sending + sent + failed + unknown + suppressed + cancelled + expired.
    """

    campaign_id: int
    status: str
    total: int = 0
    pending: int = 0
    sending: int = 0
    sent: int = 0
    delivered: int = 0
    read: int = 0
    failed: int = 0
    unknown: int = 0
    suppressed: int = 0
    cancelled: int = 0
    expired: int = 0
    per_minute: float = Field(0, description="messages accepted in the last minute")
    success_rate: float | None = Field(
        None, description="accepted out of accepted, failed and unknown; from 0 to 1"
    )
    eta: datetime | None = Field(None, description="when the last message leaves, by the forecast")
    paused_reason: str | None = None
    waiting_until: datetime | None = Field(
        None, description="nothing leaves before, as it is outside the campaign's hours"
    )
    started_at: datetime | None = None
    finished_at: datetime | None = None
