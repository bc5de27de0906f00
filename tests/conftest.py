"""What holds for all tests: properties are judged by what they assert, not by speed; no test silences another's log."""

import logging
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


@pytest.fixture(autouse=True)
def _heard() -> Iterator[None]:
    """A command that is called in a test turns the log down for its process; the next test hears it again."""
    yield
    logging.getLogger("alvh").setLevel(logging.NOTSET)
