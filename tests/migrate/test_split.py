# SPDX-License-Identifier: Apache-2.0
"""The network breaks at the end of a move: no guest runs twice, and none is lost.

libvirt itself ends with the guest on both hosts when its last answer is lost. A strict move never
lets it; in a plain one it lasts until the source's agent has seen it.
"""
import pytest

import moving
import world as bed

WINDOW = 15  # ticks that a plain move may make twice: 3 seconds, on a busy machine
STRICT = ["--suspend"]
NOBODY, ONLY_THEM, SOURCE, DESTINATION = (), ("h1", "h2"), "source", "destination"


@pytest.fixture
def guest(world, guests):
    yield guests("host")
    world.repair()


def cut(world, source, target, who):
    """Between the two; or one of them from everybody."""
    world.wire.cut(source.name, target.name)
    if who == SOURCE:
        world.wire.cut(source.name, "broker")
    if who == DESTINATION:
        world.wire.cut(target.name, "broker")


def broken(world, guest, mode, step, who):
    """A move of which a link breaks at that step: (source, target, last tick before)."""
    source, target = guest.where()
    before = guest.last(source)
    options = STRICT if mode == "strict" else []
    if mode == "strict":
        guest.prepare(target, mode="strict")
    with target.steps.held(step):
        with guest.moves("p2p", source, target, *options, port=moving.RELAY_PORT) as end:
            target.steps.reached(step)
            cut(world, source, target, who)
            end()
    return source, target, before


def settles(guest, before, source, target):
    """One guest runs, where the broker says; the TPM is the one that it was."""
    handover = guest.settled("closed", "aborted")
    home = target if handover["state"] == "closed" else source
    other = source if home is target else target
    bed.until(lambda: guest.ticking() == {home.name}, "it runs where it is placed, alone")
    now = guest.last(home)
    assert (now.nv, now.pcr) == (before.nv, before.pcr)
    assert guest.placed()[0] == home.name
    assert guest.keys(other) == ([], [], [])
    assert len(guest.keys(home).copies) == 1 and guest.keys(home).secrets == []
    return handover


@pytest.mark.parametrize("mode", ["plain", "strict"])
@pytest.mark.parametrize("step", ["finish", "answer"])
def test_the_link_between_the_hosts_breaks(world, guest, mode, step):
    source, target, before = broken(world, guest, mode, step, ONLY_THEM)
    handover = settles(guest, before, source, target)
    assert len(guest.ran_twice()) <= (WINDOW if (mode, step) == ("plain", "answer") else 0)
    if step == "finish":
        assert handover["state"] == "aborted"
    world.wire.mend()
    assert guest.ticking() == {guest.placed()[0]}


@pytest.mark.parametrize("mode, who", [("plain", SOURCE), ("plain", DESTINATION),
                                       ("strict", SOURCE), ("strict", DESTINATION)])
def test_a_host_is_cut_off_when_the_answer_is_due(world, guest, mode, who):
    source, target, before = broken(world, guest, mode, "answer", who)
    twice = set(guest.ran_twice())
    # What it is now, it is until the link is back: nobody assumes anything.
    bed.until(lambda: len(guest.running_now()) <= 1, "at most one runs")
    assert len(guest.ran_twice()) <= (WINDOW if mode == "plain" else 0), twice
    world.wire.mend()
    settles(guest, before, source, target)
    assert len(guest.ran_twice()) <= (WINDOW if mode == "plain" else 0)


# ---- called off ----

STEPS = [("source", "marked"), ("source", "sealed"), ("source", "offered"),
         ("destination", "consented"), ("destination", "claimed"), ("destination", "defined")]


@pytest.mark.parametrize("mode", ["plain", "strict"])
@pytest.mark.parametrize("side, step", STEPS)
def test_called_off_at_a_step(world, guest, mode, side, step):
    source, target = guest.where()
    before = guest.last(source)
    if mode == "strict":
        guest.prepare(target, mode="strict")
    one = source if side == "source" else target
    with one.steps.held(step):
        with guest.moves("p2p", source, target, *(STRICT if mode == "strict" else [])) as end:
            one.steps.reached(step)
            guest.abort()
            one.steps.let_go(step)
            said = end()
    handover = settles(guest, before, source, target)
    assert guest.ran_twice() == []
    if handover["state"] == "aborted":
        assert said.returncode != 0, "virsh says that it moved, the broker that it did not"


def test_called_off_once_it_has_gone(world, guest):
    """The destination runs it already: its claim stands."""
    source, target = guest.where()
    before = guest.last(source)
    with target.steps.held("answer"), target.steps.held("said"):
        with guest.moves("p2p", source, target, port=moving.RELAY_PORT) as end:
            target.steps.reached("answer")
            guest.abort(check=False)
            target.steps.let_go()
            end()
    assert settles(guest, before, source, target)["state"] == "closed"
    assert guest.ran_twice() == []
