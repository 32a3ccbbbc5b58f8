# SPDX-License-Identifier: Apache-2.0
"""Stands between two libvirtds, and can hold the end of a migration.

As a program: relay.py ADDRESS PORT TO_PORT FOLDER. It passes on what it gets, and holds, as
steps.py says, `finish` (the source has sent all, and asks the destination to run the guest) and
`answer` (the destination has done so). What keeps the connection alive passes meanwhile.
"""
import selectors
import socket
import struct
import sys
import threading
import time
from pathlib import Path

REMOTE, CALL, REPLY = 0x20008086, 0, 1
FINISH = (216, 306)  # finish3, finish3_params
PAUSE = 0.01


class Way:
    """One direction of one connection."""

    def __init__(self, source, target, folder):
        self.source, self.target, self.folder = source, target, folder
        self.buffer, self.waiting, self.step = b"", [], None

    def frames(self):
        """What has come, in whole messages; None at the end."""
        try:
            data = self.source.recv(1 << 20)
        except BlockingIOError:
            return []
        if not data:
            return None
        self.buffer += data
        found = []
        while len(self.buffer) >= 4:
            (size,) = struct.unpack_from(">I", self.buffer)
            if size < 4 or len(self.buffer) < size:
                break
            found.append(self.buffer[:size])
            self.buffer = self.buffer[size:]
        return found

    def take(self, frame):
        program, _, procedure, kind = struct.unpack_from(">IIII", frame, 4)
        if program != REMOTE:
            self.target.sendall(frame)
            return
        step = {CALL: "finish", REPLY: "answer"}.get(kind) if procedure in FINISH else None
        if step and not self.waiting and (self.folder / f"{step}.hold").exists():
            (self.folder / f"{step}.reached").touch()
            self.step = step
        if self.step:
            self.waiting.append(frame)
        else:
            self.target.sendall(frame)

    def go_on(self):
        if self.step and not (self.folder / f"{self.step}.hold").exists():
            self.step = None
            for frame in self.waiting:
                self.target.sendall(frame)
            self.waiting = []


def pump(near, far, folder):
    """Until one of them ends; what is held then is never sent."""
    near.setblocking(True)
    ways = {near: Way(near, far, folder), far: Way(far, near, folder)}
    ready = selectors.DefaultSelector()
    for one in ways:
        ready.register(one, selectors.EVENT_READ)
    try:
        while True:
            held = any(way.step for way in ways.values())
            for key, _ in ready.select(PAUSE if held else None):
                frames = ways[key.fileobj].frames()
                if frames is None:
                    return
                for frame in frames:
                    ways[key.fileobj].take(frame)
            for way in ways.values():
                way.go_on()
    except OSError:
        pass
    finally:
        near.close()
        far.close()


def main(address, port, to_port, folder):
    listener = socket.create_server((address, int(port)), backlog=16)
    print("listening", flush=True)
    while True:
        near, _ = listener.accept()
        try:
            far = socket.create_connection((address, int(to_port)))
        except OSError:
            near.close()
            time.sleep(PAUSE)
            continue
        threading.Thread(target=pump, args=(near, far, Path(folder)), daemon=True).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
