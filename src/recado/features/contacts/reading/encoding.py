"""Which bytes are text, and in which encoding.

The whole file is asked whether it is UTF-8, not a sample: a sample may end within a character, and
the first accent may stand in the last line.
"""

import codecs
from pathlib import Path
from typing import Final

from charset_normalizer import from_bytes

from recado.features.contacts.reading.errors import FileNotReadable, OldWorkbook

SAMPLE_BYTES: Final = 64 * 1024
_CHUNK: Final = 1024 * 1024

ZIP: Final = b"PK\x03\x04"
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_NEVER_TEXT: Final = (
    b"%PDF",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"\x1f\x8b",
    b"7z\xbc\xaf",
    b"Rar!",
    b"\x7fELF",
    b"PK\x05\x06",
)
# UTF-32 before UTF-16: the mark of the one begins with that of the other.
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS: Final = bytes(code for code in range(0x20) if code not in b"\t\n\r\x0b\x0c\x1a")
_FEW_CONTROLS: Final = 32
_MOST_CONTROLS: Final = 0.05
"""Text has a few stray control characters at most; of random bytes one in nine is one."""
_FAR_TOO_MANY_CONTROLS: Final = 0.3

_WESTERN: Final = ("cp1252", "cp850", "mac_roman")
"""What spreadsheets of Windows, of DOS and of old Macs write; Latin-1 is part of the first."""
_EXPECTED: Final = frozenset("áàâãäéèêëíìîïóòôõöúùûüçñÁÀÂÃÄÉÈÊËÍÌÎÏÓÒÔÕÖÚÙÛÜÇÑºª°§€–—“”‘’…´")


def encoding_of(path: Path, *, filename: str) -> str:
    """The name of the encoding that reads this file, as Python spells it.

    Raises:
        FileNotReadable: It is no text.
    """
    with path.open("rb") as file:
        head = file.read(SAMPLE_BYTES)
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    if head.startswith(_OLE):
        raise OldWorkbook(filename)
    if head.startswith(_NEVER_TEXT):
        raise FileNotReadable(filename)
    if wide := _unmarked_utf16(head):
        return wide
    if _is_binary(head):
        raise FileNotReadable(filename)
    if _is_utf8(path):
        return "utf-8"
    sample = _not_utf8(path)
    return "utf-8" if sample is None else _eight_bit(sample)


def _is_binary(head: bytes) -> bool:
    controls = len(head) - len(head.translate(None, _CONTROLS))
    many = max(_FEW_CONTROLS, len(head) * _MOST_CONTROLS)
    return controls > min(many, len(head) * _FAR_TOO_MANY_CONTROLS)


def _unmarked_utf16(head: bytes) -> str | None:
    """UTF-16 without its mark: in Western text every other byte is zero."""
    half = len(head) // 2
    if half and head[1::2].count(0) > half * 0.7 and head[::2].count(0) == 0:
        return "utf-16-le"
    if half and head[::2].count(0) > half * 0.7 and head[1::2].count(0) == 0:
        return "utf-16-be"
    return None


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _not_utf8(path: Path) -> bytes | None:
    """Lines with bytes that are not UTF-8; None where so few are that the file is damaged UTF-8."""
    characters = damaged = 0
    sample = bytearray()
    with path.open("rb") as file:
        while line := file.readline(_CHUNK):
            if line.isascii():
                continue
            text = line.decode("utf-8", "replace")
            bad = text.count("\ufffd")
            characters += sum(not char.isascii() for char in text) - bad
            damaged += bad
            if bad and len(sample) < SAMPLE_BYTES:
                sample += line[:SAMPLE_BYTES]
    return bytes(sample) if damaged * 4 > characters else None


def _eight_bit(sample: bytes) -> str:
    """The encoding under which most accented letters are such as names have."""
    scores = {name: _likely(sample.decode(name, "replace")) for name in _WESTERN}
    best = max(_WESTERN, key=scores.__getitem__)
    if scores[best] > 0:
        return best
    # Not Western at all; below that, guesses for short texts are too wild to be trusted.
    guess = from_bytes(sample).best()
    return guess.encoding if guess else _WESTERN[0]


def _likely(text: str) -> int:
    """Above zero where most accented letters are expected ones, among more without accents."""
    accented = [char for char in text if not char.isascii()]
    if len(accented) > sum(char.isascii() and char.isalpha() for char in text):
        return 0
    expected = sum(char in _EXPECTED for char in accented)
    return 2 * expected - len(accented)
