# SPDX-License-Identifier: Apache-2.0
"""The source has consented at `migrate begin`, and no `prepare begin` fetches the key."""
from contextlib import contextmanager

import pytest

import world as bed


@contextmanager
def after_the_consent(one, command):
    """Another hook of that host, called after ours has got the consent."""
    hook = one.host.add_hook("60-between", f"""#!/bin/sh
exec >/dev/null
[ "$2 $3" = "migrate begin" ] || exit 0
{command}
""")
    try:
        yield
    finally:
        hook.unlink()


@pytest.fixture
def guest(world, guests):
    yield guests("host")
    world.repair()


def stays(guest, source, before):
    """Nothing came of it, and the next move goes as if nothing had been."""
    target = guest.world.other(source)
    assert guest.settled("aborted")["destination_said"] in (None, "")
    now = guest.arrived(source, before)
    assert guest.keys(target) == ([], [], [])
    guest.move("p2p", source, target)
    guest.arrived(target, now)
    guest.settled("closed")


def test_libvirt_does_not_take_it_up(guest):
    source, target = guest.where()
    before = guest.last(source)
    with after_the_consent(target, "echo not here >&2; exit 1"):
        said = guest.move("p2p", source, target, check=False)
    assert said.returncode != 0 and "not here" in said.stderr
    stays(guest, source, before)


def test_the_agent_is_restarted(guest):
    """What it was told is gone with it: it asks anew, and that this cannot be answered is said."""
    source, target = guest.where()
    before = guest.last(source)
    restarted = target.host.disk / "run/restarted"
    wait = "kill -KILL $(pidof vtpm-client); until [ -e /run/restarted ]; do sleep 0.1; done"
    with after_the_consent(target, wait), guest.moves("p2p", source, target) as end:
        bed.until(lambda: not target.is_up(), "the agent is killed")
        target.start_agent()
        restarted.touch()
        said = end()
    restarted.unlink()
    assert said.returncode != 0 and "vtpm-client: " in said.stderr
    stays(guest, source, before)
