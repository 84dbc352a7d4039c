"""The language of the terminal."""

import os

from recado.platform import i18n
from recado.platform.i18n import Translator


def language() -> Translator:
    """The translator for LC_ALL or LANG; Portuguese where they say nothing."""
    chosen = os.environ.get("LC_ALL") or os.environ.get("LANG") or ""
    return i18n.translator(i18n.negotiate(chosen.split(".")[0]))
