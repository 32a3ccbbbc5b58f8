# SPDX-License-Identifier: Apache-2.0
"""A hand-over of a guest that is there already, whether it runs or is off."""
from bed import new_id
from moving import Move


class Walk(Move):
    def __init__(self, broker, i, mode="plain"):  # pylint: disable=super-init-not-called
        self.b, self.id, self.mode, self.n = broker, i, mode, 1
        self.a, self.to, self.attempt = broker.h1, broker.h2, new_id()
        shown = self.show()
        self.security, self.secret = shown["security"], shown["secret"]["id"]

    def offer(self, **more):
        r = self.ask().try_offer(**more)
        assert r.status_code == 200, r.text
        return self
