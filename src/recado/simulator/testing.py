"""For tests and benchmarks: a simulator in a process of its own, and an address for callbacks."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl, urlsplit

import msgspec

WAIT_SECONDS = 10.0


class Reply(NamedTuple):
    """An HTTP answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)


class Simulator:
    """A running simulator; a context manager that ends it."""

    def __init__(
        self, *, seed: int | None = 0, faults: Path | None = None, strict: bool = False
    ) -> None:
        arguments = f"port=0, seed={seed}, strict={strict}"
        if faults is not None:
            arguments += f", faults=pathlib.Path({str(faults)!r})"
        script = f"import pathlib; from recado.simulator.server import run; run({arguments})"
        source = str(Path(__file__).parents[2])
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and script
            [sys.executable, "-c", script],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": source},
        )
        assert self._process.stdout is not None  # noqa: S101 - tells the type checker of PIPE
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the simulator did not start")
        self.url = line.split()[-1]
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.communicate(timeout=WAIT_SECONDS)

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = WAIT_SECONDS,
    ) -> Reply:
        """One request on a connection of its own; bytes go as they are, all else as JSON.

        Raises:
            ConnectionError: The simulator closed the connection without an answer.
            TimeoutError: No answer came within ``timeout`` seconds.

        """
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=timeout)
        data = body if isinstance(body, bytes | None) else msgspec.json.encode(body)
        try:
            connection.request(method, path, data, dict(headers or {}))
            answer = connection.getresponse()
            sent = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, sent, answer.read())
        finally:
            connection.close()

    def control(self, path: str, body: object = None) -> Any:
        """GET, or POST where there is a body, below ``/_sim``; the answer's JSON.

        Raises:
            RuntimeError: It was refused.

        """
        reply = self.call("GET" if body is None else "POST", f"/_sim/{path}", body)
        if reply.status not in (200, 201):
            raise RuntimeError(reply.body.decode())
        return reply.json()

    def send(
        self,
        message: Mapping[str, object] | bytes,
        *,
        channel: str = "100001",
        token: str = "secret",  # noqa: S107 - any word opens a number that nobody registered
        timeout: float = WAIT_SECONDS,
    ) -> Reply:
        """Send a message through the Cloud API; ``messaging_product`` is filled in."""
        body: object = message
        if isinstance(message, Mapping):
            body = {"messaging_product": "whatsapp", **message}
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        path = f"/meta/v23.0/{channel}/messages"
        return self.call("POST", path, body, headers=headers, timeout=timeout)

    def evolution(
        self,
        call: str,
        body: object = None,
        *,
        method: str | None = None,
        key: str = "secret",
        timeout: float = WAIT_SECONDS,
    ) -> Reply:
        """A call of Evolution, as ``message/sendText/loja``: POST where there is a body."""
        way = method or ("GET" if body is None else "POST")
        headers = {"apikey": key, "Content-Type": "application/json"}
        return self.call(way, f"/evolution/{call}", body, headers=headers, timeout=timeout)

    def uazapi(
        self,
        call: str,
        body: object = None,
        *,
        method: str | None = None,
        token: str = "secret",  # noqa: S107 - any word opens an instance that nobody registered
        admin: str = "",
        timeout: float = WAIT_SECONDS,
    ) -> Reply:
        """A call of uazapi, as ``send/text``: POST where there is a body."""
        way = method or ("GET" if body is None else "POST")
        headers = {"admintoken": admin} if admin else {"token": token}
        headers["Content-Type"] = "application/json"
        return self.call(way, f"/uazapi/{call}", body, headers=headers, timeout=timeout)

    def text(
        self, to: str, text: str = "Olá", *, reference: str | None = None, channel: str = "100001"
    ) -> Reply:
        """Send a plain text."""
        message: dict[str, object] = {"to": to, "type": "text", "text": {"body": text}}
        if reference is not None:
            message["biz_opaque_callback_data"] = reference
        return self.send(message, channel=channel)

    def settle(self) -> dict[str, int]:
        """Wait until no callback is pending; the callbacks' counts.

        Raises:
            TimeoutError: Some are still pending after ten seconds.

        """
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            callbacks: dict[str, int] = self.control("stats")["callbacks"]
            if not callbacks["pending"]:
                return callbacks
            time.sleep(0.01)
        raise TimeoutError(f"callbacks are still pending: {callbacks}")


class Callback(NamedTuple):
    """A request that a receiver got."""

    at: float
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Its body."""
        return msgspec.json.decode(self.body)

    def values(self) -> list[dict[str, Any]]:
        """The values of its changes."""
        envelope = msgspec.json.decode(self.body)
        return [change["value"] for entry in envelope["entry"] for change in entry["changes"]]


class Receiver:
    """An address for callbacks; a context manager that closes it.

    It answers 200, or what stands in ``answers`` as long as there is something, and a
    verification with its challenge when ``verify_token`` fits.
    """

    def __init__(self, *, verify_token: str = "verify") -> None:  # noqa: S107 - for tests only
        self.verify_token = verify_token
        self.callbacks: list[Callback] = []
        self.answers: list[int] = []
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/callback"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> int:
        """Note a callback; the status to answer with."""
        with self._changed:
            self.callbacks.append(Callback(time.monotonic(), path, headers, body))
            self._changed.notify_all()
            return self.answers.pop(0) if self.answers else 200

    def statuses(self) -> list[dict[str, Any]]:
        """All statuses so far, in the order of their arrival."""
        return [s for c in self.callbacks for v in c.values() for s in v.get("statuses", [])]

    def events(self, kind: str) -> list[dict[str, Any]]:
        """All bodies so far with this ``event`` (Evolution) or ``EventType`` (uazapi)."""
        bodies = [callback.json() for callback in self.callbacks]
        return [body for body in bodies if kind in (body.get("event"), body.get("EventType"))]

    def messages(self) -> list[dict[str, Any]]:
        """All received messages so far."""
        return [m for c in self.callbacks for v in c.values() for m in v.get("messages", [])]

    def wait(self, ready: Callable[[], object]) -> None:
        """Wait until callbacks make the condition true.

        Raises:
            TimeoutError: They did not within ten seconds.

        """
        with self._changed:
            if not self._changed.wait_for(lambda: bool(ready()), WAIT_SECONDS):
                bodies = [callback.body for callback in self.callbacks]
                raise TimeoutError(f"after {len(bodies)} callbacks: {bodies}")


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._answer(receiver.take(self.path, headers, body), b"")

        def do_GET(self) -> None:
            query = dict(parse_qsl(urlsplit(self.path).query))
            if query.get("hub.verify_token") == receiver.verify_token:
                self._answer(200, query.get("hub.challenge", "").encode())
            else:
                self._answer(403, b"")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            pass

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
