"""Files for Meta, and the list of templates."""

from email import message_from_bytes
from typing import Any

import pytest

from recado.domain.errors import InvalidInput
from recado.providers.content import MediaKind
from recado.providers.exchange import Upload
from recado.providers.meta import media, templates

BEGINNINGS: dict[str, bytes] = {
    "image/jpeg": b"\xff\xd8\xff",
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/webp": b"RIFF\0\0\0\0WEBPVP8 " + bytes(8),
    "video/mp4": b"\0\0\0\x18ftypmp42",
    "video/3gpp": b"\0\0\0\x18ftyp3gp4",
    "audio/mp4": b"\0\0\0\x18ftypM4A ",
    "audio/ogg": b"OggS",
    "audio/amr": b"#!AMR\n",
    "application/pdf": b"%PDF-1.7",
}
MOVING = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x02"


@pytest.mark.parametrize(
    ("kind", "mime_type", "most"),
    [(kind, mime, most) for kind, types in media.MOST.items() for mime, most in types.items()],
)
def test_a_file_may_be_as_large_as_meta_says(kind: MediaKind, mime_type: str, most: int) -> None:
    beginning = MOVING if kind == "sticker" else BEGINNINGS.get(mime_type, b"x")
    fits = beginning + bytes(most - len(beginning))
    media.check(Upload(kind, mime_type, fits))
    with pytest.raises(InvalidInput):
        media.check(Upload(kind, mime_type, fits + b"x"))


@pytest.mark.parametrize(
    ("kind", "mime_type", "content"),
    [
        ("image", "image/gif", b"GIF89a"),
        ("image", "image/webp", BEGINNINGS["image/webp"]),
        ("image", "image/jpeg", BEGINNINGS["image/png"]),
        ("image", "image/png", b""),
        ("document", "text/plain", b""),
        ("document", "text/html", b"<html>"),
        ("voice", "audio/mpeg", b"ID3"),
        ("audio", "audio/webm", b"x"),
        ("sticker", "image/webp", BEGINNINGS["image/webp"] + bytes(100 << 10)),
        ("sticker", "image/webp", b"WEBPVP8X"),
    ],
)
def test_a_file_that_would_be_refused_later_is_refused_now(
    kind: MediaKind, mime_type: str, content: bytes
) -> None:
    with pytest.raises(InvalidInput):
        media.check(Upload(kind, mime_type, content))


def test_a_file_is_handed_over_whole_whatever_it_is_called() -> None:
    content = b"%PDF\r\n--\r\n\xff\0"
    name = 'boleto "de"\r\nX: y; é.pdf'
    content_type, body = media.form(Upload("document", "application/pdf", content, name))
    form = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    parts: Any = form.get_payload()
    product, kind, file = parts
    assert product.get_payload() == "whatsapp"
    assert kind.get_payload() == "application/pdf"
    assert file.get_payload(decode=True) == content
    assert file["X"] is None
    assert file.get_content_type() == "application/pdf"


def listed(**more: Any) -> dict[str, Any]:
    return {"id": "1", "name": "promo", "language": "pt_BR", "status": "approved", **more}


def test_a_template_says_what_it_takes() -> None:
    components = [
        {"type": "HEADER", "format": "IMAGE"},
        {"type": "BODY", "text": "{{10}} {{2}} {{ 1 }} {{2}}"},
        {
            "type": "BUTTONS",
            "buttons": [
                {"type": "URL", "url": "https://x/{{1}}"},
                {"type": "URL", "url": "https://x/"},
                {"type": "QUICK_REPLY", "text": "Parar"},
                {"type": "COPY_CODE"},
                {"type": "OTP"},
            ],
        },
    ]
    quality = {"score": "yellow", "date": 1}
    page = {"data": [listed(components=components, quality_score=quality, rejected_reason="NONE")]}
    (info,) = templates.read(page)
    assert (info.status, info.quality, info.rejected_reason) == ("APPROVED", "YELLOW", "")
    assert (info.header, info.variables, info.named) == ("image", ("1", "2", "10"), False)
    assert info.buttons == ((0, "url"), (3, "copy_code"), (4, "url"))


def test_variables_may_have_names_and_stand_in_the_header() -> None:
    components = [
        {"type": "header", "format": "TEXT", "text": "Oi {{nome}}"},
        {"type": "body", "text": "{{dia}}, {{hora}}"},
    ]
    (info,) = templates.read({"data": [listed(components=components, parameter_format="NAMED")]})
    assert (info.header, info.header_variables) == ("text", ("nome",))
    assert (info.named, info.variables) == (True, ("dia", "hora"))
    (plain,) = templates.read({"data": [listed(components=[{"type": "HEADER", "text": "Oi"}])]})
    assert plain.header is None


@pytest.mark.parametrize("data", [None, {}, [None, 7, {}, {"name": "a"}, {"language": "b"}]])
def test_what_cannot_be_sent_is_not_listed(data: object) -> None:
    assert list(templates.read({"data": data})) == []


@pytest.mark.parametrize(
    ("paging", "cursor"),
    [
        ({"next": "https://graph.facebook.com/v99.0/x", "cursors": {"after": "abc"}}, "abc"),
        ({"next": "http://169.254.169.254/", "cursors": {"after": "abc"}}, "abc"),
        ({"cursors": {"after": "abc"}}, None),
        ({"next": "https://x"}, None),
        ({"next": "https://x", "cursors": {"after": 7}}, None),
        (None, None),
        ([], None),
    ],
)
def test_of_the_next_page_only_the_cursor_is_taken(paging: object, cursor: str | None) -> None:
    assert templates.next_cursor({"paging": paging}) == cursor
    assert "&after=a%26b%3D1" in templates.query("a&b=1")
