# SPDX-License-Identifier: Apache-2.0
"""The test bed itself: what it shows of a move is so, with secrets that were defined by hand."""
import base64
import secrets

import pytest

import moving

VALUE = secrets.token_hex(32)


@pytest.fixture(scope="module")
def guest(world):
    made = moving.Bare(world)
    try:
        made.give(world.a, VALUE)
        made.give(world.b, VALUE)
        made.start()
        yield made
    finally:
        made.end()


@pytest.mark.parametrize("how", moving.HOWS)
def test_a_tpm_moves_there_and_back(world, guest, how):
    for _ in range(2):
        source, target = guest.where()
        before = guest.last(source)
        assert "error" not in before.nv + before.pcr
        guest.move(how, source, target)
        guest.arrived(target, before)
        assert guest.state(target) == "running (migrated)" and guest.state(source) == ""


def test_what_is_on_a_host_is_counted(world, guest):
    source, target = guest.where()
    assert guest.keys(source) == ([guest.secret], [], ["tpm2-00.permall"])
    assert guest.keys(target) == ([guest.secret], [], [])


@pytest.mark.parametrize("value", [None, "another value"])
def test_without_the_right_secret_it_stays(world, guest, value):
    source, target = guest.where()
    before = guest.last(source)
    guest.take(target)
    if value:
        guest.give(target, value)
    try:
        assert guest.move("p2p", source, target, check=False).returncode != 0
        guest.arrived(source, before)
        assert guest.state(target) == "" and guest.keys(target).states == []
    finally:
        guest.take(target)
        guest.give(target, VALUE)


def test_the_end_of_a_move_is_held(world, guest):
    source, target = guest.where()
    before = guest.last(source)
    with target.steps.held("finish"), target.steps.held("answer"):
        with guest.moves("p2p", source, target, port=moving.RELAY_PORT) as end:
            target.steps.reached("finish")
            guest.became(source, "paused (migrating)")
            assert guest.lines(target) == 0 or guest.last(target).count <= before.count
            target.steps.let_go("finish")
            target.steps.reached("answer")
            assert guest.ticking() == {target.name}
            guest.became(source, "paused (migrating)")
            target.steps.let_go("answer")
            assert end().returncode == 0
    guest.arrived(target, before)
    assert guest.ran_twice() == []


@pytest.mark.parametrize("one, other", [("h1", "h2"), ("h1", "broker"), ("h2", "broker")])
def test_the_network_is_cut_between_two_and_mended(world, one, other):
    machines = {"h1": world.a.host, "h2": world.b.host, "broker": world.wire}
    (third,) = set(machines) - {one, other}
    with world.wire.without(one, other):
        assert not world.wire.hears(machines[one], other)
        assert world.wire.hears(machines[one], third) and world.wire.hears(machines[other], third)
        with world.wire.without(one, third):
            assert not world.wire.hears(machines[one], third)
            assert world.wire.hears(machines[other], third)
    assert world.wire.hears(machines[one], other) and world.wire.hears(machines[one], third)


def test_what_passes_is_recorded(world, guest):
    source, target = guest.where()
    with world.wire.recorded(world.folder) as tape:
        guest.move("p2p", source, target)
    # The guest's memory, where its command line is, crosses in clear; its secret does not.
    assert tape.holds(f"mark={guest.id}".encode()) and tape.size() > 1 << 20
    for form in (VALUE.encode(), base64.b64encode(VALUE.encode()), bytes.fromhex(VALUE)):
        assert tape.holds(form) == []


def test_a_killed_emulator_is_seen_and_the_next_boot_has_the_same_tpm(world, guest):
    one, _ = guest.where()
    before = guest.last(one)
    guest.kill_qemu(one)
    guest.became(one, "shut off (crashed)")
    assert guest.running_on() == set()
    now = guest.start(one)
    assert now.nv == before.nv and now.pcr != before.pcr
