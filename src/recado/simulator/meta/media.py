"""Uploaded media: kept in memory, described, downloaded and deleted."""

from __future__ import annotations

import hashlib
import io
import re
from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

import python_multipart
from python_multipart.exceptions import FormParserError

from recado.simulator.meta import checks, responses
from recado.simulator.meta.checks import Node
from recado.simulator.meta.codes import Refusal, unknown_object
from recado.simulator.seeded import draw
from recado.simulator.wire import Answer, Request, json_answer
from recado.simulator.world import World

MEGABYTE = 1024 * 1024
# Meta: what each type may weigh; documents, and whatever else is taken as one, 100 MB.
_MOST = {
    "image/jpeg": 5 * MEGABYTE,
    "image/png": 5 * MEGABYTE,
    "image/webp": MEGABYTE // 2,
    "video/mp4": 16 * MEGABYTE,
    "video/3gpp": 16 * MEGABYTE,
    "audio/aac": 16 * MEGABYTE,
    "audio/amr": 16 * MEGABYTE,
    "audio/mpeg": 16 * MEGABYTE,
    "audio/mp4": 16 * MEGABYTE,
    "audio/ogg": 16 * MEGABYTE,
    "text/plain": 100 * MEGABYTE,
}
_DOCUMENTS = "application/"
_DOCUMENTS_MOST = 100 * MEGABYTE
# Meta: an upload lives 30 days, its download address five minutes.
UPLOAD_SECONDS = 30 * 24 * 3600
ADDRESS_SECONDS = 5 * 60
# The oldest give way, so that a long run does not fill the memory.
KEPT = 100

_KINDS = frozenset({"image", "video", "audio", "document", "sticker"})
_SECONDS = re.compile(r"[0-9]{1,12}")


class File(NamedTuple):
    """A file in a form."""

    mime_type: str
    content: bytes


class Medium(NamedTuple):
    """An upload; ``at`` in unix seconds. Only the number that brought it may send it."""

    mime_type: str
    content: bytes
    at: float
    number_id: str


class MediaStore:
    """The uploads by their id."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._media: OrderedDict[str, Medium] = OrderedDict()
        self._count = 0

    def reset(self) -> None:
        """Forget all uploads."""
        self._media.clear()
        self._count = 0

    def has(self, media_id: str) -> bool:
        """Whether there is such an upload, and it is not too old."""
        medium = self._media.get(media_id)
        return medium is not None and self._world.clock.now() - medium.at < UPLOAD_SECONDS

    def check(self, message: Node, number_id: str) -> None:
        """See that a message names uploads of its own number that are still there.

        An id that nobody uploaded here is taken, but by a strict simulator.

        Raises:
            Refusal: 131009 for one that cannot be sent.

        """
        for media_id in _ids(message):
            medium = self._media.get(media_id)
            known = medium is not None and medium.number_id == number_id and self.has(media_id)
            if not known and (medium is not None or self._world.settings.strict):
                raise checks.invalid("id", "it is not an upload of this number, or too old.")

    def upload(self, request: Request, number_id: str) -> Answer:
        """Take a file on from a multipart form: ``messaging_product``, ``file`` and ``type``."""
        fields, medium = self._parse(request)
        if fields.get("messaging_product") != "whatsapp":
            raise Refusal(100, "The parameter messaging_product is required.")
        if medium is None:
            raise Refusal(131008, "The parameter file is required.")
        mime_type = fields.get("type", medium.mime_type).split(";")[0].strip().lower()
        most = _MOST.get(mime_type)
        if most is None and mime_type.startswith(_DOCUMENTS):
            most = _DOCUMENTS_MOST
        if most is None:
            raise Refusal(131053, f"The file has a type that is not supported: {mime_type}.")
        if len(medium.content) > most:
            raise Refusal(131053, f"The file has over {most} bytes, the limit of {mime_type}.")
        return json_answer({"id": self.add(number_id, mime_type, medium.content)})

    def add(self, number_id: str, mime_type: str, content: bytes) -> str:
        """Keep a file that a number uploaded, or was sent; its id."""
        self._count += 1
        drawn = draw(self._world.settings.seed, "media", number_id, self._count)
        media_id = str(10**15 + int.from_bytes(self._world.own(drawn)[:6], "big"))
        self._media[media_id] = Medium(mime_type, content, self._world.clock.now(), number_id)
        if len(self._media) > KEPT:
            self._media.popitem(last=False)
        return media_id

    def owner(self, media_id: str) -> str | None:
        """The number that a file is of; its token opens it."""
        return self._media[media_id].number_id if self.has(media_id) else None

    def describe(self, request: Request, media_id: str) -> Answer:
        """What an upload is, and an address that gives it for five minutes.

        Raises:
            Refusal: It is of another number than the one that is asked for.

        """
        medium = self._media[media_id]
        if request.query().get("phone_number_id", medium.number_id) != medium.number_id:
            raise unknown_object(media_id, method="GET")
        host = request.header(b"host").decode("latin-1")
        until = int(self._world.clock.now()) + ADDRESS_SECONDS
        path = "/".join(request.parts[:3])
        return json_answer(
            {
                "messaging_product": "whatsapp",
                "url": f"http://{host}/{path}/download?until={until}",
                "mime_type": medium.mime_type,
                "sha256": hashlib.sha256(medium.content).hexdigest(),
                "file_size": len(medium.content),
                "id": media_id,
            }
        )

    def download(self, request: Request, media_id: str) -> Answer:
        """The file itself, 404 when the address is too old."""
        until = request.query().get("until", "")
        fresh = _SECONDS.fullmatch(until) and self._world.clock.now() < int(until)
        if not fresh or not self.has(media_id):
            return Answer(404, b"")
        medium = self._media[media_id]
        return Answer(200, medium.content, medium.mime_type.encode("latin-1", "replace"))

    def delete(self, media_id: str) -> Answer:
        """Forget an upload."""
        if self._media.pop(media_id, None) is None:
            raise unknown_object(media_id, method="DELETE")
        return responses.success()

    def _parse(self, request: Request) -> tuple[dict[str, str], File | None]:
        fields: dict[str, str] = {}
        files: list[File] = []

        def on_field(field: python_multipart.multipart.Field) -> None:
            name = (field.field_name or b"").decode("utf-8", "replace")
            fields[name] = (field.value or b"").decode("utf-8", "replace")

        def on_file(file: python_multipart.multipart.File) -> None:
            file.file_object.seek(0)
            content = file.file_object.read()
            mime_type = file.content_type or "application/octet-stream"
            files.append(File(mime_type, content))

        headers = {"Content-Type": request.header(b"content-type")}
        try:
            python_multipart.parse_form(headers, io.BytesIO(request.body), on_field, on_file)
        except (FormParserError, ValueError) as error:
            raise Refusal(100, f"The form cannot be read: {error}") from None
        return fields, files[0] if files else None


def _ids(message: Node) -> Iterator[str]:
    """The ids of uploads anywhere in a message: in its body, or in the header of a template."""
    nodes: list[object] = [message]
    while nodes:
        node = nodes.pop()
        if isinstance(node, list):
            nodes += node
        elif isinstance(node, dict):
            nodes += node.values()
            for kind in _KINDS & node.keys():
                medium = node[kind]
                if isinstance(medium, dict) and medium.get("id") is not None:
                    yield str(medium["id"])
