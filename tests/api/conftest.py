# SPDX-License-Identifier: Apache-2.0
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import bed  # noqa: E402


@pytest.fixture(scope="module")
def broker():
    """One broker for a file of tests, with its people and the hosts h1 and h2."""
    with bed.broker() as b:
        yield b


@pytest.fixture
def own_broker():
    """A broker that a test may damage."""
    with bed.broker() as b:
        yield b
