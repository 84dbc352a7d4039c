"""The product under test, and campaigns in it."""

from tests.integration.api.product import *  # noqa: F403 - fixtures, by their names
from tests.integration.campaigns.planning import planned as planned
from tests.integration.campaigns.planning import watch as watch
