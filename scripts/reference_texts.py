"""What the written pages of docs/reference say besides what the code itself says."""

from collections.abc import Mapping

WRITTEN = """\
This page is written by `scripts/generate_reference.py` from {source}. Change that, not this.\
"""

COMMANDS = """\
# Commands

{written}

A command finds the installation it is for by itself: by `DATABASE_URL` and `REDIS_URL` where they
are set (see [Configuration](configuration.md)), otherwise by what `recado up` has left in
`RECADO_HOME` while it runs. Commands about contacts and campaigns work in one workspace: the only
one, or that of the demonstration, or the one named by `--workspace`.

Exit codes: 0 done, 1 failed, 2 bad usage. An error goes to standard error in one sentence that says
what to do, in the language of `LC_ALL` or `LANG`, Portuguese where they say nothing.
"""

CONFIGURATION = """\
# Configuration

{written}

An installation is configured by environment variables, read when a process starts. All processes of
one installation need the same values of `DATABASE_URL`, `REDIS_URL` and `RECADO_SECRET_KEY`. What
belongs to a workspace (its channels, their pace) is kept in the database and is changed through the
API: see [Pacing](pacing.md) and [HTTP API](http-api.md).

`recado up` needs none of them.
"""

# Said at more length than beside the code. A setting that is not here shows its own description.
SETTINGS: Mapping[str, str] = {
    "DATABASE_URL": (
        "Address of PostgreSQL 15 or newer, `postgresql://user:password@host:port/name`. Without"
        " it `recado up` starts an embedded server."
    ),
    "DATABASE_DIRECT_URL": (
        "Address of the same database past a connection pooler. Set it where `DATABASE_URL` leads"
        " to PgBouncer or its like: wake-up calls (LISTEN), migrations and the job queue need"
        " PostgreSQL itself. Prepared statements are then switched off on pooled connections."
    ),
    "REDIS_URL": (
        "Address of Valkey or Redis, `redis://:password@host:port/0`, its `maxmemory-policy` being"
        " `noeviction`. Without it `recado up` starts an embedded server."
    ),
    "RECADO_DATABASE_POOL": (
        "Connections to PostgreSQL that a process may hold for its own work. A worker's job queue"
        " holds up to 9 more, its wake-up calls 1."
    ),
    "RECADO_HOME": (
        "Folder of this installation on this machine: data, logs and passwords of the embedded"
        " servers, the secret key that was made for you, and what other commands need to find a"
        " running `recado up`."
    ),
    "RECADO_PUBLIC_URL": (
        "How people and providers reach the web process, such as `https://recado.example.org`. The"
        " webhook addresses of channels begin with it."
    ),
    "RECADO_SECRET_KEY": (
        "Keys that seal the channels' credentials and sign sessions: 32 random bytes in URL-safe"
        " base64; several separated by commas, the newest first. The first seals, all open: put a"
        " new key in front, and keep the old one behind it. A new first key signs everybody out."
        " Without this setting `recado up`, and any command that is given both addresses, makes a"
        " key in `secret.key` of `RECADO_HOME`."
    ),
    "RECADO_MAX_UPLOAD_MB": "Largest contacts file, in megabytes of 1024 × 1024 bytes.",
    "RECADO_SECURE_COOKIES": (
        "Set it to `true` where the pages are served by HTTPS alone: cookies then travel no other"
        " way, and browsers are told to use HTTPS for a year."
    ),
    "RECADO_API_PER_MINUTE": (
        "How many requests one caller of the API, a key or a person signed in, may make in any"
        " minute; more are answered with 429. 0 is no limit."
    ),
    "RECADO_REQUEST_TIMEOUT_SECONDS": (
        "How long a provider may take to answer a message. What it has not answered by then is"
        " `unknown`: it may have been sent. 60 is the most."
    ),
    "RECADO_LEASE_SECONDS": (
        "How long the channels of a dead worker wait before another worker takes them."
    ),
    "RECADO_SIMULATOR_URL": "Where channels of the provider `simulator` find it.",
    "RECADO_ALLOW_PRIVATE_HOSTS": (
        "Whether requests may go to addresses that are not public, where one's own servers stand."
        " Set it to `false` where strangers have workspaces: their providers and notifications then"
        " lie on public addresses alone."
    ),
    "RECADO_LOG_LEVEL": "Least important event that is written to standard error.",
    "RECADO_METRICS_PORT": (
        "Where a worker answers Prometheus under `/metrics`: on this port, each further worker of"
        " the machine on the next free one. Without it workers show nothing; the web process has"
        " its own `/metrics`."
    ),
    "RECADO_METRICS_HOST": "The address on which workers do so; it asks for no key.",
    "RECADO_LOG_FORMAT": "`json`: one object a line; `console`: coloured lines for a person.",
}

PACING = """\
# Pacing

{written}

How fast a channel sends. It starts from a preset; over that lie the workspace's settings, and over
those the channel's own keys. A campaign may lay keys of its own over all that, which only ever slow
it down: of each limit the lower holds, of each interval the longer. A saved change holds for the
next message.

Limits count requests that leave Recado, those that fail included. For a limit of N in a span of
time, no span of that length holds more than N requests of the channel, whichever worker they leave
from. While the limiter cannot be asked, nothing is sent.

## Keys

`null` means without this limit. A key that is not enforced yet is checked and stored.

{keys}

## Presets

A new channel of the providers `meta` and `simulator` starts with `{cloud}`, any other with
`{other}`. The key `preset` names another one; keys beside it are laid over it. An empty cell means
without this limit.

{presets}

A workspace may have [presets of its own](http-api.md#presets-of-a-workspace).

## Where to set them

A workspace's: the keys in `PUT /api/v1/settings/campaigns`. A channel's: `pacing` in
`POST /api/v1/channels` and `PATCH /api/v1/channels/{{channel_id}}`. A campaign's: `pacing` in
`POST /api/v1/campaigns`, or `--preset` of [`recado send`](commands.md#recado-send) and
[`recado campaign create`](commands.md#recado-campaign-create).

```json
{{"pacing": {{"preset": "moderate", "messageInterval": 15}}}}
```
"""

# key → unit, meaning, whether the limiter of this version enforces it
PACING_KEYS: Mapping[str, tuple[str, str, bool]] = {
    "messageInterval": ("seconds", "between two messages; up to 20 % more, by chance", True),
    "longerIntervalAfter": ("messages", "after which one longer pause follows", True),
    "greaterInterval": ("seconds", "of that longer pause; up to 20 % more, by chance", True),
    "perMinute": ("requests", "in any 60 seconds", True),
    "perSecond": (
        "requests",
        "in any second; from 10 on spread: an eighth of them at most in a tenth of a second",
        True,
    ),
    "inFlight": ("requests", "on the wire at once, waiting for the provider's answer", True),
    "capHourly": ("requests", "in any hour, the partial minute counted in full", True),
    "capDaily": ("requests", "in any 24 hours, the partial minute counted in full", True),
    "perMinutePerUser": (
        "requests",
        "in any 60 seconds, of all campaigns that one user or key has made",
        True,
    ),
    "warmUpDaily": ("requests", "in any 24 hours of a new channel's first day", True),
    "warmUpGrowth": ("times", "as many on each day of its life that follows", True),
    "backoffErrorThreshold": ("errors", "in a row, which pause the channel", False),
    "backoffPauseMinutes": ("minutes", "of that pause", False),
}

ERRORS = """\
# Errors

{written}

Every error that a person may see has a stable code and a sentence that says what to do. The API
answers with the status given here and

```json
{{"error": {{"code": "not_found", "message": "There is no such campaign in this workspace. …"}}}}
```

with `fields` added where single fields are wrong: the path of each, and what is wrong with it. The
message comes in the language of `Accept-Language`; build on the code. Commands show the same
sentence and end with exit code 1. What stands in braces is filled in.

{tables}
Why a single line of a contacts file was not taken is told otherwise: see
[Import contacts](../howto/import-contacts.md).
"""

STATUSES: Mapping[int, str] = {
    400: "the request cannot be read",
    401: "no valid API key",
    403: "the role does not allow it",
    404: "not in this workspace",
    409: "not possible in the present state",
    413: "too large",
    422: "the input is wrong",
    429: "come back later",
    500: "anything else",
    503: "a server that Recado needs is away",
}

COMMANDS_ALONE = ("recado.cli", "recado.embedded", "recado.simulator")
