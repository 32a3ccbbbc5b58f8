#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How long the hook takes on a real `virsh start`: its own wall time at `prepare begin`.

Needs root, libvirt and QEMU, as the other tests here do.
"""
import argparse
import json
import shutil
import statistics
import subprocess
import sys

import world as bed


def times_of(world, guest, runs):
    notes = world.host.disk / "run/hook-times"
    for _ in range(runs):
        guest.start()
        guest.stop()
    took = [line.split() for line in notes.read_text().splitlines()]
    notes.unlink()
    return [float(ms) for op, sub, ms in took if (op, sub) == ("prepare", "begin")]


class Plain:
    """A guest without a TPM: what the hook costs those who do not need it."""

    def __init__(self, world):
        self.host, self.name = world.host, "plain"
        bed.define(world.host, self.name, bed.new_id())

    start, stop = bed.Guest.start, bed.Guest.stop


def measure(runs):
    world = bed.World()
    try:
        world.open()
        shutil.copy(bed.HOOK, world.host.disk / "run/real-hook")
        subprocess.run(["gcc", "-O2", "-o",
                        world.host.disk / "etc/libvirt/hooks/qemu.d/50-vtpm-client",
                        bed.HERE / "hook_timer.c"], check=True)
        guest = world.guest("deployment")
        guest.start()
        guest.stop()
        times_of(world, guest, 1)
        return times_of(world, guest, runs), times_of(world, Plain(world), runs)
    finally:
        world.close()


def row(name, against, took):
    return {"name": name, "against": against, "ratio": None, "low": min(took), "high": max(took),
            "value": statistics.median(took), "unit": "ms", "connections": 1,
            "p50_us": round(statistics.median(took) * 1000),
            "p99_us": round(sorted(took)[max(0, -(-len(took) * 99 // 100) - 1)] * 1000),
            "cpu_us": None}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    released, plain = measure(args.runs)
    rows = [row("hook_start", "release", released), row("hook_start", "no TPM", plain)]
    if args.json:
        print(json.dumps({"rows": rows}))
    else:
        for r in rows:
            print(f"{r['name']} ({r['against']}): {r['value']:.1f} ms, {r['low']:.1f} to "
                  f"{r['high']:.1f} in {args.runs} starts")
    return 0


if __name__ == "__main__":
    sys.exit(main())
