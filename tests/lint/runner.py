#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tests/run.py must not count a test that did not run, nor miss one that failed."""
import os
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import run  # pylint: disable=wrong-import-position

NEEDS_ROOT = "ok 1 - a # SKIP needs root\n1..1\n"
# what was printed, how it ended, whether root was promised: passed, failed, skipped
TAP = [
    ("ok 1 - a\nok 2 - b\n1..2\n", 0, False, (2, 0, 0)),
    ("ok 1 - a\nnot ok 2 - b\n1..2\n", 1, False, (1, 1, 0)),
    ("ok 1 - a\nnot ok 2 - b\n1..2\n", 0, False, (1, 1, 0)),
    ("1..3\nok 1 - a\nok 2 - b\n", 0, False, (2, 1, 0)),
    ("ok 1 - a\n", -11, False, (1, 1, 0)),
    ("ok 1 - a\n1..1\n", 1, False, (1, 1, 0)),
    ("ok 1 - a\n1..1\n", "no end after 60 s", False, (1, 1, 0)),
    ("", 0, False, (0, 1, 0)),
    (NEEDS_ROOT, 0, False, (0, 0, 1)),
    (NEEDS_ROOT, 0, True, (0, 1, 0)),
    ("ok 1 - a # SKIP no gdb\n1..1\n", 0, True, (0, 0, 1)),
]
CASE = '<testsuites><testsuite><testcase classname="t" name="a">{}</testcase></testsuite></testsuites>'
JUNIT = [
    (CASE.format(""), 0, False, (1, 0, 0)),
    (CASE.format('<failure message="no"/>'), 1, False, (0, 1, 0)),
    (CASE.format('<error message="no"/>'), 1, False, (0, 1, 0)),
    (CASE.format(""), 2, False, (1, 1, 0)),
    (CASE.format('<skipped message="needs root"/>'), 0, False, (0, 0, 1)),
    (CASE.format('<skipped message="needs root"/>'), 0, True, (0, 1, 0)),
    ("<testsuites/>", 5, False, (0, 1, 0)),
    ("", -9, False, (0, 1, 0)),
]


def count_junit(text, status):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "junit.xml"
        path.write_text(text)
        total = run.Count()
        for count, _ in run.count_junit(path, status, "").values():
            total.add(count)
        return total


def parts_are_whole(suite):
    """Each file of tests is in exactly one part."""
    files = sorted(f"tests/{suite}/{p.name}" for p in (run.TOP / "tests" / suite).glob("test_*.py"))
    return sorted(name for part in run.parts_of(suite) for name in part) == files


def main():
    bad = 0
    for suite in run.PARTS_OF:
        if not parts_are_whole(suite):
            print(f"{suite}: a file of tests is in no part, in two, or is not there")
            bad = 1
    rows = [(run.count_tap, row) for row in TAP]
    rows += [(lambda status, text: count_junit(text, status), row) for row in JUNIT]
    for count, (text, status, root, want) in rows:
        os.environ["DEV_EXPECT_ROOT"] = "1" if root else "0"
        got = count(status, text)
        if (got.passed, got.failed, got.skipped) != want:
            print(f"{text!r} that ended with {status} counts as "
                  f"{(got.passed, got.failed, got.skipped)}, not {want}")
            bad = 1
    return bad


if __name__ == "__main__":
    sys.exit(main())
