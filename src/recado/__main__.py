"""``python -m recado``: the same as the command ``recado``."""

from recado.cli.main import main

main()
