"""What a limiter asks Redis: the books of several requests, each once, and who must pass which."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from recado.domain.ids import ContactId, MessageReference, Reference, RunId
from recado.domain.limits import CONTACT_DAILY, Kind, Limit, Path, Scope
from recado.domain.pacing import INTERVAL_JITTER
from recado.features.gates.service import GRANT_LIFE

SECOND_US = 1_000_000

AnyReference = Reference | MessageReference


@dataclass(frozen=True, slots=True)
class Asking:
    """One attempt that wants to leave.

    Attributes:
        reference: Its name.
        run_id: Whose path it goes.
        contact_id: Whom it is for.
        answers: It is part of a conversation that the contact has opened.
        chance: From 0 to 1: how much longer than it must be the pause after it is.
    """

    reference: AnyReference
    run_id: RunId
    contact_id: ContactId | None
    answers: bool = False
    chance: float = 0.0


@dataclass(frozen=True, slots=True)
class Book:
    """One book: where it is, and a limit that goes by it."""

    key: str
    limit: Limit


def book_key(prefix: str, limit: Limit, contact: ContactId | None = None) -> str:
    """The name of the key that holds a book.

    Args:
        prefix: Of the workspace or installation, tagged for a cluster.
        limit: The limit.
        contact: Whose book, if it is one of many.
    """
    whose = "" if contact is None else f":{int(contact)}"
    return f"{prefix}:limit:{limit.scope}:{limit.subject}:{limit.name}{whose}"


def width_us(limit: Limit) -> int:
    """Microseconds that a departure counts for.

    A request may be late on its way to the wire by a grant's life. A part of a second is no
    promise, only a smoother way of keeping the second's limit.
    """
    slack = GRANT_LIFE if limit.seconds >= 1 else 0.0
    return round((limit.seconds + slack) * SECOND_US)


@dataclass
class Sheet:
    """One question, put together step by step."""

    prefix: str
    books: list[Book] = field(default_factory=list)
    paths: list[dict[str, Any]] = field(default_factory=list)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    _marked: dict[str, Limit] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)
    _path_numbers: dict[tuple[RunId, bool], int] = field(default_factory=dict)

    def add(self, asking: Asking, path: Path) -> None:
        """Add one attempt, behind the others."""
        own = [
            [self._number(limit, asking.contact_id), limit.most]
            for limit in path.of_contact
            if asking.contact_id is not None
        ]
        self.attempts.append(
            {
                "id": str(asking.reference),
                "path": self.path(asking.run_id, path, answers=asking.answers),
                "chance": asking.chance,
                "contact": str(asking.contact_id),
                "delivery": _name(asking.reference),
                "own": own,
            }
        )

    def path(self, run_id: RunId, path: Path, *, answers: bool = False) -> int:
        """The number of a run's path; what answers a contact passes by the portfolio's tier."""
        number = self._path_numbers.get((run_id, answers))
        if number is None:
            number = self._path_numbers[run_id, answers] = len(self.paths)
            checks = [
                [self._number(limit), limit.most]
                for limit in path.limits
                if not (answers and limit.scope is Scope.PORTFOLIO)
            ]
            self.paths.append({"slots": path.slots, "checks": checks})
            # Filled before anybody is claimed: who is under way then may have left already.
            self._marked |= {limit.mark: limit for limit in path.of_contact}
        return number

    def _number(self, limit: Limit, contact: ContactId | None = None) -> int:
        key = book_key(self.prefix, limit, contact)
        number = self._numbers.setdefault(key, len(self.books))
        if number == len(self.books):
            self.books.append(Book(key, limit))
            self._marked[limit.mark] = limit
        return number

    def marks(self) -> list[str]:
        """Of all limits that are asked."""
        return sorted(self._marked)

    def limits(self, marks: Sequence[str]) -> list[Limit]:
        """The limits behind some marks."""
        return [self._marked[mark] for mark in marks]

    def asked(self, *, lease: str, off: Sequence[str], first: bool) -> dict[str, Any]:
        """The question as the script wants it."""
        marks = self.marks()
        return {
            "lease": lease,
            "first": first,
            "marks": marks,
            "off": [mark for mark in off if mark not in marks],
            "books": [_written(book.limit) for book in self.books],
            "paths": self.paths,
            "attempts": self.attempts,
            "jitter": INTERVAL_JITTER,
        }


def _name(reference: AnyReference) -> str:
    """What all attempts at one message share."""
    if isinstance(reference, Reference):
        return str(reference.delivery_id)
    return f"m{reference.message_id}"


def _written(limit: Limit) -> dict[str, Any]:
    step = round(limit.seconds * SECOND_US)
    return {
        "kind": limit.kind.value,
        "width": width_us(limit),
        "step": step,
        "longer": round(limit.longer * SECOND_US) or step,
        "after": limit.longer_after or 0,
        "by": "delivery" if limit.name == CONTACT_DAILY else "contact",
    }


def life_ms(limit: Limit) -> int:
    """Milliseconds after which a book that nobody writes in is of no use."""
    if limit.kind is Kind.INTERVAL:
        return 86_400_000
    span = limit.seconds * (limit.most if limit.kind is Kind.RATE else 1)
    return round(span * 1000) + 120_000
