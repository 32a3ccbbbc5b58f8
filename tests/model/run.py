#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Has SPIN search the model of a hand-over, and prints what came of it as TAP.

Each configuration is searched to its end: every property holds in every state, and every run
ends well. Then each rule is taken out by itself, and SPIN must find what it is there for. And
each cell of the table must have been used by some run, or stand below with the reason why not.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
MODES = ["PLAIN", "STRICT", "COLD"]
SECONDS = 280
TWO_MOVES = {"NUMBERS": 2, "JOBS": 2, "STARTS": 1}
ONE_MOVE = {"NUMBERS": 1, "JOBS": 1}

# name: (mode, bounds)
CONFIGURATIONS = {}
for mode in MODES:
    CONFIGURATIONS |= {
        f"{mode.lower()} moves": (mode, TWO_MOVES),
        f"{mode.lower()} moves, one crash": (mode, TWO_MOVES | {"FAULTS": 1}),
        f"{mode.lower()} crashes": (mode, {"NUMBERS": 1, "JOBS": 2, "FAULTS": 2, "STARTS": 1,
                                           "ROUND_TRIP": 1}),
        f"{mode.lower()} places": (mode, ONE_MOVE | {"POWER": 1, "STARTS": 2, "PLACES": 1,
                                                     "STOPS": 1}),
        f"{mode.lower()} places and moves": (mode, TWO_MOVES | {"PLACES": 1, "STOPS": 1}),
        f"{mode.lower()} power": (mode, ONE_MOVE | {"POWER": 1, "STARTS": 1, "PLACES": 1,
                                                    "FAULTS": 1, "REPEATS": 1}),
        f"{mode.lower()} ends": (mode, {"NUMBERS": 2, "JOBS": 2, "ABORTS": 0}),
    }

PROPERTIES = [
    "two hosts run the guest",
    "two hosts are entitled",
    "the guest runs where it is not placed",
    "an old state is started",
    "the guest is destroyed where it belongs",
    "the newest state is gone",
    "the placed host has not the newest state",
    "the key is gone",
    "the placed host has no key",
    "the run ends badly",
]

# rule or rules taken out: where SPIN finds it
SEEDED = {
    "NUMBERS_GROW": "plain moves",
    "WORDS_CARRY_N": "plain moves",
    "DEAD_IS_IGNORED": "plain moves",
    "MARK_BEFORE_SEAL": "plain moves",
    "MARK_BLOCKS_COPIES": "plain moves",
    "MARK_BLOCKS_ONLY_OLDER": "plain moves",
    "MARK_IS_LIFTED_BY_ITS_N": "plain moves",
    "RELEASE_CARRIES_N": "cold moves",
    "PREPARE_AT_PLACEMENT": "plain moves",
    "ONE_OPEN": "plain moves",
    "READ_EVENTS_FIRST": "plain crashes",
    "LOOK_AGAIN": "cold moves",
    "KEY_FOR_ONE_CALL": "plain moves",
    "SECOND_ASK_REFUSED DEAD_BEFORE_SAY": "plain moves",
    "CLAIM_IS_DURABLE": "plain moves",
    "HELD_GIVES_NOTHING": "plain moves",
    "START_ABORTS": "plain crashes",
    "ABSENCE_IS_NOTHING": "plain crashes",
    "NEVER_LEFT_IS_NEVER_SUSPENDED": "plain moves",
    "SAY_WHEN_JOB_OVER": "plain moves",
    "STARTED_IS_NO_PROOF": "plain moves",
    "FIRST_CLAIM_WINS": "plain places",
    "LOSER_DESTROYS": "plain moves",
    "SUSPEND_FIRST": "plain moves",
    "RESUME_ONLY_ON_ABORTED": "plain moves",
    "ABORT_WAITS_FOR_PROOF": "plain moves",
    "ERASED_RECORDS_DEAD": "plain moves",
    "ERASED_NEEDS_WATCH": "plain moves",
    "ERASED_READS_AGAIN": "plain moves",
    "ERASED_TAKES_KEY_BACK": "plain moves",
    "ABORT_WIPES_ONLY_N": "plain moves",
    "RESOLVE_NEEDS_OFF": "plain places",
    "RESOLVE_A_TOLD": "plain places",
    "RESOLVE_B_TOLD": "plain places",
    "FENCE_ENDS_NOTHING": "plain places",
    "NO_TIMEOUT": "plain moves",
    "WIPE_NEEDS_PROOF": "plain power",
    "WIPE_ASKED_ANEW": "cold power",
    "WIPE_ONLY_OLDER": "plain moves",
    "PLACE_BACK_CANCELS": "cold power",
    "PROOF_IS_A_START": "plain power",
    "STRICT_ARRIVES_PAUSED": "strict moves",
    "STRICT_RESUMES_ON_COMMITTED": "strict moves",
    "KEEP_ENDS_STRICT_ONLY": "plain moves",
    "LEASE_WITH_COMMIT": "plain moves",
    "OPEN_IS_NOT_PLACED": "plain places",
    "STATE_CARRIES_N": "plain places",
    "COLD_STATE_FITS": "cold places and moves",
    "STORED_IS_A_CLAIM": "cold moves",
    "ONLY_OLDER_IS_DESTROYED": "plain moves",
    "ARRIVED_WAITS": "strict moves",
    "ABSENCE_CAN_BE_RESOLVED": "plain places",
    "NEWER_ENDS_OLDER": "plain moves",
    "COPY_WAITS_FOR_PROOF GIVEN_IS_DURABLE": "plain power",
}

# Rules that another one covers; each with why it stays.
COVERED = {
    "CONSENT_NEEDS_JOB": "keeps the key from a host that asks without a migration; no host "
                         "lies here",
    "GONE_LOOKS": "READ_EVENTS_FIRST leaves no old STOPPED/migrated to be mistaken",
    "RESOLVE_NEEDS_FENCE": "a host that is off says nothing; the fence keeps it from a release "
                           "when it returns",
    "GIVEN_IS_DURABLE": "spares the operator a resolve; COPY_WAITS_FOR_PROOF needs it",
    "COPY_WAITS_FOR_PROOF": "GIVEN_IS_DURABLE covers it",
    "SECOND_ASK_REFUSED": "DEAD_BEFORE_SAY covers it, and the other way round",
    "DEAD_BEFORE_SAY": "SECOND_ASK_REFUSED covers it",
}

# Cells of the table that no run can use, and why.
OFF = "a cold move that is not claimed is called off, and nothing is kept"
SURE = "a destination that finds what is stored can always say"
UNREACHED = {("cold", state, "keep"): OFF for state in ["prepared", "offered"]}
UNREACHED |= {("cold", state, "cannot_say"): SURE for state in ["claimed", "aborting", "aborted"]}
UNREACHED["cold", "aborting", "runs_on_destination"] = SURE


def sh(command, folder, env=None, seconds=SECONDS):
    try:
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True,
                              timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return f"no end after {seconds} s"
    return done.stdout + done.stderr


class Model:
    """One configuration: built once, searched with all rules in force or without some."""

    def __init__(self, name, folder, table):
        self.name, self.folder = name, folder / name.replace(" ", "_").replace(",", "")
        self.mode, self.bounds = CONFIGURATIONS[name]
        self.circles = name.endswith(" ends")
        self.folder.mkdir()
        for file in HERE.glob("*.pml"):
            (self.folder / file.name).write_text(file.read_text())
        (self.folder / "table.pml").write_text(table)

    def build(self):
        """No options but bounds: what is searched is searched to its end."""
        defines = [f"-D{key}={value}" for key, value in {"MODE": self.mode, **self.bounds}.items()]
        text = sh(["spin", *defines, "-a", "handover.pml"], self.folder)
        kind = "-DNP" if self.circles else "-DSAFETY"
        # Where there is much to search it pays to compile well.
        speed = "-O1" if self.name.endswith(("one crash", "places and moves")) else "-O0"
        text += sh(["gcc", speed, "-w", kind, "-o", "pan", "pan.c"], self.folder)
        return None if (self.folder / "pan").exists() else text

    def search(self, rules=(), numbers=()):
        folder = self.folder / ("-".join(rules) or "all")
        folder.mkdir()
        env = dict(os.environ, WITHOUT=",".join(str(n) for n in numbers))
        found = Search(sh(["../pan", "-m100000", "-w21", *(["-l"] if self.circles else [])], folder, env))
        if found.errors:
            found.tell(sh(["../pan", "-r", "handover.pml.trail"], folder, env))
        return found


class Search:
    """What pan said."""

    def __init__(self, text):
        self.text, self.violated, self.trail = text, None, []
        errors = re.search(r"errors: (\d+)", text)
        states = re.search(r"(\d+) states, stored", text)
        self.errors = int(errors.group(1)) if errors else None
        self.states = int(states.group(1)) if states else 0
        self.complete = (self.errors == 0 and "max search depth too small" not in text and
                         "Search not completed" not in text)
        self.used = {int(n) for n in re.findall(r"^hit (\d+)$", text, re.M)}

    def tell(self, text):
        self.trail = [line for line in text.splitlines()
                      if re.match(r"[a-zA-Z]|\d is called", line) and
                      not line.startswith(("pan:", "spin:", "global", "local"))]
        name = next((line for line in self.trail if line.startswith("violated: ")), None)
        self.violated = name.partition(": ")[2] if name else "it goes round in circles"


class Tap:
    def __init__(self):
        self.count = 0

    def line(self, well, name, notes=()):
        self.count += 1
        print(f"{'' if well else 'not '}ok {self.count} - {name}", flush=True)
        if not well:
            for note in notes:
                print(f"#   {note}", flush=True)


def words_of(table, trail):
    """The trail with the words of the table in place of their numbers."""
    names = {}
    for number, text in re.findall(r"next\[(\d+)\].*/\* \w+, (\w+) \*/", table):
        names[int(number) % 14] = text
    return [re.sub(r"word (\d+)", lambda m: names[int(m.group(1))], line) for line in trail]


def cells_of(table, mode):
    """{(state, word): (cell, next state's number or None)} of one mode."""
    part = table.split(f"#if MODE == {MODES.index(mode)}\n")[1].split("#endif")[0]
    nowhere = int(re.search(r"#define NOWHERE (\d+)", table).group(1))
    return {(m[2], m[3]): (int(m[0]), int(m[1]) if int(m[1]) != nowhere else None)
            for m in re.findall(r"next\[(\d+)\] = (\d+);.*/\* (\w+), (\w+) \*/", part)}


def check_repeats(tap, table):
    """A word again after it has moved the hand-over: the same answer, or a refusal."""
    for mode in MODES:
        cells = cells_of(table, mode)
        states = list(dict.fromkeys(state for state, _ in cells))
        bad = []
        for (state, word), (_, to) in cells.items():
            again = cells[states[to], word][1] if to is not None else None
            if again not in (None, to) or (again is None and to is not None and word != "start"):
                bad.append(f"{word} in {state}")
        tap.line(not bad, f"{mode.lower()}: a word that is repeated changes nothing more", bad)


def check_cells(tap, table, used):
    for mode in MODES:
        for (state, word), (cell, to) in cells_of(table, mode).items():
            if to is None:
                continue
            name = f"{mode.lower()}: {word} in {state}"
            if why := UNREACHED.get((mode.lower(), state, word)):
                tap.line(cell not in used[mode], f"{name} cannot be: {why}")
            else:
                tap.line(cell in used[mode], f"{name} is used")


def check_configuration(tap, name, found, table):
    bounds = ", ".join(f"{key} {value}" for key, value in CONFIGURATIONS[name][1].items())
    print(f"# counted: {name}: {found.states} states ({bounds})", flush=True)
    if found.complete or found.violated:
        for prop in PROPERTIES:
            tap.line(found.complete or found.violated != prop, f"{name}: never: {prop}",
                     words_of(table, found.trail))
    tap.line(found.complete, f"{name}: all {found.states} states hold",
             words_of(table, found.trail) or found.text.splitlines()[:20])


def check_seeded(tap, name, found, table):
    rules = " and ".join(name.split())
    tap.line(bool(found.violated), f"without {rules}: {found.violated or 'nothing is found'}",
             found.text.splitlines()[:20])
    if found.violated and os.environ.get("MODEL_TRAILS"):
        for step in words_of(table, found.trail):
            print(f"#   {step}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, help="the program that prints the table")
    parser.add_argument("only", nargs="*", help="configurations or rules")
    args = parser.parse_args()
    if not shutil.which("spin") or not shutil.which("gcc"):
        print("1..1\nok 1 - the model of a hand-over # SKIP spin or gcc is not installed")
        return
    numbers = dict(re.findall(r"#define (\w+) (\d+)", (HERE / "rules.pml").read_text()))
    table = sh([str(args.table.resolve())], HERE)
    tap, used = Tap(), {mode: set() for mode in MODES}
    names = [n for n in CONFIGURATIONS if not args.only or n in args.only]
    rules = [r for r in SEEDED if not args.only or r in args.only]
    tap.line(set(numbers) == {r for key in SEEDED for r in key.split()} | set(COVERED),
             "each rule has a run without it, or a reason why not")
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        wanted = dict.fromkeys(names + [SEEDED[r] for r in rules])
        models = {n: Model(n, Path(folder), table) for n in wanted}
        built = {n: pool.submit(m.build) for n, m in models.items()}
        for name, job in built.items():
            if job.result():
                sys.exit(f"{name} cannot be built:\n{job.result()[:2000]}")
        jobs = {n: pool.submit(models[n].search) for n in names}
        seeded = {r: pool.submit(models[SEEDED[r]].search, r.split(),
                                 [numbers[one] for one in r.split()]) for r in rules}
        for name, job in jobs.items():
            check_configuration(tap, name, job.result(), table)
            used[models[name].mode] |= job.result().used
        for rule, job in seeded.items():
            check_seeded(tap, rule, job.result(), table)
    if not args.only:
        check_repeats(tap, table)
        check_cells(tap, table, used)
    print(f"1..{tap.count}")


if __name__ == "__main__":
    main()
