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


@pytest.fixture(scope="session")
def guests(world):
    """One for each policy, booted once: a function of the policy's name."""
    made = {}

    def one(policy):
        guest = made.get(policy)
        if guest is None or not guest.is_well():
            if guest:
                guest.end()
            made[policy] = guest = world.guest(policy)
            guest.grants_all_moves()
            guest.nv = guest.start().nv
        guest.forget_what_ran_twice()
        return guest
    return one


@pytest.fixture(params=["deployment", "host", "user"])
def guest(world, guests, request):
    yield guests(request.param)
    world.repair()
