"""Where everything lies.

::

    <home>/                       RECADO_HOME, else ~/.local/share/recado
    ├── data/                     a folder, or for root a link to /var/lib/recado/<digest>-<random>
    │   ├── postgres/             data/ password port lock
    │   ├── valkey/               data/ password port lock
    │   └── programs/             copies, only where the servers' account cannot read the originals
    └── logs/                     postgres.log valkey.log

Root's servers run under another account (see `accounts`). When it cannot reach the home (/root is
closed to it) or copied programs would not work there (see `bears_no_programs`), the data lie below
/var/lib/recado, and `<home>/data` points there. The link rules:
a home that is moved takes its data along, one that is deleted leaves them as an orphan, which
`recado doctor` names. Only the two inner `data` folders belong to the servers' account; everything
else stays the launcher's, so that a server that was broken into cannot redirect what root writes.
"""

import contextlib
import fcntl
import hashlib
import os
import secrets
import tempfile
from pathlib import Path

from recado.embedded.accounts import Account
from recado.embedded.errors import (
    EmbeddedDataMissing,
    EmbeddedFolderUnusable,
    EmbeddedHomeBusy,
)
from recado.embedded.processes import read_pid, wait_for

STATE_FOLDER = Path("/var/lib/recado")
_LOG_LIMIT_BYTES = 10_000_000
# A launcher that was just killed needs a moment to disappear.
_LOCK_PATIENCE_SECONDS = 1.0

_locks_held: set[int] = set()


def _drop_locks_in_child() -> None:
    # A forked child shares the lock and would keep it alive after its parent's death.
    for descriptor in _locks_held:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _locks_held.clear()


os.register_at_fork(after_in_child=_drop_locks_in_child)


def resolve_home(home: Path | None) -> Path:
    """The absolute home: the one given, else RECADO_HOME, else ~/.local/share/recado.

    Raises:
        EmbeddedFolderUnusable: There is no home folder to be found for this user, or its path
            would break the files that PostgreSQL keeps line by line.
    """
    chosen = home or Path(os.environ.get("RECADO_HOME") or "~/.local/share/recado")
    try:
        resolved = chosen.expanduser().absolute()
    except RuntimeError as error:
        raise EmbeddedFolderUnusable(folder=chosen, reason=str(error)) from None
    if "\n" in str(resolved) or "\r" in str(resolved):
        raise EmbeddedFolderUnusable(folder=resolved, reason="its path contains a line break")
    return resolved


def make_folder(path: Path, mode: int) -> None:
    """Creates a folder, whatever the umask, unless it is there; parents as the umask says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        path.mkdir()
        path.chmod(mode)
        _give_to_owner_of_parent(path)


def write_private(path: Path, text: str) -> None:
    """Writes a file for the launcher's eyes only: whole or not at all, and to the disk."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(temporary, flags, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    _give_to_owner_of_parent(temporary)
    temporary.replace(path)


def _give_to_owner_of_parent(path: Path) -> None:
    # After one start by root, the home's own user must still be able to use it.
    if os.geteuid() == 0:
        parent = path.parent.stat()
        os.chown(path, parent.st_uid, parent.st_gid, follow_symlinks=False)


def open_log(path: Path) -> int:
    """A descriptor that appends to a log; a log over 10 MB is first put aside as `.1`."""
    make_folder(path.parent, 0o700)
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > _LOG_LIMIT_BYTES:
            path.replace(path.with_name(f"{path.name}.1"))
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    _give_to_owner_of_parent(path)
    return descriptor


def open_data_folder(home: Path, account: Account) -> Path:
    """The folder of the servers' data, made when it is missing, that the account can reach.

    Raises:
        EmbeddedDataMissing: The home points to a folder that is gone.
        EmbeddedFolderUnusable: The account cannot reach data that lie in the home already.
        OSError: It cannot be made.
    """
    make_folder(home, 0o711 if account.switch else 0o700)
    link = home / "data"
    if link.is_symlink():
        target = link.resolve()
        if not target.is_dir():
            raise EmbeddedDataMissing(target=target, link=link)
        return target
    make_folder(link, 0o711 if account.switch else 0o700)
    if account.can_reach(link) and not (account.switch and bears_no_programs(link)):
        return link
    if any(link.iterdir()):
        reason = f"account {account.name}, which runs the servers, cannot enter it"
        raise EmbeddedFolderUnusable(folder=link, reason=reason)
    return _place_outside(home, link)


def bears_no_programs(folder: Path) -> bool:
    """Whether PostgreSQL's programs do not work below this folder.

    initdb and pg_ctl put their own paths into a shell's command between plain double quotes. For
    data such a folder will do.
    """
    return any(character in str(folder) for character in '"$`\\')


def _place_outside(home: Path, link: Path) -> Path:
    make_folder(STATE_FOLDER, 0o711)
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    place = Path(tempfile.mkdtemp(prefix=f"{digest}-", dir=STATE_FOLDER))
    place.chmod(0o711)
    (place / "home").write_bytes(os.fsencode(home))
    link.rmdir()
    try:
        link.symlink_to(place)
    except FileExistsError:
        # Another launcher was faster: its folder counts.
        (place / "home").unlink()
        place.rmdir()
        return link.resolve()
    return place


def find_orphans() -> list[Path]:
    """Folders below /var/lib/recado whose home does not point to them any more."""
    orphans = []
    with contextlib.suppress(OSError):
        for place in sorted(STATE_FOLDER.iterdir()):
            home = Path(os.fsdecode((place / "home").read_bytes()))
            if (home / "data").resolve() != place.resolve():
                orphans.append(place)
    return orphans


class ServerFolder:
    """The folder of one server: its data, its password, its port and its lock."""

    def __init__(self, path: Path, account: Account) -> None:
        self.path = path
        self.account = account
        self.data = path / "data"
        self._password_file = path / "password"
        self._port_file = path / "port"
        self._lock: int | None = None

    def lock(self) -> None:
        """Takes the folder for this process until `unlock` or the process's end.

        Raises:
            EmbeddedHomeBusy: Another process has it.
            OSError: The folder cannot be made or written.
        """
        make_folder(self.path, 0o711 if self.account.switch else 0o700)
        path = self.path / "lock"
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(path, flags, 0o600)
        if not wait_for(lambda: _try_lock(descriptor), _LOCK_PATIENCE_SECONDS):
            os.close(descriptor)
            raise EmbeddedHomeBusy(folder=self.path, pid=read_pid(path) or "unknown")
        _locks_held.add(descriptor)
        self._lock = descriptor
        _give_to_owner_of_parent(path)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())

    def unlock(self) -> None:
        """Gives the folder back. Harmless when it is not held."""
        if self._lock is not None:
            _locks_held.discard(self._lock)
            os.close(self._lock)
            self._lock = None

    def is_locked(self) -> bool:
        """Whether some process has the folder right now."""
        try:
            descriptor = os.open(self.path / "lock", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return not _try_lock(descriptor)
        finally:
            os.close(descriptor)

    def read_password(self) -> str | None:
        """The server's password, None when there is none yet."""
        try:
            return self._password_file.read_text().strip() or None
        except FileNotFoundError:
            return None

    def new_password(self) -> str:
        """Makes, keeps and returns a password of 192 random bits, safe in an address."""
        password = secrets.token_urlsafe(24)
        write_private(self._password_file, password + "\n")
        return password

    @property
    def password_file(self) -> Path:
        """Where the password lies."""
        return self._password_file

    def read_port(self) -> int | None:
        """The port of the last start, None when there was none."""
        return read_pid(self._port_file)

    def remember_port(self, port: int) -> None:
        """Keeps the port for the next start, so that addresses stay as they are."""
        write_private(self._port_file, f"{port}\n")


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
