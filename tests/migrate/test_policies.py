# SPDX-License-Identifier: Apache-2.0
"""virsh migrate moves a guest of each policy, its TPM and the right to its secret along."""
import pytest

import moving

# Without --undefinesource libvirt leaves the TPM's state behind, and the agent wipes it.
KEEPS_DOMAIN = ["--live", "--persistent"]


def copies_of(policy):
    return 1 if policy == "host" else 0


def has_moved(guest, source, target, before, epoch):
    """All that holds once a guest has gone from one host to the other."""
    guest.arrived(target, before)
    handover = guest.settled("closed")
    assert guest.placed() == (target.name, epoch + 1)
    assert handover["source"]["name"] == source.name
    assert handover["destination"]["name"] == target.name
    left, brought = guest.keys(source), guest.keys(target)
    assert left == ([], [], []), f"left on {source.name}: {left}"
    assert brought.secrets == [] and brought.states == ["tpm2-00.permall"]
    assert len(brought.copies) == copies_of(guest.policy)
    assert guest.ran_twice() == []
    return handover


@pytest.mark.parametrize("how", [*moving.HOWS, "strict"])
def test_a_guest_moves_and_its_right_along(world, guest, how):
    source, target = guest.where()
    before, epoch, number = guest.last(source), guest.placed()[1], guest.number()
    if how == "direct":
        guest.prepare(target)
    flags = KEEPS_DOMAIN if how == "p2p" else moving.FLAGS
    guest.move(how, source, target, flags=flags)
    handover = has_moved(guest, source, target, before, epoch)
    assert handover["number"] == number + 1 
    assert handover["mode"] == ("strict" if how == "strict" else "plain")
    if how == "p2p":
        assert guest.state(source).startswith("shut off")


def test_an_operator_prepares_a_strict_move_for_virsh(guest):
    """It arrives paused, and the agent there lets it run once the broker has committed."""
    source, target = guest.where()
    before, epoch = guest.last(source), guest.placed()[1]
    guest.prepare(target, mode="strict")
    guest.move("p2p", source, target, "--suspend")
    has_moved(guest, source, target, before, epoch)


@pytest.mark.parametrize("form", ["--direct", "--tunnelled"])
def test_a_strict_move_in_another_form(guest, form):
    source, target = guest.where()
    before, epoch = guest.last(source), guest.placed()[1]
    guest.move("strict", source, target, form)
    assert has_moved(guest, source, target, before, epoch)["mode"] == "strict"


def test_the_trail_tells_who_moved_it(guest):
    source, target = guest.where()
    before, epoch, seen = guest.last(source), guest.placed()[1], len(guest.audit())
    guest.move("p2p", source, target)
    has_moved(guest, source, target, before, epoch)
    found = sorted(guest.audit(), key=lambda r: r["seq"])[seen:]
    told = [(r["verb"], r["reason"], r["subject"]) for r in found]
    for told_of in [("handover.prepare", "allowed", source.name),
                    ("handover.offer", "allowed", source.name),
                    ("handover.claim", "allowed", target.name),
                    ("handover.say", "running", target.name),
                    ("handover.say", "wiped", source.name)]:
        assert told_of in told, told
    assert all(r["verdict"] == "allowed" for r in found)


def test_what_moved_can_be_restarted_there(world, guest):
    source, target = guest.where()
    before, epoch = guest.last(source), guest.placed()[1]
    guest.move("p2p", source, target)
    has_moved(guest, source, target, before, epoch)
    target.host.virsh("destroy", guest.name)
    if guest.policy == "user":
        assert "permit" in target.host.virsh("start", guest.name, check=False).stderr
        guest.permit()
    now = guest.start(target)
    assert now.nv == before.nv and now.pcr != before.pcr


def test_two_guests_cross(world, guests):
    one, other = guests("host"), guests("deployment")
    if one.where()[0] is other.where()[0]:
        source, target = one.where()
        one.move("p2p", source, target)
        one.settled("closed")
    (source, target), epochs = one.where(), (one.placed()[1], other.placed()[1])
    earlier = one.last(source), other.last(target)
    with one.moves("p2p", source, target) as end, other.moves("p2p", target, source) as end_other:
        said, said_other = end(), end_other()
    # libvirtd is then connected to one other host only, both ways.
    assert (said.returncode, said_other.returncode) == (0, 0), said.stderr + said_other.stderr
    has_moved(one, source, target, earlier[0], epochs[0])
    has_moved(other, target, source, earlier[1], epochs[1])
