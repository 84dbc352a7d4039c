"""Words and buttons by which people say that they want no more messages, or want them again.

A word counts only where it is all that somebody wrote: accents, case, punctuation, spaces, emoji
and characters that nobody sees do not matter, any other letter or digit does. A tapped button
counts by what stands behind it, or by its title.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from recado.domain.errors import InvalidInput

MOST_WORDS: Final = 50
SHORTEST: Final = 2
LONGEST: Final = 40
"""Letters and digits of a word: what is longer is a sentence."""
LONGEST_TEXT: Final = 500
"""Characters of a confirmation: it is one short message."""
_LONGEST_HEARD: Final = 400  # of what somebody wrote; with more in it, it is no single word
_SHOWN: Final = 100

# Emoji that are letters and digits by themselves: the information sign, and keys of a telephone.
_AS_EMOJI: Final = re.compile("\u2139|[0-9]\ufe0f\u20e3?")


class Wish(StrEnum):
    """What somebody wants."""

    OUT = "out"
    """No more messages."""
    IN = "in"
    """Messages again."""


WORDS: Final[Mapping[Wish, tuple[str, ...]]] = {
    Wish.OUT: (
        *("SAIR", "PARAR", "STOP", "CANCELAR", "DESCADASTRAR", "REMOVER", "SAIR DA LISTA"),
        *("PARAR PROMOÇÕES", "UNSUBSCRIBE", "STOP ALL", "STOP PROMOTIONS"),
    ),
    Wish.IN: ("VOLTAR", "QUERO RECEBER", "START", "UNSTOP", "SUBSCRIBE"),
}
"""Understood in every workspace, whatever it adds."""

PAYLOADS: Final[Mapping[Wish, tuple[str, ...]]] = {
    Wish.OUT: ("optout", "opt_out", "opt-out", "stop", "unsubscribe"),
    Wish.IN: ("optin", "opt_in", "opt-in", "start", "subscribe"),
}
"""The same of what stands behind buttons and lines of lists; the words count there as well."""


class InvalidWords(InvalidInput):
    code = "invalid_consent_settings"
    sentence = "The settings of opt-outs are not valid. Correct the fields named."


@dataclass(frozen=True, slots=True)
class Heard:
    """A wish, and how it was said.

    Attributes:
        wish: What is wanted.
        source: ``keyword`` where it was written, ``button`` where it was tapped.
        word: As it was said, shortened.
    """

    wish: Wish
    source: str
    word: str


@dataclass(frozen=True, slots=True)
class Rules:
    """What one workspace understands: folded words and payloads, by the wish."""

    words: Mapping[Wish, frozenset[str]]
    payloads: Mapping[Wish, frozenset[str]]

    @classmethod
    def of(cls, saved: Mapping[str, Any]) -> "Rules":
        """The built-in ones and those of a workspace's settings, as `check` let them pass."""

        def both(built_in: Mapping[Wish, tuple[str, ...]], kind: str) -> dict[Wish, frozenset[str]]:
            return {
                wish: frozenset(map(fold, (*built_in[wish], *saved.get(key(wish, kind), ()))))
                for wish in Wish
            }

        return cls(both(WORDS, "words"), both(PAYLOADS, "payloads"))

    def hear(self, text: str, choice: str | None) -> Heard | None:
        """The wish in a message; None where there is none.

        Args:
            text: What was written, or the title of what was tapped.
            choice: What stands behind the button or line that was tapped; None if nothing was.
        """
        tapped, written = fold(choice or ""), fold(text)
        source, said = ("keyword", text) if choice is None else ("button", text or choice)
        for wish in Wish:
            words = self.words[wish]
            if written in words or tapped in words or tapped in self.payloads[wish]:
                return Heard(wish, source, " ".join(said.split())[:_SHOWN])
        return None


def key(wish: Wish, kind: str) -> str:
    """The name of a workspace's setting, such as ``opt_out_words``."""
    return f"opt_{wish}_{kind}"


def fold(text: str) -> str:
    """A text's letters and digits without accents and case; empty where it is too long for a word.

    Full-width and mathematical letters are the plain ones they stand for.
    """
    if len(text) > _LONGEST_HEARD:
        return ""
    plain = "".join(
        char for char in _AS_EMOJI.sub("", text) if not unicodedata.category(char).startswith("S")
    )
    decomposed = unicodedata.normalize("NFKD", plain.casefold())
    return "".join(filter(str.isalnum, decomposed)).casefold()


def check(given: Mapping[str, Any], saved: Mapping[str, Any]) -> None:
    """See that some of a workspace's settings may be set anew.

    Args:
        given: ``opt_out_words``, ``opt_in_words``, ``opt_out_payloads``, ``opt_in_payloads``: lists
            of texts; ``confirm``: whether people are told; ``opt_out_confirmation`` and
            ``opt_in_confirmation``: what they are told, or None for the built-in text.
        saved: As they were.

    Raises:
        InvalidWords: A word is too short or too long, there are too many, one means both;
            ``fields`` says which.
    """
    wrong: dict[str, str] = {}
    for kind in ("words", "payloads"):
        for wish in Wish:
            name = key(wish, kind)
            if name in given and (fault := _fault(given[name])):
                wrong[name] = fault
    for name in (key(wish, "confirmation") for wish in Wish):
        text = given.get(name)
        if text is not None and not 0 < len(text.strip()) <= LONGEST_TEXT:
            wrong[name] = f"a text of at most {LONGEST_TEXT} characters, or null"
    if not wrong:
        wrong = _ambiguous(Rules.of({**saved, **given}), given)
    if wrong:
        raise InvalidWords(fields=wrong)


def _fault(words: Iterable[str]) -> str:
    folded = [fold(word) for word in words]
    if len(folded) > MOST_WORDS:
        return f"at most {MOST_WORDS}"
    if all(SHORTEST <= len(word) <= LONGEST for word in folded):
        return ""
    return f"each with {SHORTEST} to {LONGEST} letters and digits"


def _ambiguous(rules: Rules, given: Mapping[str, Any]) -> dict[str, str]:
    """Which of the lists just given hold what means the contrary already."""
    meant = {wish: rules.words[wish] | rules.payloads[wish] for wish in Wish}
    torn = meant[Wish.OUT] & meant[Wish.IN]
    return {
        name: "no word may mean both: " + ", ".join(sorted(found))
        for name in given
        if name.endswith(("_words", "_payloads"))
        if (found := {word for word in given[name] if fold(word) in torn})
    }
