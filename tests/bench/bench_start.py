# SPDX-License-Identifier: Apache-2.0
"""What the hook adds to `virsh start`: its own wall time, of all its calls in one start."""
import os
import shutil
import statistics
import sys
from pathlib import Path

OPERATIONS = ("prepare", "start", "started")  # what libvirt waits for before a guest runs
STARTS_PER_PAIR = 3


def times_of(path):
    """Microseconds of each call since the file was emptied."""
    found = {}
    for line in path.read_text().splitlines():
        operation, us = line.split()
        found[operation] = found.get(operation, 0) + int(us)
    path.write_text("")
    return found


def install_timer(host, build):
    hooks = host.disk / "etc/libvirt/hooks"
    hook = hooks / "qemu.d/50-vtpm-client"
    shutil.move(hook, hooks / "vtpm-client-hook.real")
    shutil.copy(Path(build) / "tests/bench/hook-timer", hook)
    times = host.disk / "var/log/hook-times"
    times.write_text("")
    return times


def starts(world, build, count):
    """Microseconds of the hook in each start, in a world where guests really start."""
    times = install_timer(world.host, build)
    guest = world.guest("deployment")
    guest.start()  # makes the TPM; not measured
    made = []
    for _ in range(count):
        guest.stop()
        times.write_text("")
        guest.start()
        found = times_of(times)
        made.append(sum(found.get(o, 0) for o in OPERATIONS))
    guest.stop()
    return made


def rows(build, pairs):
    """Needs root, libvirtd and QEMU: a compute host in namespaces of its own."""
    if os.geteuid() != 0 or not shutil.which("libvirtd"):
        print("bench: no row `hook_start`: it needs root and libvirtd", file=sys.stderr)
        return []
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
    import world as bed  # pylint: disable=import-outside-toplevel,import-error
    world = bed.World()
    try:
        made = sorted(starts(world.open(), build, pairs * STARTS_PER_PAIR))
    finally:
        world.close()
    return [{"name": "hook_start", "against": None, "ratio": None, "low": None, "high": None,
             "value": round(statistics.median(made) / 1000, 2), "unit": "ms", "connections": None,
             "p50_us": int(statistics.median(made)), "p99_us": made[len(made) * 99 // 100],
             "cpu_us": None}]
