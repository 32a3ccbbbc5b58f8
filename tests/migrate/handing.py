# SPDX-License-Identifier: Apache-2.0
"""What the broker knows of a guest that is moved, and who prepares, calls off and settles it."""
import json

import world as bed

ENDED = ("committed", "closed", "aborted")


class Handing:
    """Of a guest; needs world, id, policy."""

    # ---- what is known ----

    def handover(self):
        """The newest; {} where there was none."""
        done = self.world.ctl("operator", "--json", "handover", "show", self.id, check=False)
        if done.returncode == 0:
            return json.loads(done.stdout)
        assert "no hand-over" in done.stderr, done.stderr
        return {}

    def number(self):
        return self.handover().get("number", 0)

    def placed(self):
        """Where it is placed, and the epoch of that."""
        shown = self.show()
        return shown["placement"]["host"], shown["placement"]["epoch"]

    def host(self):
        return next(one for one in self.world.hosts if one.name == self.placed()[0])

    def became_handover(self, *states, seconds=bed.SECONDS):
        """Waits until the newest is in one of these states."""
        def holds():
            now = self.handover()
            return now if now.get("state") in states else None
        try:
            return bed.until(holds, f"the hand-over is {states}", seconds)
        except AssertionError as why:
            raise AssertionError(f"{why}: {json.dumps(self.handover())}\n"
                                 f"{self.world.tails()}") from None

    def settled(self, *states, seconds=bed.SECONDS):
        """The newest has ended, and nobody has anything left to do or to report."""
        now = self.became_handover(*(states or ("closed", "aborted")), seconds=seconds)
        for one in self.world.hosts:
            one.no_reports_wait()
            bed.until(lambda one=one: not self.open_record(one), f"{one.name} is done with it")
        return now

    def open_record(self, one):
        """What a host has on record of a hand-over that it has not ended."""
        path = one.client_file(f"moves/{self.id}.json")
        found = json.loads(path.read_text()) if path.exists() else {}
        return found.get("side") or ""

    def audit(self):
        found = self.world.json("auditor", "audit", "list", "--instance", self.id, "--limit", "0")
        return found["items"]

    def is_well(self):
        """It ticks where it is placed, and no hand-over is open."""
        try:
            return (self.ticking(5) == {self.placed()[0]} == self.running_on()
                    and self.handover().get("state") in (None, *ENDED))
        except AssertionError:
            return False

    # ---- people ----

    def prepare(self, target, mode="plain", check=True, profile="operator"):
        return self.world.ctl(profile, "handover", "prepare", self.id,
                              getattr(target, "name", target), "--mode", mode, check=check)

    def abort(self, check=True, profile="operator"):
        return self.world.ctl(profile, "handover", "abort", self.id, check=check)

    def resolve(self, one, check=True):
        """Somebody has looked: it runs there; the other host is fenced, and off."""
        return self.world.ctl("operator", "handover", "resolve", self.id, "--runs-on", one.name,
                              "--host-is-off", check=check)

    def grant(self, *hosts, purpose="migrate-in", standing=True):
        return json.loads(self.world.ctl(
            "owner", "--json", "grant", "create", self.id, "--purpose", purpose, "--hosts",
            ",".join(h.name for h in hosts), *(["--standing"] if standing else [])).stdout)

    def grants_all_moves(self):
        if self.policy == "user":
            self.grant(*self.world.hosts)
