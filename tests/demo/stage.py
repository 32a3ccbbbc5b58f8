# SPDX-License-Identifier: Apache-2.0
"""The stage of the demo: a temporary folder, commands shown as one would type them, ticks.

Everything runs in the folder, with its own PATH and XDG directories; what was started is ended
and what was made is removed, whichever way the demo ends. Nothing sleeps for a time: what has
to become true is waited for, until a deadline.
"""
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SECONDS = 20  # for anything that has to become true
WIDTH = 130   # of what is shown


class Stop(Exception):
    """Something did not go as told; carries what to look at."""


def paint(code, text):
    return f"\033[{code}m{text}\033[0m" if sys.stdout.isatty() else text


def free_ports(count):
    """The first of some neighbouring free ports of 127.0.0.1."""
    for first in range(21000 + os.getpid() % 20000, 60000, count):
        held = []
        try:
            for port in range(first, first + count):
                held.append(socket.create_server(("127.0.0.1", port)))
            return first
        except OSError:
            continue
        finally:
            for one in held:
                one.close()
    raise Stop("there are no free ports on 127.0.0.1")


def wait_until(says, holds, seconds=SECONDS):
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        if time.monotonic() > deadline:
            raise Stop(f"still not so after {seconds} s: {says}")
        time.sleep(0.02)
    return found


class Process:
    """A program in the background; its words go to a log in the folder."""

    def __init__(self, stage, name, words, env=None):
        self.name = name
        self.log = stage.folder / f"{name}.log"
        with open(self.log, "ab") as log:
            self.start = log.tell()
            self.popen = subprocess.Popen(words, cwd=stage.folder, env=env or stage.env,
                                          stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=subprocess.STDOUT, start_new_session=True)

    def said(self):
        with open(self.log, "rb") as log:
            log.seek(self.start)
            return log.read().decode(errors="replace")

    def ended(self):
        return self.popen.poll() is not None

    def end(self, sig=signal.SIGTERM):
        """Ends it, then whatever it left in its session. Gives its exit status."""
        if not self.ended():
            self.popen.send_signal(sig)
        try:
            status = self.popen.wait(SECONDS)
        except subprocess.TimeoutExpired:
            status = None
        try:
            os.killpg(self.popen.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.popen.wait()
        return status


class Stage:
    def __init__(self, build):
        self.folder = Path(tempfile.mkdtemp(prefix="vtpm-demo-"))
        self.passed = self.failed = self.steps = 0
        self.processes = []
        self.hints = []  # commands worth a try on what --keep leaves
        self.began = time.monotonic()
        self.env = {"PATH": f"{self.folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                    "HOME": str(self.folder), "LC_ALL": "C.UTF-8",
                    "XDG_CONFIG_HOME": f"{self.folder}/config",
                    "XDG_STATE_HOME": f"{self.folder}/state"}
        (self.folder / "bin").mkdir()
        for program in ("broker/daemon/vtpm-brokerd", "client/compute/vtpm-client",
                        "client/ctl/vtpmctl"):
            if not (build / program).exists():
                raise Stop(f"{build / program} is not there; ./dev build makes it")
            (self.folder / "bin" / Path(program).name).symlink_to((build / program).resolve())

    def step(self, title):
        self.steps += 1
        print(f"\n{paint('1;36', f'{self.steps}. {title}')}", flush=True)

    def say(self, text):
        print(f"   {text}", flush=True)

    def shown(self, words, after=""):
        text = " ".join(shlex.quote(str(w)) for w in words) + after
        print(f"   {paint('1', '$ ' + text)}", flush=True)

    def output(self, text, only):
        """What a command said, or the lines of it that match `only`."""
        for line in text.splitlines():
            if line.strip() and re.search(only, line):
                print(f"     {paint('2', line[:WIDTH])}", flush=True)

    def run(self, *words, only="", fails=False, show=True, env=None):
        """Runs a command, shows it and what it said; gives that. fails: it has to fail."""
        if show:
            self.shown(words)
        done = subprocess.run([str(w) for w in words], cwd=self.folder,
                              env=dict(self.env, **(env or {})), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              timeout=3 * SECONDS)
        text = done.stdout.decode(errors="replace")
        if show:
            self.output(text, only)
        if (done.returncode != 0) != fails:
            raise Stop(f"{words[0]} ended with {done.returncode}:\n{text.rstrip()}")
        return text

    def background(self, name, *words):
        self.shown(words, " &")
        process = Process(self, name, [str(w) for w in words])
        self.processes.append(process)
        return process

    def check(self, says, holds, seen=""):
        self.passed += bool(holds)
        self.failed += not holds
        mark = paint("1;32", "✓") if holds else paint("1;31", "✗")
        print(f"   {mark} {says}", flush=True)
        if not holds:
            raise Stop(f"not so: {says}" + (f"\nseen: {seen}" if seen else ""))

    def end(self, process):
        self.processes.remove(process)
        return process.end()

    def failure(self, why):
        self.failed += not self.failed
        print(f"\n   {paint('1;31', 'The demo stops here.')} {why}", flush=True)
        for process in self.processes:
            print(f"\n   the end of {process.log}:", flush=True)
            self.output("\n".join(process.said().splitlines()[-12:]), "")
        print("\n   ./dev demo --keep leaves the folder for a closer look.", flush=True)

    def close(self, keep):
        if keep:
            running = ", ".join(f"{p.popen.pid} ({p.name})" for p in self.processes)
            print(f"\n   Still running: {running}. To go on:\n     cd {self.folder}\n"
                  f"     export PATH={self.folder}/bin:$PATH XDG_CONFIG_HOME={self.folder}/config")
            print("".join(f"     {line}\n" for line in self.hints), end="")
            print(f"   To end it:\n     kill {' '.join(str(p.popen.pid) for p in self.processes)}"
                  f"\n     rm -r {self.folder}", flush=True)
        else:
            while self.processes:
                self.processes.pop().end()
            shutil.rmtree(self.folder, ignore_errors=True)
        print(f"\n   {time.monotonic() - self.began:.0f} seconds", flush=True)
        print(f"demo: {self.passed} passed, {self.failed} failed", flush=True)
