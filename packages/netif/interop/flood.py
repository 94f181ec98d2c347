"""A flood of tagged datagrams of priority 0 with an urgent one now and then, straight into an interface by AF_PACKET.

    flood.py IFACE LINK SECONDS RATE     LINK is the receiver's address, RATE the flood's datagrams a second

The datagrams go from 198.51.100.2 to 198.51.100.1 in VLAN 100: the flood to port 1, and 100 a second of priority 6 to port 2. Each begins
with the instant at which it was sent, in nanoseconds of CLOCK_MONOTONIC.
"""

import socket
import struct
import sys
import time


def checksum(data):
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def header(link, priority, port, size):
    """All that stands before the data. No UDP checksum, which IPv4 allows (RFC 768)."""
    ethernet = link + bytes.fromhex('020000000099') + struct.pack('!HHH', 0x8100, priority << 13 | 100, 0x0800)
    addresses = bytes([198, 51, 100, 2, 198, 51, 100, 1])
    ip = struct.pack('!BBHHHBBH', 0x45, 0, 20 + 8 + size, 0, 0x4000, 64, 17, 0) + addresses
    ip = ip[:10] + struct.pack('!H', checksum(ip)) + ip[12:]
    return ethernet + ip + struct.pack('!HHHH', 4242, port, 8 + size, 0)


def main(iface, link, seconds, rate):
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    wire.bind((iface, 0))
    link = bytes.fromhex(link.replace(':', ''))
    padding = bytes(56)
    low, high = header(link, 0, 1, 64), header(link, 6, 2, 64)
    now = began = time.monotonic_ns()
    until = began + int(float(seconds) * 1e9)
    step = 1e9 / float(rate)
    flooded = urgent = refused = 0
    while now < until:
        if (now - began) // 10_000_000 >= urgent:
            wire.send(high + struct.pack('!Q', now) + padding)
            urgent += 1
        # As many as are due, a few at a time: a sleep is longer than the time between two.
        for _ in range(min(32, int((now - began) / step) - flooded)):
            try:
                wire.send(low + struct.pack('!Q', now) + padding)
            except OSError:
                refused += 1
            flooded += 1
        time.sleep(0.0002)
        now = time.monotonic_ns()
    print(f'sent {flooded} and {urgent}, refused {refused}', flush=True)


main(*sys.argv[1:])
