"""Under which account the servers run.

PostgreSQL refuses to run as root. Started by root, the servers run under another account, without
any of root's groups, and what they need lies where that account can reach it.
"""

import contextlib
import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from recado.embedded.errors import EmbeddedAccountUnusable

# initdb looks its account up by number, so a number without an entry will not do.
_CANDIDATES = ("postgres", "nobody", "daemon")


class SpawnOptions(TypedDict, total=False):
    """The arguments of subprocess that change the account."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """An account that servers run under; `switch` when it is not the launcher's own."""

    uid: int
    gid: int
    name: str
    switch: bool

    def spawn_options(self) -> SpawnOptions:
        """What to give to subprocess so that a program runs under this account."""
        if not self.switch:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Hands a file or folder in a folder of the launcher's over to the account."""
        if self.switch:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def can_run(self, *command: str | Path) -> bool:
        """Whether the account can run a command to success."""
        return self.explain_run(*command) is None

    def explain_run(self, *command: str | Path) -> str | None:
        """Why the account cannot run a command, None when it can."""
        try:
            done = subprocess.run(  # noqa: S603 - the launcher's own commands, no shell
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                cwd="/",
                env=clean_environment(),
                check=False,
                timeout=60,
                **self.spawn_options(),
            )
        except OSError as error:
            # Its file name would be the working folder's.
            return error.strerror or str(error)
        except subprocess.SubprocessError as error:
            return str(error)
        if done.returncode == 0:
            return None
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        return last[0] if last else f"it ended with {done.returncode}"

    def can_reach(self, folder: Path) -> bool:
        """Whether the account can enter a folder; its own way there decides, not mode bits."""
        if not self.switch:
            return os.access(folder, os.X_OK)
        return self.can_run("/bin/sh", "-c", 'cd -- "$1"', "sh", folder)


def choose_account(home: Path, data: Sequence[Path]) -> Account:
    """The account for the servers of a home.

    Who is not root runs them under the own account. Root takes the owner of the data that exist
    (PostgreSQL accepts no other), else the owner of the home if that is an ordinary user, who may
    want to go on without root, else the first account of the system that will do.

    Args:
        home: The home, which need not exist.
        data: The servers' data folders, which need not exist.

    Raises:
        EmbeddedAccountUnusable: There is none.
    """
    if os.geteuid() != 0:
        return _account(os.geteuid(), os.getegid(), switch=False)
    refused = "no account named " + ", ".join(_CANDIDATES)
    for account in _other_accounts(home, data):
        reason = account.explain_run("/bin/sh", "-c", ":")
        if reason is None:
            return account
        refused = f"{account.name}: {reason}"
    raise EmbeddedAccountUnusable(reason=refused)


def require_entry(account: Account) -> None:
    """Refuses an account that initdb would not find.

    Raises:
        EmbeddedAccountUnusable: Its number has no entry, as in some containers.
    """
    try:
        pwd.getpwuid(account.uid)
    except KeyError:
        reason = f"user id {account.uid} has no entry in /etc/passwd"
        raise EmbeddedAccountUnusable(reason=reason) from None


def _other_accounts(home: Path, data: Sequence[Path]) -> list[Account]:
    for folder in data:
        owner = _owner(folder)
        if owner is not None:
            return [owner]
    while not home.exists():
        home = home.parent
    owner = _owner(home)
    found = [owner] if owner is not None and owner.name != str(owner.uid) else []
    for name in _CANDIDATES:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            found.append(Account(entry.pw_uid, entry.pw_gid, name, switch=True))
    return [account for account in found if account.uid != 0]


def _owner(folder: Path) -> Account | None:
    """The ordinary user who owns a folder, None when it is root's or is not there."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return _account(status.st_uid, status.st_gid, switch=True) if status.st_uid != 0 else None


def _account(uid: int, gid: int, *, switch: bool) -> Account:
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    return Account(uid, gid, name, switch)


def clean_environment(**extra: str) -> dict[str, str]:
    """The environment of a server: nothing of the caller's that could change how it works.

    Messages are in English, because the launcher reads some of them.
    """
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {"PATH": os.defpath, **kept, "LC_ALL": "C", **extra}
