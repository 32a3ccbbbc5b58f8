# SPDX-License-Identifier: Apache-2.0
"""The kernel and the one program of the guest that is moved.

Debian's kernel is downloaded, not installed, and kept in the build folder; the program is built
each time. `files` raises Missing where the kernel cannot be had.
"""
import gzip
import os
import platform
import re
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
APT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
SECONDS = 300


class Missing(Exception):
    """Why there is no kernel."""


def run(*words, cwd=None):
    return subprocess.run([str(w) for w in words], capture_output=True, check=False, cwd=cwd,
                          env=APT, stdin=subprocess.DEVNULL, timeout=SECONDS)


def package():
    """The package that linux-image-amd64 stands for."""
    shown = run("apt-cache", "show", "--no-all-versions", "linux-image-amd64").stdout.decode()
    found = re.search(r"^Depends: (linux-image-[^ ,]+)", shown, re.M)
    return found and found[1]


def download(folder):
    """Its file, with the lists of packages that there are, or else with new ones."""
    for again in (False, True):
        if again:
            run("apt-get", "update", "-qq", "-o", "Acquire::http::Timeout=20")
        name = package()
        done = run("apt-get", "download", "-qq", name, cwd=folder) if name else None
        files = list(Path(folder).glob("linux-image-*.deb"))
        if files:
            return files[0]
    raise Missing("Debian's kernel cannot be had: "
                  + (done.stderr.decode().strip()[-200:] if done else "no linux-image-amd64"))


def unpack(deb, folder):
    """Of the package only the kernel."""
    with subprocess.Popen(["dpkg", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as tar:
        subprocess.run(["tar", "-x", "-C", folder, "--wildcards", "./boot/vmlinuz-*"], check=True,
                       stdin=tar.stdout)
    return next(Path(folder).glob("boot/vmlinuz-*"))


def kernel(cache):
    if platform.machine() != "x86_64":
        raise Missing("the guest's kernel is for x86_64")
    cache.mkdir(parents=True, exist_ok=True)
    kept = cache / "vmlinuz"
    if not kept.exists():
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            unpack(download(folder), folder).replace(kept)
    return kept


def entry(number, name, mode, data=b""):
    """One file of a cpio archive of the kind that kernels take ("newc")."""
    raw = name.encode() + b"\0"
    fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(raw), 0]
    head = b"070701" + b"".join(b"%08x" % f for f in fields) + raw
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def initramfs(path):
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "init"
        subprocess.run(["gcc", "-static", "-Os", "-s", "-Wall", "-Wextra", "-Werror", "-o", program,
                        HERE / "guest_init.c"], check=True)
        data = program.read_bytes()
    path.write_bytes(gzip.compress(entry(1, "init", 0o100755, data)
                                   + entry(0, "TRAILER!!!", 0), 1))
    return path


def files(folder, build):
    """Kernel and initramfs: paths."""
    return kernel(build / "guest"), initramfs(Path(folder) / "initramfs.gz")


if __name__ == "__main__":
    print(*files(tempfile.mkdtemp(), Path(os.environ["VTPM_BUILD"])))
