# SPDX-License-Identifier: Apache-2.0
"""What the hook adds to `virsh start`: its own wall time, in a host made of namespaces."""
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[1] / "e2e/hook_start.py"
NAMES = {"release": "hook_start", "no TPM": "hook_start_plain"}


def rows(_build, pairs):
    """Needs root, libvirtd and QEMU."""
    if os.geteuid() != 0 or not shutil.which("libvirtd"):
        print("bench: no row `hook_start`: it needs root and libvirtd", file=sys.stderr)
        return []
    done = subprocess.run([sys.executable, str(SCRIPT), "--json", "--runs", str(2 * pairs)],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit("bench: hook_start: " + done.stderr[-2000:])
    found = json.loads(done.stdout)["rows"]
    return [{**r, "name": NAMES[r["against"]], "against": None, "low": None, "high": None,
             "value": round(r["value"], 2), "connections": None} for r in found]
