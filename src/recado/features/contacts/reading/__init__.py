"""Reading of contact files: from a CSV or XLSX on disk to checked rows, in batches.

What may live here: guessing encoding and dialect, finding columns by their headers, checking and
normalising each row, naming what is wrong with it. What may not: the database, jobs, HTTP; whether
two rows are the same person is decided where the contacts are.
"""

from recado.features.contacts.reading.contact_file import ContactFile, open_contacts
from recado.features.contacts.reading.rows import ContactRow, RowError

__all__ = ["ContactFile", "ContactRow", "RowError", "open_contacts"]
