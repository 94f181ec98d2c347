"""A host whose packets scapy makes and reads: it sends what it is told to, and says what came back.

    host.py IFACE OUR_LINK

Each datagram to port 4242 of it is one thing to do: an expression, of which the value is packets (and numbers: seconds to listen). What
follows is printed on one line, `answers N [...]`, when the ping that is sent after the last packet has been answered: a stack that does
one thing after the other has said by then all that it has to say.
"""

import json
import select
import sys
import time
import traceback
from scapy.all import *

LINK = '02:00:00:00:00:99'
FOUR, SIX = '192.0.2.99', '2001:db8::99'
OUR4, OUR6 = '192.0.2.1', '2001:db8::1'
# The ping that ends an exchange has this identifier.
LAST = 0xfa70


def data(size):
    """Bytes of which no run is like another."""
    return bytes((i ^ i >> 8) & 255 for i in range(size))


def flat(value):
    return [each for item in value for each in flat(item)] if isinstance(value, (list, tuple, PacketList)) else [value]


# ---- what is sent ----

def four(**fields):
    return IP(**{'src': FOUR, 'dst': OUR4, **fields})


def six(**fields):
    return IPv6(**{'src': SIX, 'dst': OUR6, **fields})


def ping4(size, id=1):
    return four(id=id) / ICMP(id=id, seq=1) / Raw(data(size))


def ping6(size, id=1):
    return six() / IPv6ExtHdrFragment(id=id) / ICMPv6EchoRequest(id=id, seq=1, data=data(size))


def part4(packet, at, size, more=True, shown=None, **fields):
    """Bytes `at` and on of what `packet` carries, or others, as a fragment; scapy's own are made by `fragment`."""
    return four(id=packet.id, proto=IP(raw(packet)).proto, frag=at // 8, flags='MF' if more else 0, **fields) / Raw(shown or raw(packet.payload)[at:at + size])


def part6(packet, at, size, more=True, shown=None):
    """As `part4`: what follows the Fragment header of `packet`, whose checksum is that of the whole."""
    whole = IPv6(raw(packet))[IPv6ExtHdrFragment]
    return six() / IPv6ExtHdrFragment(nh=whole.nh, id=whole.id, offset=at // 8, m=more) / Raw(shown or raw(whole.payload)[at:at + size])


# ---- what comes back ----

def rightly(packet, field='chksum'):
    """Whether the checksum of the last header is the one that scapy computes."""
    came = getattr(packet, field)
    again = packet.underlayer.copy()
    delattr(again.payload, field)
    return 'rightly' if came == getattr(type(again)(raw(again)).payload, field) else 'with a bad checksum'


def quoted(inner, sent):
    """Which of the packets that were sent is quoted, and how much of it."""
    bytes_ = raw(inner)
    for i, each in enumerate(sent):
        if raw(each).startswith(bytes_):
            return f'{i}' if len(bytes_) == len(raw(each)) else f'{len(bytes_)} bytes of {i}'
    return 'what was not sent'


def told(packet, sent):
    """A packet in words."""
    for kind, family, reply, field in ((ICMPv6EchoReply, 6, None, 'cksum'), (ICMP, 4, 0, 'chksum')):
        if kind in packet and (reply is None or packet[ICMP].type == reply):
            message = packet[kind]
            load = message.data if family == 6 else raw(message.payload)
            return f'echo reply {message.id}: {len(load)} {"bytes" if load == data(len(load)) else "other bytes"} {rightly(message, field)}'
    if ICMPv6ParamProblem in packet:
        problem = packet[ICMPv6ParamProblem]
        return f'parameter problem {problem.code} at {problem.ptr} of {quoted(problem.payload, sent)}'
    if ICMPv6TimeExceeded in packet:
        return f'time exceeded {packet[ICMPv6TimeExceeded].code} of {quoted(packet[ICMPv6TimeExceeded].payload, sent)}'
    if ICMP in packet and packet[ICMP].type in (3, 11, 12):
        return f'{ {3: "unreachable", 11: "time exceeded", 12: "parameter problem"}[packet[ICMP].type] } {packet[ICMP].code} of {quoted(packet[ICMP].payload, sent)}'
    if UDP in packet and ICMP not in packet:
        load = bytes(packet[UDP].payload)
        return f'udp {packet[UDP].sport}: {len(load)} {"bytes" if load == data(len(load)) else "other bytes"} {rightly(packet[UDP])}'
    return packet.summary()


def is_control(packet):
    return UDP in packet and packet[UDP].dport == 4242


def is_noise(packet):
    return (ICMPv6ND_NS in packet or ICMPv6ND_NA in packet) and packet[IPv6].dst.startswith('ff02:')


class Host:
    def __init__(self, iface, our):
        self.wire = conf.L2socket(iface=iface)
        self.header = Ether(src=LINK, dst=our)
        self.pings = 0
        # Who asks for an address is remembered.
        self.wire.send(Ether(src=LINK, dst='ff:ff:ff:ff:ff:ff') / ARP(op=1, hwsrc=LINK, psrc=FOUR, pdst=OUR4))

    def frames(self, seconds=None):
        """Packets that arrive, until there are none for so long."""
        until = None if seconds is None else time.monotonic() + seconds
        while until is None or select.select([self.wire], [], [], max(0, until - time.monotonic()))[0]:
            frame = self.wire.recv(65535)
            if frame is None or Ether not in frame or frame[Ether].src == LINK:
                continue
            if ARP in frame and frame[ARP].op == 1 and frame[ARP].pdst == FOUR:
                asked = frame[ARP]
                self.wire.send(self.header / ARP(op=2, hwsrc=LINK, psrc=FOUR, hwdst=asked.hwsrc, pdst=asked.psrc))
            elif (IP in frame or IPv6 in frame) and not is_noise(frame):
                yield frame.payload

    def do(self, expression, family):
        sent = []
        heard = []
        for item in flat(eval(expression)):
            if isinstance(item, (int, float)):
                heard.extend(self.frames(item))
                continue
            packet = type(item)(raw(item))
            sent.append(packet)
            self.wire.send(self.header / packet)
        self.pings += 1
        last = six() / ICMPv6EchoRequest(id=LAST, seq=self.pings) if family is IPv6 else four() / ICMP(id=LAST, seq=self.pings)
        self.wire.send(self.header / last)
        for packet in self.frames(5):
            reply = packet[ICMPv6EchoReply] if ICMPv6EchoReply in packet else packet[ICMP] if ICMP in packet else None
            if reply is not None and getattr(reply, 'id', None) == LAST:
                if reply.seq == self.pings:
                    break
                continue
            heard.append(packet)
        else:
            return ['nothing: the last ping was not answered']
        return [told(packet, sent) for packet in self.whole(heard, family)]

    def whole(self, heard, family):
        """Fragments put together, by scapy."""
        if family is IP:
            return [IP(raw(each)) for each in defragment(heard)]
        pieces = {}
        for each in heard:
            if IPv6ExtHdrFragment in each and ICMPv6ParamProblem not in each and ICMPv6TimeExceeded not in each:
                pieces.setdefault(each[IPv6ExtHdrFragment].id, []).append(each)
        entire = [each for each in heard if not any(each in group for group in pieces.values())]
        return entire + [IPv6(raw(defragment6(group))) for group in pieces.values()]

    def serve(self):
        print('ready', flush=True)
        for number, packet in enumerate(filter(is_control, self.frames())):
            try:
                answers = self.do(bytes(packet[UDP].payload).decode(), type(packet))
            except Exception:
                answers = [traceback.format_exc()]
            print(f'answers {number} {json.dumps(answers)}', flush=True)


if __name__ == '__main__':
    Host(*sys.argv[1:]).serve()
