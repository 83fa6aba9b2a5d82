"""A middlebox that resets TCP connections: remembers what it saw, forges what ends it. Pure.

RFC 9293, section 3.10.7: a RST is believed if its sequence number is exactly the next expected
one, which is that after the last octet that the middlebox saw the other side send.
"""

import struct

FIN, SYN, RST, ACK = 1, 2, 4, 16


class Connections:
    """The TCP connections in the frames seen so far."""

    def __init__(self):
        # (side, source, source port, destination, destination port) -> [MACs, next sequence]
        self.flows = {}

    def observe(self, side, frame):
        """Takes note of an Ethernet frame that came in at `side` (0 or 1)."""
        segment = parse(frame)
        if segment is None:
            return
        key = (side, *segment["ends"])
        if segment["flags"] & RST:
            self.flows.pop(key, None)
            return
        known = self.flows.get(key)
        behind = known is not None and (segment["next"] - known[1]) % 2**32 >= 2**31
        # A new SYN begins anew; an old segment, sent again, takes nothing back.
        if not behind or segment["flags"] & SYN:
            self.flows[key] = [frame[:12], segment["next"]]

    def resets(self):
        """A forged RST in each direction of each connection: (the side it seems to be from, frame)."""
        forged = [
            (side, build(macs, ends, following))
            for (side, *ends), (macs, following) in self.flows.items()
        ]
        self.flows.clear()
        return forged


def parse(frame):
    """The ends, the flags and the following sequence number of a TCP segment over IPv4."""
    if len(frame) < 54 or frame[12:14] != b"\x08\x00" or frame[23] != 6:
        return None
    header = (frame[14] & 15) * 4
    total = int.from_bytes(frame[16:18], "big")
    tcp = frame[14 + header:]
    if len(tcp) < 20:
        return None
    source, destination, sequence, _, offset, flags = struct.unpack_from("!HHIIBB", tcp)
    data = total - header - (offset >> 4) * 4
    octets = data + bool(flags & SYN) + bool(flags & FIN)
    return {
        "ends": (frame[26:30], source, frame[30:34], destination),
        "flags": flags,
        "next": (sequence + octets) % 2**32,
    }


def build(macs, ends, sequence):
    """An Ethernet frame with a RST from the first of the two ends to the second."""
    source, source_port, destination, destination_port = ends
    tcp = struct.pack("!HHIIBBHHH", source_port, destination_port, sequence, 0, 5 << 4, RST,
                      0, 0, 0)
    pseudo = source + destination + struct.pack("!BBH", 0, 6, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, source, destination)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return macs + b"\x08\x00" + ip + tcp


def checksum(octets):
    """The Internet check sum (RFC 1071)."""
    if len(octets) % 2:
        octets += b"\0"
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
