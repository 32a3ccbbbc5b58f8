# SPDX-License-Identifier: Apache-2.0
"""The kernel and the one program of the guest that is moved, in one file.

Debian's kernel is downloaded, not installed, and kept in the build folder; the program is built
each time. An emulator takes seconds to unpack a kernel at each boot, so that is done here, and
QEMU starts the kernel's own file (ELF). The program (initramfs) is one more segment of that: QEMU
would put it over the ACPI tables. `file` raises Missing where the kernel cannot be had.
"""
import fcntl
import gzip
import lzma
import os
import platform
import re
import struct
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
APT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
SECONDS = 300
XZ = b"\xfd7zXZ\0"
PROGRAM_AT, PROGRAM_ROOM = 0x5800000, 0x80000  # above the kernel, in 96 MiB; zeroes follow it
# Where the program is; and what a guest under an emulator need not do before its first tick: tests
# of algorithms and page tables, patches of code, tracing, lists of caches and certificates.
WORDS = (f"memmap={PROGRAM_ROOM:#x}${PROGRAM_AT:#x} initrdmem={PROGRAM_AT:#x},{PROGRAM_ROOM:#x} "
         "console=ttyS0 quiet panic=-1 nokaslr mitigations=off cryptomgr.notests noreplace-smp "
         "rodata=off initcall_blacklist=init_kprobe_trace,slab_sysfs_init,"
         "load_system_certificate_list")


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


def unpacked(packed):
    """The kernel itself; the header says where it lies (Documentation/x86/boot.rst)."""
    offset, length = struct.unpack_from("<II", packed, 0x248)
    start = 512 * ((packed[0x1f1] or 4) + 1) + offset
    if not packed[start:].startswith(XZ):
        raise Missing("Debian's kernel is packed in another way than it was")
    return lzma.LZMADecompressor().decompress(packed[start:start + length])


def with_segment(elf, data, address):
    """One more, at a physical address: the table of segments is at the end then."""
    (table,), (size, count) = struct.unpack_from("<Q", elf, 32), struct.unpack_from("<HH", elf, 54)
    at = len(elf) + -len(elf) % 4096
    segment = struct.pack("<IIQQQQQQ", 1, 4, at, address, address, len(data), len(data), 4096)
    whole = bytearray(elf + bytes(at - len(elf)) + data)
    struct.pack_into("<Q", whole, 32, len(whole))
    struct.pack_into("<H", whole, 56, count + 1)
    return bytes(whole) + elf[table:table + size * count] + segment


def kernel(cache):
    if platform.machine() != "x86_64":
        raise Missing("the guest's kernel is for x86_64")
    cache.mkdir(parents=True, exist_ok=True)
    kept = cache / "vmlinuz"
    with open(cache / "lock", "w") as lock:  # one downloads it, others wait for that
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            with tempfile.TemporaryDirectory(dir=cache) as folder:
                unpack(download(folder), folder).replace(kept)
    return unpacked(kept.read_bytes())


def entry(number, name, mode, data=b""):
    """One file of a cpio archive of the kind that kernels take ("newc")."""
    raw = name.encode() + b"\0"
    fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(raw), 0]
    head = b"070701" + b"".join(b"%08x" % f for f in fields) + raw
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def initramfs():
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "init"
        subprocess.run(["gcc", "-static", "-Os", "-s", "-Wall", "-Wextra", "-Werror", "-o", program,
                        HERE / "guest_init.c"], check=True)
        data = program.read_bytes()
    packed = gzip.compress(entry(1, "init", 0o100755, data) + entry(0, "TRAILER!!!", 0), 1)
    assert len(packed) <= PROGRAM_ROOM
    return packed.ljust(PROGRAM_ROOM, b"\0")


def file(folder, build):
    """What QEMU is to boot: a path."""
    path = Path(folder) / "kernel"
    path.write_bytes(with_segment(kernel(build / "guest"), initramfs(), PROGRAM_AT))
    return path


if __name__ == "__main__":
    print(file(tempfile.mkdtemp(), Path(os.environ["VTPM_BUILD"])), WORDS)
