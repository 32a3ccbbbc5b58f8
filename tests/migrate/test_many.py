# SPDX-License-Identifier: Apache-2.0
"""A guest goes back and forth as fast as it can; its secret crosses no wire in a readable form."""
import base64
import os
import time

import pytest

MOVES = int(os.environ.get("VTPM_MOVES", "0"))  # 0: as many as there is time for
SECONDS = 15
MARK = b"MARKED-secret-of-a-guest-that-moves-0123456789ab"  # a multiple of three: one base64


def forms(value):
    """In which the value could be read by whoever listens."""
    found = [value, value.hex().encode(), value.hex().upper().encode()]
    for skip in range(3):  # wherever it begins within a longer text
        whole = value[skip:len(value) - (len(value) - skip) % 3]
        found += [base64.b64encode(whole), base64.urlsafe_b64encode(whole)]
    return found


@pytest.fixture(params=["host", "deployment", "user"])
def marked(world, request):
    """A guest of which the secret is known, by the owner's own choice."""
    value = world.folder / "marked"
    value.write_bytes(MARK)
    guest = world.guest(request.param, create=["--upload", value])
    value.unlink()
    guest.grants_all_moves()
    try:
        guest.nv = guest.start().nv
        yield guest
    finally:
        guest.end()
        world.repair()


def one_move(guest, how):
    source, target = guest.host(), guest.world.other(guest.host())
    if how == "direct":
        guest.prepare(target)
    guest.move(how, source, target)
    return source, target


def test_no_link_carries_the_secret_readably(world, marked):
    with world.wire.recorded(world.folder) as tape:
        for how in ("p2p", "direct", "tunnelled", "p2p"):
            one_move(marked, how)
            marked.settled("closed")
        world.ctl("owner", "instance", "show", marked.id)
    heard = {end.partition(":")[0] for pair in tape.streams for end in pair}
    assert heard >= {"10.99.0.1", "10.99.0.2", "10.99.0.3"}
    assert tape.holds(f"mark={marked.id}".encode()), "the guest's memory was not recorded"
    for form in forms(MARK):
        assert tape.holds(form) == [], form


def test_back_and_forth(world, guests):
    guest = guests("host")
    source, target = guest.where()
    before, epoch, number = guest.last(source), guest.placed()[1], guest.number()
    end, moved = time.monotonic() + SECONDS, 0
    while moved < MOVES if MOVES else time.monotonic() < end:
        guest.move("p2p", source, target)
        guest.settled("closed")
        moved += 1
        assert (len(guest.keys(source).copies), len(guest.keys(target).copies)) == (0, 1)
        assert guest.keys(source).secrets == guest.keys(target).secrets == []
        source, target = target, source
    guest.arrived(source, before)
    assert guest.placed() == (source.name, epoch + moved) and guest.number() == number + moved
    assert guest.ran_twice() == []
    print(f"{moved} moves")
    assert moved >= 4
