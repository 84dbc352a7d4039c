"""What a campaign is made of, as it comes from outside."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from recado.domain import links, splitting
from recado.features.campaigns.parameters import SCHEMA, normalised
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


Words = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
UploadId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,128}$")]


class MediaContent(_Strict):
    """A file, by its public address or by the id of an upload; variables in caption and filename.

    Captions and names of files: 1,024 and 240 characters, by Meta's limit and by WhatsApp's habit.
    """

    type: Literal["media"]
    media_type: Literal["image", "document", "audio", "video", "voice"]
    link: Annotated[str, Field(min_length=1, max_length=links.LONGEST)] | None = None
    media_id: UploadId | None = None
    caption: Annotated[Words, Field(max_length=1024)] = ""
    filename: Annotated[Words, Field(max_length=240)] = ""

    @model_validator(mode="after")
    def _one_file(self) -> "MediaContent":
        if (self.link is None) == (self.media_id is None):
            raise ValueError("give either a link or a media_id")
        if self.caption and self.media_type in {"audio", "voice"}:
            raise ValueError("audio has no caption")
        if self.filename and self.media_type != "document":
            raise ValueError("only a document has a filename")
        return self


class TemplateContent(_Strict):
    """A template that Meta has approved, with what stands in place of its variables."""

    type: Literal["template"]
    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,512}$")]
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(_[A-Za-z]{2,4})?$")]
    parameters: Annotated[dict[str, Any], BeforeValidator(normalised), WithJsonSchema(SCHEMA)] = {}

    @field_validator("language", mode="before")
    @classmethod
    def _as_sent(cls, value: object) -> object:
        return value.replace("-", "_") if isinstance(value, str) else value


def _type_of(given: object) -> str | None:
    """Which of the contents it is; the sign in front keeps the name out of paths of errors."""
    kind = given.get("type", "text") if isinstance(given, dict) else getattr(given, "type", None)
    return UNNAMED + kind if isinstance(kind, str) else None


UNNAMED: Final = "="
Content = Annotated[
    Annotated[TextContent, Tag("=text")]
    | Annotated[MediaContent, Tag("=media")]
    | Annotated[TemplateContent, Tag("=template")],
    Discriminator(
        _type_of,
        custom_error_type="content_type",
        custom_error_message="type must be one of text, media, template",
    ),
]


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
    content: Content
    schedule: Schedule = {}
    pacing: dict[str, Any] = {}
    fail_over: bool = Field(
        True, description="whether another channel may step in for one that has dropped out"
    )
    skip_dead_numbers: bool = Field(
        True, description="whether contacts whose numbers are not on WhatsApp are left out"
    )


class CampaignChanges(_Strict):
    """What is to be changed; the rest stays. The state says what may be.

    Of schedule and pacing only the keys given change; null takes one of the schedule's away.
    """

    name: Label | None = None
    channel_ids: Annotated[list[Id], Field(max_length=100)] | None = None
    audience: Audience | None = None
    content: Content | None = None
    schedule: Schedule | None = None
    pacing: dict[str, Any] | None = None
    fail_over: bool | None = None
    skip_dead_numbers: bool | None = None


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
    held: int = Field(
        0,
        description="of those sent, kept back by the provider until it has judged the template",
    )
    per_minute: float = Field(0, description="messages accepted in the last minute")
    success_rate: float | None = Field(
        None, description="accepted out of accepted, failed and unknown; from 0 to 1"
    )
    eta: datetime | None = Field(None, description="when the last message leaves, by the forecast")
    paused_reason: str | None = None
    paused_until: datetime | None = Field(
        None, description="when the pause of its template ends by itself, where that is known"
    )
    waiting_until: datetime | None = Field(
        None, description="nothing leaves before, as it is outside the campaign's hours"
    )
    started_at: datetime | None = None
    finished_at: datetime | None = None
