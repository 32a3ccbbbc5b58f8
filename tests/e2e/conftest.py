# SPDX-License-Identifier: Apache-2.0
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import world as bed  # noqa: E402


@pytest.fixture(scope="module")
def world():
    """One broker and one libvirt host for a file of tests."""
    if os.geteuid() != 0:
        pytest.skip("a libvirt host of its own needs root")
    made = bed.World()
    try:
        yield made.open()
    finally:
        made.close()


@pytest.fixture(scope="module")
def small_world():
    """One broker and one host without libvirt; needs no root."""
    made = bed.World(libvirt=False)
    try:
        yield made.open()
    finally:
        made.close()
