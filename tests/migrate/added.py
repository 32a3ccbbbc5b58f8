#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How much longer `virsh migrate` takes than with the secret defined by hand on both hosts.

Guests alike move there and back in turn, one after the other: one with its secret defined by hand
and no hook, the others by the broker. What a move takes varies by more than is looked for; so in
some more moves the time is taken that libvirt waits for the hook, of all its calls together.
Needs root, libvirt, QEMU and the guest's kernel.
"""
import argparse
import json
import secrets
import shutil
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import guest_image  # noqa: E402
import moving  # noqa: E402
import world as bed  # noqa: E402

POLICIES = ("deployment", "host")


@contextmanager
def no_hook(world):
    """No program at all is run by libvirt."""
    hooks = [one.host.disk / "etc/libvirt/hooks/qemu.d/50-vtpm-client" for one in world.hosts]
    away = [hook.parents[2] / hook.name for hook in hooks]
    for hook, place in zip(hooks, away):
        hook.rename(place)
    try:
        yield
    finally:
        for hook, place in zip(hooks, away):
            place.rename(hook)


def timed(guest, source, target):
    """Milliseconds of one move."""
    before = guest.last(source)
    started = time.monotonic()
    guest.move("p2p", source, target)
    took = time.monotonic() - started
    guest.arrived(target, before)
    return took * 1000


@contextmanager
def alone(world, guests, guest):
    """The others are paused: what they do would be measured with it."""
    others = [(one, next(h.host for h in world.hosts if one.name in h.host.running()))
              for one in guests if one is not guest]
    for one, host in others:
        host.virsh("suspend", one.name)
    try:
        yield
    finally:
        for one, host in others:
            host.virsh("resume", one.name)


def one_round(world, guests, first, source, target):
    """Each moves once; who is first goes by the round."""
    took = {}
    for name in (*list(guests)[first:], *list(guests)[:first]):
        guest = guests[name]
        with alone(world, guests.values(), guest):
            if name == "by hand":
                with no_hook(world):
                    took[name] = timed(guest, source, target)
                continue
            took[name] = timed(guest, source, target)
            guest.settled("closed")
    return took


def time_hooks(world):
    for one in world.hosts:
        shutil.copy(bed.HOOK, one.host.disk / "run/real-hook")
        subprocess.run(["gcc", "-O2", "-o",
                        one.host.disk / "etc/libvirt/hooks/qemu.d/50-vtpm-client",
                        bed.HERE / "hook_timer.c"], check=True)


def hook_ms(world, guest, source, target):
    """Milliseconds of all calls of the hook in one move, on both hosts."""
    notes = [one.host.disk / "run/hook-times" for one in world.hosts]
    for path in notes:
        path.unlink(missing_ok=True)
    timed(guest, source, target)
    guest.settled("closed")
    return sum(float(line.split()[2]) for path in notes for line in path.read_text().splitlines())


def measure_hooks(world, guests, moves):
    time_hooks(world)
    took = {policy: [] for policy in POLICIES}
    for policy in POLICIES:
        source, target = guests[policy].where()
        with alone(world, guests.values(), guests[policy]):
            for _ in range(moves):
                took[policy].append(hook_ms(world, guests[policy], source, target))
                source, target = target, source
    return took


def measure(world, pairs):
    by_hand = moving.Bare(world)
    value = secrets.token_hex(32)
    for one in world.hosts:
        by_hand.give(one, value)
    guests = {"by hand": by_hand, **{policy: world.guest(policy) for policy in POLICIES}}
    for guest in guests.values():
        guest.start()
    source, target = world.hosts
    rounds = []
    for n in range(pairs + 1):
        rounds.append(one_round(world, guests, n % len(guests), source, target))
        source, target = target, source
    # The first is for caches.
    return rounds[1:], measure_hooks(world, guests, pairs)


def row(name, against, took, whole):
    return {"name": name, "against": against, "ratio": None, "low": round(min(took), 1),
            "high": round(max(took), 1), "value": round(statistics.median(took), 1), "unit": "ms",
            "connections": None, "p50_us": round(statistics.median(whole) * 1000),
            "p99_us": round(max(whole) * 1000), "cpu_us": None}


def added_row(policy, rounds):
    added = [one[policy] - one["by hand"] for one in rounds]
    ours = [one[policy] for one in rounds]
    return row("migrate_added", f"by hand ({policy})", added, ours)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    world = moving.World()
    try:
        rounds, hooks = measure(world.open(), args.pairs)
    except guest_image.Missing as why:
        sys.exit(str(why))
    finally:
        world.close()
    rows = [added_row(policy, rounds) for policy in POLICIES]
    rows += [row("migrate_hooks", policy, took, took) for policy, took in hooks.items()]
    if args.json:
        print(json.dumps({"rows": rows}))
    else:
        for r in rows:
            print(f"{r['name']} {r['against']}: {r['value']} ms, {r['low']} to {r['high']} in "
                  f"{args.pairs} pairs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
