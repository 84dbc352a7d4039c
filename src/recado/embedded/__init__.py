"""The launcher of the embedded PostgreSQL and Valkey.

They are real servers from wheels, for a laptop, a demonstration or a test. Here lives everything
about their programs, folders, accounts, passwords, ports and processes, in plain synchronous code,
and nothing that uses the servers: the rest of Recado knows them only by their addresses. Only
`cli` and tests import this package.
"""

from recado.embedded.doctor import Finding, doctor
from recado.embedded.errors import EmbeddedError, EmbeddedHomeBusy, EmbeddedStartError
from recado.embedded.servers import EmbeddedServers, start

__all__ = [
    "EmbeddedError",
    "EmbeddedHomeBusy",
    "EmbeddedServers",
    "EmbeddedStartError",
    "Finding",
    "doctor",
    "start",
]
