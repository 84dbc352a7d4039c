"""The product under test."""

from tests.integration.api.product import *  # noqa: F403 - fixtures, by their names
