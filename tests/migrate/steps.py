# SPDX-License-Identifier: Apache-2.0
"""A folder in which a program is told where it shall wait, and tells when it is there.

NAME.hold is made by the test; the program, once at NAME, makes NAME.reached and waits until the
first is gone.
"""
from contextlib import contextmanager

import world as bed


class Steps:
    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()

    @contextmanager
    def held(self, name):
        self.hold(name)
        try:
            yield self
        finally:
            self.let_go(name)

    def hold(self, name):
        (self.folder / f"{name}.reached").unlink(missing_ok=True)
        (self.folder / f"{name}.hold").touch()

    def is_reached(self, name):
        return (self.folder / f"{name}.reached").exists()

    def reached(self, name, seconds=bed.SECONDS):
        bed.until(lambda: self.is_reached(name), f"the step {name}", seconds)

    def let_go(self, *names):
        """These, or all."""
        for path in self.folder.glob("*.hold"):
            if not names or path.stem in names:
                path.unlink(missing_ok=True)
