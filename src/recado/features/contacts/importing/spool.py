"""The good rows of a file, on disk, brought together by person.

A person's rows may stand anywhere in a file, and no file may have to fit into memory. SQLite from
the standard library is the sorter: a file of its own, thrown away after the import.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from recado.features.contacts.importing.folding import Person, fold
from recado.features.contacts.reading import ContactRow

_CACHE_KIBIBYTES: Final = 8 * 1024
_SCHEMA: Final = f"""
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA temp_store = FILE;
PRAGMA cache_size = -{_CACHE_KIBIBYTES};
CREATE TABLE person (phone_key TEXT PRIMARY KEY, head INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE row (
    head INTEGER NOT NULL, line INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (head, line)
) WITHOUT ROWID;
"""


class Spool:
    """Rows by person, people in the order of their first rows.

    May be used from one thread after the other.
    """

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.executescript(_SCHEMA)
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(ContactRow).decode

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._database.close()

    def add(self, rows: Iterable[ContactRow]) -> None:
        """Take some rows, later ones after earlier ones."""
        encode = self._encode
        kept = [(row.phone.key, row.line, encode(row)) for row in rows]
        self._database.execute("BEGIN")
        self._database.executemany(
            "INSERT OR IGNORE INTO person VALUES (?, ?)", ((key, line) for key, line, _ in kept)
        )
        self._database.executemany(
            "INSERT INTO row SELECT head, ?2, ?3 FROM person WHERE phone_key = ?1", kept
        )
        self._database.execute("COMMIT")

    def people(self, *, after: int, at_once: int) -> Iterator[list[Person]]:
        """People whose first row stands after a line, in batches."""
        cursor = self._database.execute(
            "SELECT head, data FROM row WHERE head > ? ORDER BY head, line", (after,)
        )
        decode = self._decode
        batch: list[Person] = []
        for _, group in groupby(cursor, key=itemgetter(0)):
            batch.append(fold([decode(data) for _, data in group]))
            if len(batch) == at_once:
                yield batch
                batch = []
        if batch:
            yield batch
