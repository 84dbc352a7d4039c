"""What can go wrong with the embedded servers, each with what to do about it.

::

    EmbeddedError
    ├── EmbeddedHomeBusy              another Recado uses this folder
    └── EmbeddedStartError            a server does not start; its last words are quoted
        ├── EmbeddedProgramMissing    no program for this machine
        ├── EmbeddedAccountUnusable   no account that may run the servers
        ├── EmbeddedFolderUnusable    cannot be written or reached
        ├── EmbeddedDiskFull
        ├── EmbeddedDataMissing       the database folder was moved or deleted
        ├── EmbeddedDataMismatch      data of another major version of PostgreSQL
        ├── EmbeddedPasswordLost      data without its password
        ├── EmbeddedNoPort            no port to listen on
        ├── EmbeddedPortTaken         the port is needed again and somebody else has it
        └── EmbeddedServerStuck       a live server of this folder does not answer
"""

import errno
from pathlib import Path

from recado.domain.errors import RecadoError


class EmbeddedError(RecadoError):
    code = "embedded"
    sentence = "The embedded servers do not work. Run 'recado doctor' to see why."


class EmbeddedHomeBusy(EmbeddedError):
    code = "embedded_home_busy"
    sentence = (
        "Another Recado (process {pid}) already uses {folder}. Stop it first, "
        "or set RECADO_HOME to another folder to run a second one."
    )


class EmbeddedStartError(EmbeddedError):
    code = "embedded_start_failed"
    sentence = (
        "{server} did not start. Mend what the last lines of {log} name and start again, "
        "or set {variable} to use a server of your own. They say:\n{tail}"
    )


class EmbeddedProgramMissing(EmbeddedStartError):
    code = "embedded_program_missing"
    sentence = (
        "No {server} that runs on this machine was found ({tried}). "
        "Install {package}, or set {variable} to use a server of your own."
    )


class EmbeddedAccountUnusable(EmbeddedStartError):
    code = "embedded_account_unusable"
    sentence = (
        "PostgreSQL cannot run under the account at hand ({reason}). Start Recado as an ordinary "
        "user with an entry in /etc/passwd, or set DATABASE_URL and REDIS_URL."
    )


class EmbeddedFolderUnusable(EmbeddedStartError):
    code = "embedded_folder_unusable"
    sentence = (
        "The folder {folder} cannot be used ({reason}). Make it writable for the account that "
        "runs Recado, or set RECADO_HOME to another folder."
    )


class EmbeddedDiskFull(EmbeddedStartError):
    code = "embedded_disk_full"
    sentence = (
        "The disk that holds {folder} is full. Free at least 500 MB and start again, "
        "or set RECADO_HOME to a folder on another disk."
    )


class EmbeddedDataMissing(EmbeddedStartError):
    code = "embedded_data_missing"
    sentence = (
        "The data folder {target} that {link} points to is gone. Put it back, "
        "or delete {link} to start with empty databases."
    )


class EmbeddedDataMismatch(EmbeddedStartError):
    code = "embedded_data_mismatch"
    sentence = (
        "The database in {folder} was made by PostgreSQL {found}, and only {available} is here. "
        "Install PostgreSQL {found} to go on with it (or to move it over with pg_dump), "
        "or set RECADO_HOME to another folder to start empty."
    )


class EmbeddedPasswordLost(EmbeddedStartError):
    code = "embedded_password_lost"
    sentence = (
        "The database in {folder} is there, but the file {file} with its password is gone. "
        "Restore that file from a backup, or set RECADO_HOME to another folder to start empty."
    )


class EmbeddedNoPort(EmbeddedStartError):
    code = "embedded_no_port"
    sentence = (
        "No free port between {first} and {last} was found on 127.0.0.1. End programs that listen "
        "there, and see to it that Recado may listen on 127.0.0.1."
    )


class EmbeddedPortTaken(EmbeddedStartError):
    code = "embedded_port_taken"
    sentence = (
        "{server} must come back on port {port}, which another program has taken. "
        "End that program, or stop Recado and start it again to get another port."
    )


class EmbeddedServerStuck(EmbeddedStartError):
    code = "embedded_server_stuck"
    sentence = (
        "{server} (process {pid}) still runs on {folder} but does not answer. "
        "Look into {log}; if it hangs, end it with 'kill {pid}' and start again."
    )


_FULL = {errno.ENOSPC, errno.EDQUOT}


def from_os_error(error: OSError, folder: Path) -> EmbeddedStartError:
    """The error that a person can act on for what the system refused in `folder`."""
    if error.errno in _FULL:
        return EmbeddedDiskFull(folder=folder)
    where = error.filename if isinstance(error.filename, str) else folder
    return EmbeddedFolderUnusable(folder=where, reason=error.strerror or str(error))
