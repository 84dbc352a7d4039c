"""The product under test, and campaigns in it."""

from tests.integration.api.product import *  # noqa: F403 - fixtures, by their names
from tests.integration.campaigns.planning import planned, watch  # noqa: F401 - likewise
