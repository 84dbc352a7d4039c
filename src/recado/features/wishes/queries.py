"""The statements of this feature."""

from recado.platform import sql

SQL = sql.load(__package__)
