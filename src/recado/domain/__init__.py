"""Decisions as pure functions over frozen data.

What may live here: dataclasses, tables, and functions of their arguments alone. What may not:
asyncio, clocks, random sources, logging, I/O, or an import from any other package of Recado.
Time and chance are passed in.
"""
