"""A long text as the few bubbles that a person would send.

Of all ways to cut a text the one is taken whose parts are most even, where a cut between
paragraphs is welcome, one between lines costs a little, one between sentences more, and one in a
list is made only where a part would otherwise be too long to be sent.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain
from typing import Final

LONGEST: Final = 4096
"""Meta: the body of a text message."""
TYPING_SPEED: Final = 15.0
"""Characters a second of someone who is quick on a phone."""
SHORTEST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 8.0


class Bound(IntEnum):
    """What lies between two words, the best place for a cut first."""

    PARAGRAPH = 0
    LINE = 1
    SENTENCE = 2
    LIST = 3
    WORD = 4


# Added to the sum of squares of the parts' lengths, the ideal length being 1. A sentence of a tenth
# of the text stays with the others, one of a fifth does not; paragraphs of like length are not cut
# further, and hardly ever while a bound between others goes unused.
_COSTS: Final = {Bound.PARAGRAPH: -1.0, Bound.LINE: 0.3, Bound.SENTENCE: 1.2, Bound.LIST: 1e4}
_TOO_LONG: Final = 1e8
# So many places for cuts are compared; of more, only the best of each stretch.
_MOST_PLACES: Final = 48
# So many widths are tried for a text that has to be cut between words.
_TRIES: Final = 8

_WORD: Final = re.compile(r"\S+")
_ITEM: Final = re.compile(
    r"""
    (?: [-+*•◦▪‣·–—] | \d{1,3}[.)ºª°] | [^\W\d_]\) )(?=\s)  # a bullet, 1. or a)
    | \d\ufe0f?\u20e3  # a keycap
    """,
    re.VERBOSE,
)
_OPENERS: Final = "\"'“”‘«([{*_~`¿¡"
_CLOSERS: Final = "\"'”’»›)]}*_~`"
_ENUMERATOR: Final = re.compile(r"\d{1,3}\.")
_INITIALS: Final = re.compile(r"[^\W\d_](?:\.[^\W\d_])*")
# Where in doubt a word is here: a place for a cut less is no loss, a cut after "Sr." is.
_NEVER_LAST: Final = """
    sr sra srs sras srta dr dra drs dras prof profa profs eng enga adv exmo exma ilmo ilma sto sta
    av al tv trav pç pça rod estr jd pq cond ed edif bl apt apto cj conj tel cel fax nº núm cód cep
    cx pág págs pag pags art arts inc obs aprox ref min máx ex cf vs gov dep sen gen cap jr mr mrs
    ms st mt dept approx
"""
# A sentence may end with these, unless a number follows.
_BEFORE_NUMBERS: Final = "no num fone ramal fl fls vol fig lt qd km"
_ABBREVIATIONS: Final = frozenset(_NEVER_LAST.split())
_COUNTERS: Final = frozenset(_BEFORE_NUMBERS.split())

_JOINER: Final = "\u200d"
_MODIFIERS: Final = frozenset(
    [
        _JOINER,
        "\u200c",
        *map(chr, range(0x1F3FB, 0x1F400)),  # skin tones
        *map(chr, range(0xE0020, 0xE0080)),  # tags, as in the flag of Scotland
        *map(chr, range(0x1160, 0x1200)),  # vowels and finals of Hangul
    ]
)


@dataclass(frozen=True, slots=True)
class _Place:
    """White space where the text may be cut: where what is before it ends, and what is after."""

    end: int
    start: int
    bound: Bound


def split(text: str, max_parts: int, *, longest: int = LONGEST) -> tuple[str, ...]:
    """Cut a text into at most so many parts, each to be sent as a message of its own.

    Args:
        text: With its variables filled in.
        max_parts: At most; 1 leaves the text as it is. A short text may give fewer.
        longest: Characters that a message may have. A part is longer only if the text is too long
            for so many parts.

    Returns:
        The parts in order, without white space around them; nothing else is lost. No word is cut
        that is not itself over ``longest``, and no character made of several code points.
    """
    trimmed = text.strip()
    if max_parts <= 1 or not trimmed:
        return (text,)
    places = list(_places(trimmed))
    good = _thinned([place for place in places if place.bound < Bound.WORD], len(trimmed))
    spans = _most_even(len(trimmed), good, max_parts, longest)
    if any(end - start > longest for start, end in spans):
        spans = _filled(trimmed, places, max_parts, longest)
    return tuple(part for start, end in spans if (part := trimmed[start:end].strip()))


def pause_between(part: str, chance: float) -> float:
    """Seconds that a person would need to type a part, from 1 to 8.

    Args:
        part: The part about to be sent.
        chance: From 0 to 1: a fifth less to a fifth more.
    """
    seconds = len(part) / TYPING_SPEED * (0.8 + 0.4 * chance)
    return min(LONGEST_PAUSE, max(SHORTEST_PAUSE, seconds))


# Where it may be cut --------------------------------------------------------------------------


def _places(text: str) -> Iterator[_Place]:
    """All white space of a text that begins and ends with a word."""
    words = _WORD.finditer(text)
    before = next(words)
    listed = _is_item(text, 0)
    first = True  # of its line
    for word in words:
        gap = text[before.end() : word.start()]
        breaks = gap.count("\n")
        if breaks:
            indented = listed and breaks == 1 and not gap.endswith("\n")
            item = indented or _is_item(text, word.start())
            together = item and ((breaks == 1 and listed) or _introduces(before[0]))
            bound = Bound.LIST if together else Bound.LINE if breaks == 1 else Bound.PARAGRAPH
            listed = item
        elif _ends_sentence(before[0], word[0], first=first):
            bound = Bound.LIST if listed else Bound.SENTENCE
        else:
            bound = Bound.WORD
        if _is_edge(text, word.start()):
            yield _Place(before.end(), word.start(), bound)
        before, first = word, breaks > 0


def _is_item(text: str, at: int) -> bool:
    """Whether the line that begins there is one of a list; emoji serve as bullets."""
    return _ITEM.match(text, at) is not None or unicodedata.category(text[at]) == "So"


def _introduces(word: str) -> bool:
    return word.rstrip(_CLOSERS).endswith(":")


def _ends_sentence(word: str, following: str, *, first: bool) -> bool:
    """Whether a sentence ends between two words of a line; ``first`` is one that begins it."""
    core = _bare(word)
    if core.endswith(("!", "?")):
        return True
    goes_on = following.lstrip(_OPENERS)[:1]
    if not core.endswith((".", "…")) or goes_on.islower():
        return False
    return core.endswith(("…", "..")) or not _is_short(core, goes_on, first=first)


def _is_short(core: str, following: str, *, first: bool) -> bool:
    """Whether a dot is that of an abbreviation or of a number in a list."""
    stem = core[:-1].lstrip(_OPENERS).casefold()
    if stem in _COUNTERS:
        return following.isdigit()
    if first and _ENUMERATOR.fullmatch(core):
        return True
    return stem in _ABBREVIATIONS or _INITIALS.fullmatch(stem) is not None


def _bare(word: str) -> str:
    """A word without the brackets, marks and emoji that close it."""
    end = len(word)
    while end and (
        word[end - 1] in _CLOSERS
        or word[end - 1] in _MODIFIERS
        or unicodedata.category(word[end - 1]) in {"So", "Mn"}
    ):
        end -= 1
    return word[:end]


def _is_edge(text: str, at: int) -> bool:
    """Whether no character made of several code points lies across a position."""
    before, after = text[at - 1], text[at]
    if before == _JOINER or after in _MODIFIERS or unicodedata.category(after).startswith("M"):
        return False
    if not _is_flag(after):
        return True
    # Flags are pairs of letters.
    letters = at
    while letters and _is_flag(text[letters - 1]):
        letters -= 1
    return (at - letters) % 2 == 0


def _is_flag(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


# How it is cut --------------------------------------------------------------------------------


def _thinned(places: Sequence[_Place], length: int) -> list[_Place]:
    """The best of many places in each stretch of the text."""
    if len(places) <= _MOST_PLACES:
        return list(places)
    best: dict[int, _Place] = {}
    for place in places:
        stretch = place.end * _MOST_PLACES // length
        if stretch not in best or place.bound < best[stretch].bound:
            best[stretch] = place
    return list(best.values())


_Way = tuple[float, tuple[int, ...]]


def _most_even(
    length: int, places: Sequence[_Place], most: int, longest: int
) -> list[tuple[int, int]]:
    """From where to where each part goes, for the least sum of squares and costs."""
    starts = [0, *(place.start for place in places)]
    ends = [*(place.end for place in places), length]
    costs = [0.0, *(_COSTS[place.bound] for place in places)]
    most = min(most, len(starts))
    ideal = length / most

    def cost(first: int, after: int) -> float:
        size = ends[after - 1] - starts[first]
        return costs[first] + (size / ideal) ** 2 + (_TOO_LONG if size > longest else 0.0)

    # Of the pieces up to each, in at most so many parts: the cost, and where the parts begin.
    best: list[_Way] = [(cost(0, after), (0,)) for after in range(1, len(ends) + 1)]
    for _ in range(most - 1):
        best = [
            min(
                [best[after - 1]]
                + [
                    (best[first - 1][0] + cost(first, after), (*best[first - 1][1], first))
                    for first in range(1, after)
                ]
            )
            for after in range(1, len(ends) + 1)
        ]
    begins = best[-1][1]
    return [
        (starts[first], ends[after - 1])
        for first, after in zip(begins, [*begins[1:], len(ends)], strict=True)
    ]


def _filled(text: str, places: Sequence[_Place], most: int, longest: int) -> list[tuple[int, int]]:
    """Parts cut between any words, as few as possible and then as even, for texts over the limit.

    Where so many parts do not hold the text, the last takes the rest.
    """
    fullest = _fill(text, places, most, longest, longest)
    even = min(longest, -(-len(text) // len(fullest)))
    rooms = [even + (longest - even) * step // _TRIES for step in range(_TRIES)]
    ways = [fullest, *(_fill(text, places, len(fullest), longest, room) for room in rooms)]
    return min(ways, key=lambda spans: max(end - start for start, end in spans))


def _fill(
    text: str, places: Sequence[_Place], most: int, longest: int, room: int
) -> list[tuple[int, int]]:
    """Parts of about so much room, of more only where a word needs it."""
    spans: list[tuple[int, int]] = []
    at = 0
    while len(text) - at > room and len(spans) < most - 1:
        after = bisect_right(places, at, key=lambda place: place.end)
        fitting = bisect_right(places, at + room, key=lambda place: place.end)
        place = places[max(after, fitting - 1)] if after < len(places) else None
        end, following = (place.end, place.start) if place else (len(text), len(text))
        if end - at > longest:
            end = following = _edge(text, at, at + longest)
        spans.append((at, end))
        at = following
    return [*spans, (at, len(text))]


def _edge(text: str, least: int, wanted: int) -> int:
    """The last position up to the wanted one where no character is cut, or the first after it."""
    before, after = range(wanted, least, -1), range(wanted + 1, len(text))
    return next((at for at in chain(before, after) if _is_edge(text, at)), len(text))
