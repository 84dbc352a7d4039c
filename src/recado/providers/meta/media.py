"""Files for Meta: what it takes, and the form in which it is handed over.

Types and sizes are those of Meta's page on media as of 2026-09-11.
"""

import secrets
from collections.abc import Mapping

from recado.domain.errors import InvalidInput
from recado.providers.content import MediaKind
from recado.providers.exchange import Upload

MEGABYTE = 1 << 20
_IMAGES = {"image/jpeg": 5 * MEGABYTE, "image/png": 5 * MEGABYTE}
_VIDEOS = {"video/mp4": 16 * MEGABYTE, "video/3gpp": 16 * MEGABYTE}
_AUDIOS = dict.fromkeys(
    ("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"), 16 * MEGABYTE
)
_OFFICE = "application/vnd.openxmlformats-officedocument"
_DOCUMENTS = dict.fromkeys(
    (
        "text/plain",
        "application/pdf",
        "application/msword",
        "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        f"{_OFFICE}.wordprocessingml.document",
        f"{_OFFICE}.spreadsheetml.sheet",
        f"{_OFFICE}.presentationml.presentation",
    ),
    100 * MEGABYTE,
)
_STILL_STICKER, _MOVING_STICKER = 100 << 10, 500 << 10
MOST: Mapping[MediaKind, Mapping[str, int]] = {
    "image": _IMAGES,
    "video": _VIDEOS,
    "audio": _AUDIOS,
    # Meta does not convert: what is no Opus in OGG arrives as a file, or not at all.
    "voice": {"audio/ogg": 16 * MEGABYTE},
    "document": {**_DOCUMENTS, **_IMAGES},
    "sticker": {"image/webp": _MOVING_STICKER},
}
"""What each kind may be, and how many bytes."""

# How files of some types begin: one that is called something else would be refused later, by a
# callback, for every contact.
_BEGINNINGS = {
    "image/jpeg": (0, b"\xff\xd8\xff"),
    "image/png": (0, b"\x89PNG\r\n\x1a\n"),
    "image/webp": (8, b"WEBP"),
    "video/mp4": (4, b"ftyp"),
    "video/3gpp": (4, b"ftyp"),
    "audio/mp4": (4, b"ftyp"),
    "audio/ogg": (0, b"OggS"),
    "audio/amr": (0, b"#!AMR"),
    "application/pdf": (0, b"%PDF"),
}


class MediaTypeRefused(InvalidInput):
    code = "media_type_refused"
    sentence = "A file of the type {type} cannot be sent as {kind}. These can: {known}."


class MediaTooBig(InvalidInput):
    code = "media_too_big"
    sentence = "The file has {size} bytes; {most} are the most for {kind}. Make it smaller."


class MediaNotWhatItSays(InvalidInput):
    code = "media_not_what_it_says"
    sentence = "The file is not of the type {type}, or it is empty. Save it anew and try again."


def check(upload: Upload) -> None:
    """See that Meta takes a file.

    Raises:
        MediaTypeRefused, MediaTooBig, MediaNotWhatItSays: It does not.
    """
    most = MOST[upload.kind].get(upload.mime_type)
    if most is None:
        known = ", ".join(MOST[upload.kind])
        raise MediaTypeRefused(type=upload.mime_type, kind=upload.kind, known=known)
    if upload.kind == "sticker" and not _moves(upload.content):
        most = _STILL_STICKER
    if len(upload.content) > most:
        raise MediaTooBig(size=len(upload.content), most=most, kind=upload.kind)
    start, beginning = _BEGINNINGS.get(upload.mime_type, (0, b""))
    if not upload.content or not upload.content.startswith(beginning, start):
        raise MediaNotWhatItSays(type=upload.mime_type)


def _moves(webp: bytes) -> bool:
    """Whether a sticker is animated, by the flags of its extended header."""
    return webp[12:16] == b"VP8X" and len(webp) > 20 and bool(webp[20] & 2)  # noqa: PLR2004


def form(upload: Upload) -> tuple[str, bytes]:
    """An upload as a form of several parts: its content type, and its body."""
    boundary = secrets.token_hex(16)
    fields = {"messaging_product": "whatsapp", "type": upload.mime_type}
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    filename = _quotable(upload.filename or "file")
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
        f"Content-Type: {upload.mime_type}\r\n\r\n"
    )
    body = "".join(parts).encode() + upload.content + f"\r\n--{boundary}--\r\n".encode()
    return f"multipart/form-data; boundary={boundary}", body


def _quotable(name: str) -> str:
    """A name as it may stand between quotes in a header, as browsers write it there."""
    for char, code in (("\r", "%0D"), ("\n", "%0A"), ('"', "%22")):
        name = name.replace(char, code)
    return name
