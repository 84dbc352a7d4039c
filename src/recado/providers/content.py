"""What a message may say, in no provider's words: an adapter shapes it into its own.

A content that an adapter has no capability for is refused by its ``send``; `base.lacking` tells
beforehand.
"""

from dataclasses import dataclass
from typing import Literal

MediaKind = Literal["image", "document", "audio", "video", "voice", "sticker"]
"""``voice`` is a voice note: heard in the chat, and told as ``played``. The others are files."""


@dataclass(frozen=True, slots=True)
class Text:
    """A plain text bubble.

    Attributes:
        body: What it says.
        preview: Whether the first address in it is shown with a picture of its page.
    """

    body: str
    preview: bool = False


@dataclass(frozen=True, slots=True)
class Media:
    """A file, by an address that the provider fetches or by the id of an upload.

    Attributes:
        kind: How it is shown.
        link: Its address, http or https; exactly one of this and ``media_id`` is given.
        media_id: From `base.Provider.upload`, of the same channel.
        caption: Under an image, a video or a document.
        filename: What a document is called when it is saved.
    """

    kind: MediaKind
    link: str | None = None
    media_id: str | None = None
    caption: str = ""
    filename: str = ""

    def __post_init__(self) -> None:
        if (self.link is None) == (self.media_id is None):
            raise ValueError("a medium has either a link or the id of an upload")


@dataclass(frozen=True, slots=True)
class Place:
    """A point on the map; degrees, north and east positive."""

    latitude: float
    longitude: float
    name: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class TextValue:
    """A text in place of a variable; ``name`` where the template's variables have names."""

    text: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class CurrencyValue:
    """An amount of money, written as the reader's phone writes it.

    Attributes:
        fallback: What is shown where the phone cannot.
        code: ISO 4217, such as BRL.
        amount_1000: In thousandths: R$ 12,50 is 12500.
        name: Where the template's variables have names.
    """

    fallback: str
    code: str
    amount_1000: int
    name: str | None = None


@dataclass(frozen=True, slots=True)
class DateValue:
    """A date or time, as it is to be shown."""

    fallback: str
    name: str | None = None


Value = TextValue | CurrencyValue | DateValue
HeaderValue = Value | Media | Place


@dataclass(frozen=True, slots=True)
class ButtonValue:
    """What a button of a template is given.

    Attributes:
        index: Its place among the template's buttons, from 0.
        kind: ``url``: the end of the address; ``quick_reply``: what comes back when it is tapped;
            ``copy_code``: the code that is copied.
        value: As the kind says.
    """

    index: int
    kind: Literal["url", "quick_reply", "copy_code"]
    value: str


@dataclass(frozen=True, slots=True)
class Template:
    """A message whose wording the provider has approved, with its variables filled in.

    Attributes:
        name: As it was approved.
        language: Such as pt_BR; name and language together are one template.
        header: A media header must be given, although it has no variable in its text.
        body: In the order of the variables, or each with its name.
        buttons: Those that take a value.
    """

    name: str
    language: str
    header: HeaderValue | None = None
    body: tuple[Value, ...] = ()
    buttons: tuple[ButtonValue, ...] = ()


@dataclass(frozen=True, slots=True)
class Button:
    """One that a person may tap; ``id`` comes back with the answer."""

    id: str
    title: str


@dataclass(frozen=True, slots=True)
class Buttons:
    """A text with up to three buttons under it."""

    body: str
    buttons: tuple[Button, ...]
    header: str | Media | None = None
    footer: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a list; ``id`` comes back with the answer."""

    id: str
    title: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Some lines of a list; the title may be empty where there is only one section."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Choices:
    """A text with a button that opens a list."""

    body: str
    button: str
    sections: tuple[Section, ...]
    header: str = ""
    footer: str = ""


Interactive = Buttons | Choices
Content = Text | Template | Media | Interactive
