# SPDX-License-Identifier: Apache-2.0
"""A guest that is off moves with its TPM's state; one whose host has died is evacuated."""
import shutil

import pytest

import moving
import world as bed


@pytest.fixture(params=["host", "deployment", "user"])
def on(world, request):
    """A guest that runs on h1, and never ran elsewhere."""
    guest = world.guest(request.param)
    try:
        guest.nv = guest.start().nv
        yield guest
    finally:
        world.repair()
        guest.end()


@pytest.fixture
def off(world, on):
    """A guest that has run on h1, and is off."""
    world.a.host.virsh("destroy", on.name)
    world.a.no_reports_wait()
    return on


def cold(guest, source, target, *options, check=True):
    return bed.run(*source.host.words(bed.CLIENT, "migrate", "--cold", *options, guest.name,
                                      target.name, moving.uri(target)),
                   env=guest.world.env, check=check, seconds=25)


def test_a_guest_that_is_off_moves(world, off):
    source, target = world.a, world.b
    if off.policy == "user":
        assert "grant" in cold(off, source, target, check=False).stderr
        assert off.tpm_state(source).exists() and not off.tpm_state(target).exists()
        off.grant(*world.hosts, purpose="cold-migrate")
    cold(off, source, target)
    assert off.handover()["state"] == "committed" and off.placed() == (target.name, 2)
    assert off.tpm_state(source).exists(), "nobody has proven that it runs there"
    assert source.host.virsh("start", off.name, check=False).returncode != 0
    if off.policy == "user":
        off.permit()
    assert off.start(target).nv == off.nv
    assert off.settled("closed")["ran_there"]
    assert off.keys(source) == ([], [], [])
    assert len(off.keys(target).copies) == (1 if off.policy == "host" else 0)


def test_back_before_it_ran_anywhere(world, off):
    """What the first host kept is not wiped: nobody has run it since."""
    if off.policy == "user":
        off.grant(*world.hosts, purpose="cold-migrate")
    # That the first copy was erased is told late, and not taken for the second.
    with world.a.steps.held("reporting"):
        cold(off, world.a, world.b)
        cold(off, world.b, world.a)
    assert off.placed() == ("h1", 3)
    if off.policy == "user":
        off.permit()
    assert off.start(world.a).nv == off.nv


def test_a_start_as_soon_as_it_is_there(world, off):
    """Before the destination's agent has done all that it does after a move."""
    with world.b.steps.held("said"):
        cold(off, world.a, world.b)
        assert off.start(world.b).nv == off.nv
    off.settled()
    assert off.running_on() == {"h2"}
    assert len(off.keys(world.b).copies) == 1


def test_placed_back_the_first_host_owes_nothing(world, off):
    """It starts there again, and what is left of its departure is not about that start."""
    cold(off, world.a, world.b)
    world.b.no_reports_wait()
    bed.until(lambda: not off.open_record(world.b), "h2 is done with it")
    world.ctl("operator", "instance", "place", off.id, "h1")
    off.define(world.a)
    assert off.start(world.a).nv == off.nv
    assert off.open_record(world.a) == ""
    world.a.host.virsh("suspend", off.name)  # the agent looks at each event
    world.a.host.virsh("resume", off.name)
    world.a.no_reports_wait()
    said = world.ctl("operator", "instance", "place", off.id, "h2", check=False)
    assert said.returncode != 0, "it runs on h1"
    assert off.ticking() == {"h1"}


def test_placed_back_without_its_state_it_does_not_start(world, off):
    """What stayed behind is older than what the guest has done since."""
    with world.a.steps.held("wiping"):
        cold(off, world.a, world.b)
        assert off.start(world.b).nv == off.nv
        world.a.steps.reached("wiping")
        world.a.kill_agent()
    world.b.host.virsh("destroy", off.name)
    world.b.no_reports_wait()
    world.ctl("operator", "instance", "place", off.id, "h1")
    world.a.start_agent()
    off.define(world.a)
    said = world.a.host.virsh("start", off.name, check=False)
    assert said.returncode != 0 and "left behind" in said.stderr
    shutil.copytree(off.tpm_state(world.b).parent, off.tpm_state(world.a).parent,
                    dirs_exist_ok=True)
    shutil.chown(off.tpm_state(world.a), "tss", "tss")
    assert off.start(world.a).nv == off.nv


def test_the_destination_is_lost_before_it_has_the_state(world, off):
    """Nobody but the source can have the guest, once the other host is off for good."""
    with world.b.steps.held("claimed"):
        off.prepare(world.b, mode="cold")
        world.b.steps.reached("claimed")
        world.b.kill_agent()
    off.abort()
    try:
        bed.until(lambda: off.handover()["source_said"] == "keep", "the source keeps it")
        assert off.resolve(world.a, check=False).returncode != 0, "h2 is not fenced"
        world.ctl("host-admin", "host", "fence", "h2")
        off.resolve(world.a)
        bed.until(lambda: not off.open_record(world.a), "h1 is done with it")
        assert off.start(world.a).nv == off.nv
    finally:
        world.ctl("host-admin", "host", "unfence", "h2")
        world.repair()
    off.settled("aborted")
    assert off.ticking() == {"h1"} and off.keys(world.b) == ([], [], [])


def test_evacuation(world, on):
    """The host is off and fenced; somebody has its disk, and brings the state along."""
    world.a.no_reports_wait()
    world.shut_down(world.a)
    try:
        said = world.ctl("operator", "instance", "place", on.id, "h2", check=False)
        assert said.returncode != 0
        world.ctl("host-admin", "host", "fence", "h1")
        world.ctl("operator", "instance", "place", on.id, "h2", "--host-is-off")
        state = on.tpm_state(world.b).parent
        state.parent.mkdir(mode=0o711, parents=True)
        shutil.copytree(on.tpm_state(world.a).parent, state)
        for path in (state, *state.iterdir()):
            shutil.chown(path, "tss", "tss")
        on.define(world.b)
        bed.until(lambda: world.b.status()["libvirt"] == "up", "h2 serves libvirt")
        if on.policy != "deployment":
            assert "permit" in world.b.host.virsh("start", on.name, check=False).stderr
            on.permit()
        assert on.start(world.b).nv == on.nv
    finally:
        world.boot(world.a)
        world.ctl("host-admin", "host", "unfence", "h1")
        world.a.start_agent()
    bed.until(lambda: not on.keys(world.a).copies, "the old host erases its copy")
    assert on.ticking() == {"h2"}


def test_a_running_guest_does_not_move_cold(guest):
    source, target = guest.where()
    before, placed = guest.last(source), guest.placed()
    assert cold(guest, source, target, check=False).returncode != 0
    guest.arrived(source, before)
    assert guest.placed() == placed and not guest.tpm_state(target).exists()
