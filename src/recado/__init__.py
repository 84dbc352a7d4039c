"""Recado: WhatsApp campaigns at a pace that never breaks a limit, never twice, nothing lost."""

__version__ = "0.1.0"
