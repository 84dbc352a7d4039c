"""What can be wrong with an import as a whole, besides its file."""

from recado.domain.errors import Conflict


class ImportInterrupted(Conflict):
    code = "import_interrupted"
    sentence = (
        "The import stopped before its end and could not be taken up again. Import the same file "
        "once more: what it has brought already is only skipped."
    )


class ImportGone(Conflict):
    """The import has ended, or somebody has removed it, while it was being worked on."""

    code = "import_gone"
    sentence = "This import has ended. Start another one."
