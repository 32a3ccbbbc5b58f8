#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the libFuzzer targets of a build for a counted number of runs, starting from their corpus.

What a run finds new stays in a temporary folder; an input that breaks a target is kept in the
build folder and named.
"""
import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent


def targets(build):
    for path in sorted((build / "tests" / "fuzz").glob("fuzz_*")):
        if path.is_file() and "." not in path.name:
            yield path.name.removeprefix("fuzz_"), path


def fuzz(name, program, runs, build):
    corpus = TOP / "tests" / "fuzz" / "corpus" / name
    with tempfile.TemporaryDirectory() as fresh:
        command = [program, f"-runs={runs}", "-timeout=20", "-rss_limit_mb=1024",
                   f"-artifact_prefix={build}/broke-{name}-", "-print_final_stats=1",
                   "-verbosity=0", fresh]
        done = subprocess.run(command + ([corpus] if corpus.is_dir() else []), cwd=TOP,
                              check=False)
    print(f"{'ok  ' if done.returncode == 0 else 'FAIL'} fuzz    {name}: {runs} runs",
          flush=True)
    return done.returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=200000)
    parser.add_argument("target", nargs="?", help="one target; without it, all of them")
    args = parser.parse_args()
    found = dict(targets(args.build))
    if args.target and args.target not in found:
        parser.error(f"no such target; there are: {' '.join(found)}")
    chosen = [args.target] if args.target else sorted(found)
    bad = [name for name in chosen if not fuzz(name, found[name], args.runs, args.build)]
    print(f"{len(chosen) - len(bad)} passed, {len(bad)} failed")
    return 1 if bad or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
