# SPDX-License-Identifier: Apache-2.0
"""What the broker adds to `virsh migrate`, against secrets defined by hand on both hosts.

value, low and high are milliseconds added; the times of whole moves are p50_us and p99_us. The rows
`migrate_hooks` are what of it libvirt waits for the hook, its start and the measuring included.
"""
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[1] / "migrate/added.py"
PAIRS = 20


def rows(_build, pairs):
    """Needs root, libvirtd and QEMU."""
    if os.geteuid() != 0 or not shutil.which("libvirtd"):
        print("bench: no row `migrate_added`: it needs root and libvirtd", file=sys.stderr)
        return []
    done = subprocess.run([sys.executable, str(SCRIPT), "--json", "--pairs",
                           str(max(pairs, PAIRS))], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit("bench: migrate_added: " + done.stderr[-2000:])
    return json.loads(done.stdout)["rows"]
