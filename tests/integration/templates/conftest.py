"""The product under test, and a business account on the simulator."""

from tests.integration.api.product import *  # noqa: F403 - fixtures, by their names
from tests.integration.templates.playing import account, simulator  # noqa: F401 - likewise
