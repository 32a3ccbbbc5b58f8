# SPDX-License-Identifier: Apache-2.0
"""Records frames that enter some interfaces, and puts TCP streams together from them.

As a program: capture.py FILE INTERFACE... until SIGTERM; it says `recording` when it does, and
at the end how many frames it lost.
"""
import selectors
import signal
import socket
import struct
import sys
from pathlib import Path

ETH_P_ALL = 3
SOL_PACKET, PACKET_STATISTICS, PACKET_IGNORE_OUTGOING = 263, 6, 23
SO_RCVBUFFORCE = 33
BUFFER = 64 << 20


class Tape:
    """One recording: for each direction of each connection its bytes."""

    def __init__(self, path):
        self.path, self.streams = Path(path), {}

    def read(self):
        parts, data, at = {}, self.path.read_bytes(), 0
        while at < len(data):
            (size,) = struct.unpack_from(">I", data, at)
            note(parts, data[at + 4:at + 4 + size])
            at += 4 + size
        self.streams = {key: join(found) for key, found in parts.items()}
        self.path.unlink()

    def holds(self, text):
        """The connections in which these bytes passed: (from, to), as address:port."""
        return [key for key, stream in self.streams.items() if text in stream]

    def size(self):
        return sum(len(stream) for stream in self.streams.values())


def note(parts, frame):
    """One frame's part of its connection."""
    if len(frame) < 54 or frame[12:14] != b"\x08\x00" or frame[23] != 6:
        return
    head = 14 + 4 * (frame[14] & 15)
    end = 14 + struct.unpack_from(">H", frame, 16)[0] if frame[16:18] != b"\0\0" else len(frame)
    source, target, number = struct.unpack_from(">HHI", frame, head)
    text = frame[head + 4 * (frame[head + 12] >> 4):end]
    key = tuple(f"{socket.inet_ntoa(frame[a:a + 4])}:{port}"
                for a, port in ((26, source), (30, target)))
    if text:
        parts.setdefault(key, []).append((number, text))


def join(parts):
    """In order, each byte once; what is missing leaves no gap."""
    first = parts[0][0]
    stream, at = bytearray(), None
    for number, text in sorted(((n - first + (1 << 31)) % (1 << 32), t) for n, t in parts):
        at = number if at is None or number > at else at
        stream += text[at - number:]
        at = max(at, number + len(text))
    return bytes(stream)


def listen(interface):
    one = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    one.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    one.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    one.bind((interface, ETH_P_ALL))
    one.setblocking(False)
    return one


def drain(one, out):
    """What waits; whether there was any."""
    try:
        frame = one.recv(1 << 17)
    except BlockingIOError:
        return False
    out.write(struct.pack(">I", len(frame)) + frame)
    return True


def main(path, *interfaces):
    ended = []
    sockets = [listen(name) for name in interfaces]
    ready = selectors.DefaultSelector()
    for one in sockets:
        ready.register(one, selectors.EVENT_READ)
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    with open(path, "wb") as out:
        print("recording", flush=True)
        while not ended:
            for key, _ in ready.select(0.2):
                drain(key.fileobj, out)
        while any([drain(one, out) for one in sockets]):
            pass
    lost = [struct.unpack("II", one.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]
            for one in sockets]
    print(f"lost {sum(lost)}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
