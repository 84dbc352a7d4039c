"""What a spreadsheet would make of a cell that we export."""

import re
from typing import Final

_STARTS_FORMULA: Final = re.compile(r"[=+\-@\t\r\n＝＋－＠]")
_PLAIN_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?", re.ASCII)


def csv_safe(value: str) -> str:
    """The value, with an apostrophe before it where a spreadsheet would run it as a formula.

    Numbers are left alone, so that phone numbers such as +5511912345678 stay what they are.
    """
    if _STARTS_FORMULA.match(value) and not _PLAIN_NUMBER.fullmatch(value):
        return "'" + value
    return value
