#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs suites of tests, counts every single test, and ends with one line that says it all.

unit, fuzz, model and tsan are programs that print TAP; interop, api, e2e and migrate are pytest;
demo counts itself. A program that dies, hangs or prints fewer tests than it planned has failed. With
DEV_EXPECT_ROOT=1 a test skipped for want of root has failed as well.
"""
import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
# The unit tests run twice: with sanitizers, and as hardened as what is installed.
BUILDS_OF = {"unit": ["build-asan", "build"], "fuzz": ["build-asan"], "interop": ["build-asan"],
             "model": ["build"],
             "api": ["build-asan"], "e2e": ["build"], "migrate": ["build"], "demo": ["build"],
             "tsan": ["build-tsan"]}
SECONDS_OF = {"api": 900, "e2e": 900, "migrate": 1500, "interop": 300, "demo": 180}
# Suites of which parts run side by side, by a pytest each; the last has the files not named here.
PARTS_OF = {"migrate": [["test_bed.py", "test_many.py", "test_split.py"],
                        ["test_cold.py", "test_policies.py"]]}
# Only what is shared between threads; GnuTLS is not instrumented, so no whole broker.
TSAN_PROGRAMS = re.compile(r"^(secret|store|writer|queue|dispatch|park|audit)$")


class Count:
    """What one program or one pytest run came to."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.notes = []

    def fail(self, note):
        self.failed += 1
        self.notes.append(note)

    def skip(self, name, why):
        if os.environ.get("DEV_EXPECT_ROOT") == "1" and re.search(r"\broot\b", why):
            self.fail(f"{name}: skipped though root was promised: {why}")
        else:
            self.skipped += 1
            self.notes.append(f"skipped: {name}: {why}")

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped


def environment(build):
    env = dict(os.environ, VTPM_BUILD=str(build), LC_ALL="C.UTF-8", PYTHONDONTWRITEBYTECODE="1",
               ASAN_OPTIONS="abort_on_error=0:detect_leaks=1:allocator_may_return_null=1",
               UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1",
               TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1")
    return env


class Session:
    """A command in a session of its own; its status is None until it has ended.

    progress, if there is one, gets every line about when it is printed, and before that its part.
    """

    def __init__(self, command, build, progress=None):
        self.started, self.spent = time.monotonic(), 0.0
        self.progress, self.process, self.status = progress, None, None
        self.part = ""  # of a line whose end is still to come
        self.out = tempfile.NamedTemporaryFile("w+", errors="replace")
        self.seen = open(self.out.name, errors="replace")
        try:
            self.process = subprocess.Popen(command, cwd=TOP, env=environment(build),
                                            stdout=self.out, stderr=subprocess.STDOUT,
                                            stdin=subprocess.DEVNULL, start_new_session=True)
        except OSError as why:
            self.status = str(why)

    def wait(self, seconds):
        """For its end, and then looks at what it has printed."""
        if self.status is None:
            try:
                self.status = self.process.wait(seconds)
                self.spent = time.monotonic() - self.started
            except subprocess.TimeoutExpired:
                pass
        *lines, self.part = (self.part + self.seen.read()).split("\n")
        for line in (*lines, self.part) if self.progress else ():
            self.progress(line)

    def interrupt(self):
        """As Ctrl-C would, so that it can clean up."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)

    def end(self, until):
        """It has until then to clean up; ends what is left of it: (status, text, time)."""
        if self.process:
            try:
                self.process.wait(max(until - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                pass
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
        self.out.seek(0)
        with self.seen, self.out:
            return self.status, self.out.read(), self.spent


def run_beside(commands, build, seconds, progress=None):
    """Runs them side by side and ends what is left of each: (status, text, time) for each."""
    deadline, sessions = time.monotonic() + seconds, []
    try:
        for command in commands:
            sessions.append(Session(command, build, progress))
        while running := [one for one in sessions if one.status is None]:
            if time.monotonic() > deadline:
                for one in running:
                    one.status, one.spent = f"no end after {seconds} s", seconds
                break
            for one in running:
                one.wait(1 / len(running))
    finally:
        for one in sessions:
            one.interrupt()
        until = time.monotonic() + 30
        ended = [one.end(until) for one in sessions]
    return ended


def run(command, build, seconds):
    return run_beside([command], build, seconds)[0]


def count_tap(status, text):
    count, plan, seen = Count(), None, 0
    for line in text.splitlines():
        if m := re.match(r"1\.\.(\d+)", line):
            plan = int(m.group(1))
        if line.startswith("# counted: "):
            count.notes.append(line.removeprefix("# counted: "))
        m = re.match(r"(not )?ok\b\s*\d*\s*-?\s*(.*)", line)
        if not m:
            continue
        seen += 1
        name, _, why = m.group(2).partition(" # SKIP ")
        if m.group(1):
            count.fail(name)
        elif why or name.endswith("# SKIP"):
            count.skip(name, why)
        else:
            count.passed += 1
    if plan is None or plan != seen:
        count.fail(f"planned {plan} tests and ran {seen}; ended with {status}")
    elif status != 0 and not count.failed:
        count.fail(f"ended with {status}")
    if count.failed:
        count.notes += text.splitlines()[-30:]
    return count


def tap_programs(suite, build):
    """The programs that meson knows in this suite: (name, command, seconds)."""
    text = subprocess.run(["meson", "introspect", "--tests", str(build)], check=True,
                          capture_output=True, text=True).stdout
    wanted = "unit" if suite == "tsan" else suite
    for test in json.loads(text):
        if not any(s.split(":")[-1] == wanted for s in test["suite"]):
            continue
        if suite == "tsan" and not TSAN_PROGRAMS.match(test["name"]):
            continue
        yield test["name"], test["cmd"], max(test["timeout"], 60) * 3


def run_tap(suite, build):
    programs = sorted(tap_programs(suite, build))
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        jobs = [(name, pool.submit(run, command, build, seconds))
                for name, command, seconds in programs]
        for name, job in jobs:
            status, text, spent = job.result()
            yield name, count_tap(status, text), spent


def count_case(case, count):
    bad = case.find("failure") if case.find("failure") is not None else case.find("error")
    skipped = case.find("skipped")
    if bad is not None:
        count.fail(f"{case.get('classname')}: {case.get('name')}")
    elif skipped is not None:
        count.skip(case.get("name"), skipped.get("message") or skipped.text or "")
    else:
        count.passed += 1


def count_junit(path, status, text):
    """One count and time for each file of tests; what went wrong is told with the last."""
    counts = {}
    try:
        cases = list(ElementTree.parse(path).getroot().iter("testcase"))
    except (OSError, ElementTree.ParseError):
        cases = []
    for case in cases:
        words = (case.get("classname") or "").split(".")
        name = next((word for word in words if word.startswith("test_")), "pytest")
        count, spent = counts.get(name, (Count(), 0.0))
        count_case(case, count)
        counts[name] = count, spent + float(case.get("time") or 0)
    failed = sum(count.failed for count, _ in counts.values())
    if not counts:
        counts["pytest"] = Count(), 0.0
    last = list(counts.values())[-1][0]
    if (status != 0 and not failed) or not cases:
        last.fail(f"pytest ended with {status} after {len(cases)} tests")
    if failed or last.failed:
        last.notes += text.splitlines()[-150:]
    return counts


def parts_of(suite):
    """What each pytest of a suite is to run: every file of its folder is in one part."""
    named = PARTS_OF.get(suite, [])
    there = sorted(file.name for file in (TOP / "tests" / suite).glob("test_*.py"))
    rest = [name for name in there if not any(name in part for part in named)]
    return [[f"tests/{suite}/{name}" for name in part] for part in (*named, rest) if part]


def run_pytest(suite, build):
    started, files = time.monotonic(), set()

    def progress(line):
        name = line.partition("::")[0]
        if "::" in line and name not in files:
            files.add(name)
            print(f"...  {suite:8}{Path(name).stem:24} ({time.monotonic() - started:.0f} s)",
                  flush=True)

    with tempfile.TemporaryDirectory() as folder:
        parts = parts_of(suite)
        commands = [["/usr/bin/python3", "-m", "pytest", "-v", "-p", "no:cacheprovider",
                     f"--junitxml={folder}/{n}.xml", f"--rootdir={TOP}", f"--basetemp={folder}/{n}",
                     *part] for n, part in enumerate(parts)]
        ended = run_beside(commands, build, SECONDS_OF[suite], progress)
        for n, (status, text, _) in enumerate(ended):
            for name, (count, spent) in count_junit(f"{folder}/{n}.xml", status, text).items():
                yield name, count, spent


def run_demo(build):
    status, text, spent = run(["/usr/bin/python3", "tests/demo/demo.py", "--build", str(build)],
                              build, SECONDS_OF["demo"])
    count = Count()
    if m := re.search(r"^demo: (\d+) passed, (\d+) failed", text, re.M):
        count.passed, count.failed = int(m.group(1)), int(m.group(2))
    if status != 0 and not count.failed or not count.passed:
        count.fail(f"the demo ended with {status}")
    if count.failed:
        count.notes += text.splitlines()[-60:]
    yield "demo", count, spent


def run_suite(suite, build):
    if suite in ("unit", "fuzz", "model", "tsan"):
        yield from run_tap(suite, build)
    elif suite == "demo":
        yield from run_demo(build)
    else:
        yield from run_pytest(suite, build)


def show(suite, name, count, seconds):
    skipped = f", {count.skipped} skipped" if count.skipped else ""
    word = "FAIL" if count.failed else "ok  "
    print(f"{word} {suite:8}{name:24} {count.passed:4} passed, {count.failed} failed{skipped}"
          f"  ({seconds:.1f} s)", flush=True)
    for note in count.notes:
        print(f"     | {note}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--builds", type=Path, default=TOP, help="where the build folders are")
    parser.add_argument("suites", nargs="+", choices=sorted(BUILDS_OF), metavar="SUITE")
    args = parser.parse_args()
    # Also where whoever started this ignores the second: what is started here would, too.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    total = Count()
    for suite in args.suites:
        ran = 0
        for build in BUILDS_OF[suite]:
            for name, count, seconds in run_suite(suite, args.builds / build):
                show(suite, f"{name}, gcc" if build != BUILDS_OF[suite][0] else name, count, seconds)
                total.add(count)
                ran += 1
        if ran == 0:
            total.fail("")
            print(f"FAIL {suite:8}there is no test in this suite", flush=True)
    skipped = f", {total.skipped} skipped" if total.skipped else ""
    print(f"{total.passed} passed, {total.failed} failed{skipped}", flush=True)
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
