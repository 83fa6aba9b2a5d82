#!/usr/bin/env python3
"""A small peermon peer, written from docs/PROTOCOL.md alone, with nothing but the standard library.

It meets one server, exchanges heartbeats with it and ends gracefully. It judges nobody: it is what
section 11 calls a peer that only wants to be watched. Section numbers are those of that page.

    peer.py meet --group G --name N --key HEX --peer NAME --to HOST:PORT [--beats 10]
    peer.py dumps docs/PROTOCOL.md       builds every dump of that page from its listed values
"""
import argparse, hashlib, hmac, re, secrets, select, socket, struct, sys, time

MAGIC, VERSION, HEADER_LENGTH, TAG, LONGEST = b"PMON", 1, 168, 16, 1200
START, RUNNING, END, REPLY, PROBE = 1, 2, 3, 4, 5
OWN_RUNNING, OWN_ENDED = 1, 3
HELD_UNKNOWN, HELD_UP, HELD_ENDED = 0, 1, 5

# Section 3: every field with its type, big-endian.
FIELDS = [
    ("magic", "4s"), ("version", "B"), ("type", "B"), ("flags", "H"), ("total", "H"),
    ("header_length", "H"), ("key_id", "I"), ("sender", "16s"), ("receiver", "16s"),
    ("incarnation", "Q"), ("receiver_incarnation", "Q"), ("nonce", "Q"), ("echoed_nonce", "Q"),
    ("sequence", "Q"), ("beat", "Q"), ("monotonic", "Q"), ("wall", "q"), ("echoed_sequence", "Q"),
    ("echo_hold", "I"), ("announced", "I"), ("requested", "I"), ("pause", "I"), ("pause_age", "I"),
    ("remaining", "I"), ("start_count", "I"), ("last_ungraceful", "I"), ("own_state", "B"),
    ("held_state", "B"), ("application", "B"), ("path", "B"), ("reason", "H"), ("echoed_path", "B"),
    ("heard_paths", "B"), ("list_digest", "Q"),
]
LAYOUT = struct.Struct(">" + "".join(kind for _, kind in FIELDS))
assert LAYOUT.size == HEADER_LENGTH


# Section 2: identities, keys and tags.

def mac(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()

def node_id(group, name):
    return hashlib.sha256(b"peermon id\0" + group.encode() + b"\0" + name.encode()).digest()[:16]

def key_id(key):
    return int.from_bytes(hashlib.sha256(key).digest()[:4], "big") if key else 0

def direction_key(key, sender, receiver):
    return mac(key, b"peermon 1" + sender + receiver)


# Sections 3 and 6: datagrams.

def encode(fields, extensions, key):
    """The datagram with these fields (others are 0) and extensions [(type, value)]."""
    tail = b"".join(struct.pack(">HH", kind, len(value)) + value for kind, value in extensions)
    fixed = {"magic": MAGIC, "version": VERSION, "header_length": HEADER_LENGTH,
             "total": HEADER_LENGTH + len(tail) + TAG}
    message = LAYOUT.pack(*({**fixed, **fields}.get(name, 0) for name, _ in FIELDS)) + tail
    return message + mac(key, message)[:TAG]

def decode(data, me, peer, my_key_id, key):
    """Checks 1 to 10 and the tag; None if it is not for us. (A watcher checks the tag later, so
    that copies cost it no hash.)"""
    if not HEADER_LENGTH + TAG <= len(data) <= LONGEST:
        return None
    h = dict(zip((name for name, _ in FIELDS), LAYOUT.unpack_from(data)))
    if h["magic"] != MAGIC or h["version"] != VERSION or h["total"] != len(data):
        return None
    if not HEADER_LENGTH <= h["header_length"] <= len(data) - TAG:
        return None
    if not START <= h["type"] <= PROBE or not h["incarnation"] or not h["sequence"]:
        return None
    rest = data[h["header_length"]:-TAG]
    while rest:
        length = 4 + int.from_bytes(rest[2:4], "big")
        if len(rest) < length:
            return None
        rest = rest[length:]
    if h["monotonic"] >= 2**62 or h["path"] > 3:
        return None
    if (h["receiver"], h["sender"], h["key_id"]) != (me, peer, my_key_id):
        return None
    return h if hmac.compare_digest(mac(key, data[:-TAG])[:TAG], data[-TAG:]) else None


class Peer:
    """One server's side of the conversation with one other, on one path."""

    def __init__(self, options):
        self.names = [(1, options.group.encode()), (2, options.name.encode()),
                      (3, options.peer.encode())]
        self.me, self.other = (node_id(options.group, n) for n in (options.name, options.peer))
        key = bytes.fromhex(options.key)
        self.key_id = key_id(key) if options.key_id is None else int(options.key_id, 16)
        self.out_key = direction_key(key, self.me, self.other)
        self.in_key = direction_key(key, self.other, self.me)
        self.interval, self.to = options.interval, options.to
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        # Section 5: a life and a nonce of 64 random bits, never 0.
        self.incarnation = 1 + secrets.randbelow(2**64 - 1)
        self.nonce = 1 + secrets.randbelow(2**64 - 1)
        self.sequence = self.beat = 0
        self.current = None      # the life of the other server that proved itself, if any
        self.retired = set()
        self.highest = [0] * 4   # per path of that life
        self.heard = None        # the latest datagram of it, with its time: what we echo
        self.candidate = None    # the latest of a life that did not prove itself
        self.their_beat = self.beats_heard = 0
        self.ending = self.acknowledged = False

    def send(self, kind, echo=None):
        """Sends one datagram of `kind` that echoes `echo`: (header, time, nonce) or what we heard
        last."""
        self.sequence += 1
        h, at, nonce = echo or self.heard or self.candidate or ({}, 0, 0)
        now = time.monotonic_ns()
        life = h.get("incarnation", 0)
        held = HELD_UNKNOWN if not life or life != self.current else (
            HELD_ENDED if self.heard is None else HELD_UP)
        fields = dict(
            type=kind, key_id=self.key_id, sender=self.me, receiver=self.other,
            incarnation=self.incarnation, receiver_incarnation=life, nonce=self.nonce,
            echoed_nonce=nonce, sequence=self.sequence, beat=self.beat, monotonic=now,
            wall=time.time_ns(), echoed_sequence=h.get("sequence", 0), echoed_path=h.get("path", 0),
            echo_hold=min((now - at) // 1000, 2**32 - 1) if h else 0,
            announced=int(self.interval * 1e6), held_state=held, heard_paths=self.heard_paths(life),
            own_state=OWN_ENDED if self.ending else OWN_RUNNING)
        names = self.names if kind in (START, PROBE) else []
        self.socket.sendto(encode(fields, names, self.out_key), self.to)

    def heard_paths(self, life):
        """Section 3: bit 7, and one bit per path on which something came; we send on one. (A watcher
        looks at the time as well.)"""
        if not life or life != self.current:
            return 0
        return 0x80 | sum(1 << path for path, highest in enumerate(self.highest) if highest)

    def receive(self, data):
        h, now = decode(data, self.me, self.other, self.key_id, self.in_key), time.monotonic_ns()
        if h is None:
            return
        life, to_me = h["incarnation"], h["receiver_incarnation"] == self.incarnation
        proven = to_me and h["echoed_nonce"] == self.nonce
        seen = (h, now, h["nonce"])
        asks = h["type"] in (START, PROBE)
        if h["receiver_incarnation"] and not to_me:                       # section 6, A
            if life != self.current and h["type"] != PROBE:
                self.candidate = seen
            if asks:
                self.send(START if h["type"] == PROBE else REPLY, seen)
        elif life == self.current:                                        # B
            if h["sequence"] > self.highest[h["path"]]:
                self.highest[h["path"]] = h["sequence"]
                self.take(h, now)
                if asks or h["type"] == END:
                    self.send(REPLY, seen)
        elif life not in self.retired:                                    # C
            if proven and not self.ending and (h["own_state"] != OWN_ENDED or h["type"] == END):
                if self.current:
                    self.retired.add(self.current)
                self.current, self.highest, self.their_beat = life, [0] * 4, 0
                self.highest[h["path"]] = h["sequence"]
                self.nonce = 1 + secrets.randbelow(2**64 - 1)
                self.heard, self.candidate = None, None
                print("met", flush=True)
                self.take(h, now)
                if h["type"] not in (START, END) and h["held_state"] != HELD_UP:
                    self.send(START)                                      # 8.1
            elif not proven and h["type"] != PROBE:
                self.candidate = seen
            if asks or h["type"] == END:
                self.send(REPLY, seen)

    def take(self, h, now):
        """What a datagram of the current life says."""
        ours = h["receiver_incarnation"] == self.incarnation
        if ours and h["type"] == REPLY and h["held_state"] == HELD_ENDED:
            self.acknowledged = True
        if h["type"] == END:
            self.heard = None
            print("ended", flush=True)
            return
        # The nonce of a PROBE is for its own answer only.
        nonce = h["nonce"] if h["type"] != PROBE else (self.heard or (0, 0, 0))[2]
        self.heard = (h, now, nonce)
        if h["type"] == RUNNING and h["beat"] > self.their_beat:
            self.their_beat = h["beat"]
            self.beats_heard += 1
            print("beat", h["beat"], "held", h["held_state"], flush=True)

    def serve(self, until, due, send, done):
        """Receives, and calls `send` when due (it returns the time of the next), until `done`."""
        while not done() and time.monotonic() < until:
            if time.monotonic() >= due:
                due = send()
            wait = max(0, min(due, until) - time.monotonic())
            if select.select([self.socket], [], [], wait)[0]:
                self.receive(self.socket.recvfrom(LONGEST + 1)[0])
        return done()

    def meet(self, beats, patience, linger):
        """START until heard, RUNNING until `beats` heartbeats came, END until acknowledged."""
        origin = time.monotonic()

        def speak():
            now = time.monotonic()
            if self.heard is None:                       # section 9: 0, 50, 100, 200 ms ...
                self.send(START)
                return now + min(max(now - origin, 0.05), 5)
            self.beat += 1
            self.send(RUNNING)
            slots = (now - origin) // self.interval + 1  # 8.2: absolute slots
            return origin + slots * self.interval

        if not self.serve(origin + patience, 0, speak, lambda: self.beats_heard >= beats):
            return "nobody" if self.current is None else "silence"
        self.ending = True
        gap = [0.01]

        def say_end():
            gap[0] = min(gap[0] * 2, 0.5)
            self.send(END)
            return time.monotonic() + gap[0]

        done = self.serve(time.monotonic() + linger, 0, say_end, lambda: self.acknowledged)
        return "acknowledged" if done else "unheard"


# Section 14: the dumps of the page, from their listed values.

def dumps(path):
    text = open(path, encoding="ascii").read()
    vectors = re.search(r"```vectors\n(.*?)```", text, re.S)[1].split("\n")
    said = {" ".join(words[:-1]): words[-1] for words in map(str.split, vectors) if words}
    group, key = said["group"], bytes.fromhex(said["key"])
    assert said["key_id"] == f"{key_id(key):08x}"
    for what, value in said.items():
        words = what.split()
        if words[0] == "id":
            assert value == node_id(group, words[1]).hex(), what
        if words[0] == "direction":
            ids = (node_id(group, name) for name in words[1:])
            assert value == direction_key(key, *ids).hex(), what
    found = re.findall(r"```dump (\w+) (\w+) (\w+)\n(.*?)```", text, re.S)
    for kind, sender, receiver, lines in found:
        listed, fields, extensions = b"", {}, []
        for line in lines.splitlines():
            offset, raw, name, value = re.match(
                r"([0-9a-f]{4})  ((?:[0-9a-f]{2} )+) *(\w+) +(.*)$", line).groups()
            assert int(offset, 16) == len(listed), line
            listed += bytes.fromhex(raw)
            if name == "extension_type":
                extensions.append((int(value), b""))
            elif name == "extension_value":
                extensions[-1] = (extensions[-1][0], value.strip('"').encode())
            elif name in ("sender", "receiver"):
                fields[name] = node_id(group, value)
            elif name == "magic":
                fields[name] = value.strip('"').encode()
            elif name not in ("extension_length", "tag"):
                fields[name] = int(value, 0)
        ids = (node_id(group, name) for name in (sender, receiver))
        built = encode(fields, extensions, direction_key(key, *ids))
        assert built == listed, f"{kind}: built {built.hex()}\nlisted {listed.hex()}"
        assert decode(built, fields["receiver"], fields["sender"], key_id(key),
                      direction_key(key, fields["sender"], fields["receiver"])), kind
        print("same", kind)
    return "all" if found else "none"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    modes = parser.add_subparsers(dest="mode", required=True)
    meet = modes.add_parser("meet")
    for name in ("group", "name", "peer", "to"):
        meet.add_argument("--" + name, required=True)
    meet.add_argument("--key", default="", help="hexadecimal digits; none: no key")
    meet.add_argument("--key-id", help="claims another key id (for tests)")
    meet.add_argument("--interval", type=float, default=0.1, help="T2, seconds")
    meet.add_argument("--beats", type=int, default=10, help="ends after hearing so many")
    meet.add_argument("--patience", type=float, default=60, help="gives up after so many seconds")
    meet.add_argument("--linger", type=float, default=10, help="says END for so many seconds")
    modes.add_parser("dumps").add_argument("path")
    options = parser.parse_args()
    if options.mode == "dumps":
        outcome = dumps(options.path)
    else:
        host, port = options.to.rsplit(":", 1)
        options.to = (host, int(port))
        peer = Peer(options)
        print("port", peer.socket.getsockname()[1], flush=True)
        outcome = peer.meet(options.beats, options.patience, options.linger)
    print(outcome)
    return 0 if outcome in ("acknowledged", "all") else 1


if __name__ == "__main__":
    sys.exit(main())
