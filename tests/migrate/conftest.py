# SPDX-License-Identifier: Apache-2.0
import os
import sys
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import guest_image  # noqa: E402
import moving  # noqa: E402


@pytest.fixture(scope="session")
def world():
    """Two hosts, a broker and a network between them, for all tests."""
    if os.geteuid() != 0:
        pytest.skip("libvirt hosts of its own need root")
    made = moving.World()
    try:
        yield made.open()
    except guest_image.Missing as why:
        pytest.skip(str(why))
    finally:
        made.close()
