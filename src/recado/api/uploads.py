"""Receiving a file as multipart/form-data: on disk as it comes, never whole in memory.

FastAPI's own ``UploadFile`` takes in a body of any size before an endpoint can say no.
"""

import asyncio
import hashlib
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from recado.domain.errors import BadRequest, InvalidInput, TooLarge

MEGABYTE: Final = 1024 * 1024
_WRITE_AT_ONCE: Final = MEGABYTE
_MOST_FIELD_BYTES: Final = 64 * 1024
_MOST_OVERHEAD_BYTES: Final = MEGABYTE  # boundaries, headers, fields
_FILE: Final = "file"


class NotAnUpload(BadRequest):
    code = "not_an_upload"
    sentence = (
        "This is no complete upload. Send the file as multipart/form-data, in the part 'file'."
    )


class FileMissing(InvalidInput):
    code = "file_missing"
    sentence = "There is no file in the upload. Send it in the part 'file'."

    def __init__(self) -> None:
        super().__init__(fields={_FILE: self.sentence})


@dataclass(frozen=True, slots=True)
class Upload:
    """What came in. The file at ``path`` is gone once the request has been answered."""

    path: Path
    filename: str
    fields: dict[str, str]
    digest: bytes
    """SHA-256 of the file and the fields; a repeated upload has the same."""


@asynccontextmanager
async def receive(request: Request, *, most_megabytes: int) -> AsyncIterator[Upload]:
    """Take in a form with one file and some short fields.

    Raises:
        TooLarge: The file is over the limit; noticed by the announced size or on the way.
        NotAnUpload: The body is not multipart/form-data, or ends too early.
        FileMissing: There is no part called file.
    """
    most = most_megabytes * MEGABYTE
    too_large = TooLarge(limit=f"{most_megabytes} MB")
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > most + _MOST_OVERHEAD_BYTES:
        raise too_large
    _, options = parse_options_header(request.headers.get("content-type"))
    if b"boundary" not in options:
        raise NotAnUpload
    with tempfile.NamedTemporaryFile(prefix="recado-upload-") as file:
        form = _Form(options[b"boundary"])
        received = 0
        try:
            async for piece in request.stream():
                received += len(piece)
                form.feed(piece)
                if form.size > most or received > most + _MOST_OVERHEAD_BYTES:
                    raise too_large
                if len(form.waiting) >= _WRITE_AT_ONCE:
                    await asyncio.to_thread(_write, file, form)
        except (FormParserError, ClientDisconnect, UnicodeDecodeError) as error:
            raise NotAnUpload from error
        if not form.ended:
            raise NotAnUpload
        if not form.has_file:
            raise FileMissing
        await asyncio.to_thread(_write, file, form)
        await asyncio.to_thread(file.flush)
        yield Upload(Path(file.name), form.filename, form.fields, form.digest())


def _write(file: IO[bytes], form: "_Form") -> None:
    file.write(form.waiting)
    form.hash.update(form.waiting)
    form.waiting.clear()


@dataclass(slots=True)
class _Part:
    name: str = ""
    filename: str = ""
    data: bytearray = field(default_factory=bytearray)


class _Form:
    """Sorts the pieces of a body into the file and the fields."""

    def __init__(self, boundary: bytes) -> None:
        self.waiting = bytearray()
        self.hash = hashlib.sha256()
        self.size = 0
        self.filename = ""
        self.fields: dict[str, str] = {}
        self.has_file = False
        self.ended = False
        self._part = _Part()
        self._header = bytearray()
        self._value = bytearray()
        self._field_bytes = 0
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._header_field,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_end,
                    "on_part_data": self._data,
                    "on_part_end": self._end,
                    "on_end": self._finish,
                },
            )
        except FormParserError as error:
            raise NotAnUpload from error

    def digest(self) -> bytes:
        """Of what was written, the file's name and the fields."""
        told = json.dumps([self.filename, sorted(self.fields.items())])
        return hashlib.sha256(self.hash.digest() + told.encode()).digest()

    def feed(self, piece: bytes) -> None:
        """Take the next piece of the body."""
        self._parser.write(piece)

    def _begin(self) -> None:
        self._part = _Part()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(self._value.decode("latin-1"))
            self._part.name = options.get(b"name", b"").decode("utf-8", "replace")
            self._part.filename = options.get(b"filename", b"").decode("utf-8", "replace")
            if self._part.name == _FILE:
                if self.has_file:
                    raise NotAnUpload
                self.has_file = True
                self.filename = self._part.filename
        self._header.clear()
        self._value.clear()

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._part.name == _FILE:
            self.waiting += data[start:end]
            self.size += end - start
            return
        self._field_bytes += end - start
        if self._field_bytes > _MOST_FIELD_BYTES:
            raise NotAnUpload
        self._part.data += data[start:end]

    def _end(self) -> None:
        if self._part.name and self._part.name != _FILE:
            self.fields[self._part.name] = self._part.data.decode("utf-8")

    def _finish(self) -> None:
        self.ended = True
