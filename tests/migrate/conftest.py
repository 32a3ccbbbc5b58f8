# SPDX-License-Identifier: Apache-2.0
import os
import re
import sys
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import guest_image  # noqa: E402
import moving  # noqa: E402


# The same again in another policy, mode or step; run with VTPM_MIGRATE=all.
SELDOM = re.compile(r"""
    its_right_along\[(deployment-(direct|tunnelled|strict)|user-(direct|tunnelled))
  | (strict_move_for_virsh|trail_tells_who_moved_it|what_moved_can_be_restarted_there)\[(deployment|user)
  | that_is_off_moves\[deployment | ran_anywhere\[(deployment|user)
  | does_not_move_cold\[(deployment|user) | test_evacuation\[(deployment|user)
  | readably\[(deployment|user)
  | who_may_not_prepare\[(auditor|host-admin) | test_a_draining_source
  | cut_off_when_the_answer_is_due\[(plain-source|strict-destination)
  | called_off_at_a_step\[(source-(marked|offered)|destination-(consented|defined))
  | called_off_at_a_step\[(source-sealed-strict|destination-claimed-plain)
""", re.X)


# What has a meaning under one policy alone.
NOWHERE = re.compile(r"""
    as_soon_as_it_is_there\[(deployment|user) | owes_nothing\[(host|user)
  | it_does_not_start\[(host|user) | before_it_has_the_state\[(host|user)
""", re.X)


def pytest_collection_modifyitems(config, items):
    every = os.environ.get("VTPM_MIGRATE") == "all"
    dropped = [item for item in items
               if NOWHERE.search(item.name) or (SELDOM.search(item.name) and not every)]
    config.hook.pytest_deselected(items=dropped)
    items[:] = [item for item in items if item not in dropped]


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
