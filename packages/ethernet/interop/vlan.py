"""A host of tagged frames, made with scapy: it answers in each VLAN, and asks when it is told to.

    vlan.py serve IFACE                          answers ARP, neighbour solicitations, pings and datagrams, until it is ended
    vlan.py ask IFACE LINK TAGS PRIORITY ADDRESS pings ADDRESS at LINK once; TAGS is 100, 0, 100/200, or - for none

AF_PACKET takes the tag out of what it hands up; scapy puts it back from PACKET_AUXDATA.
"""

import select
import sys
import time
from scapy.all import (ARP, ICMP, ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, IP, UDP, Dot1Q, Ether, IPv6,
                       Raw, conf, raw)

OWN = '02:00:00:00:00:99'
ADDRESSES = {
    None: ('192.0.2.2', '2001:db8::2'),
    100: ('198.51.100.2', '2001:db8:100::2'),
    200: ('203.0.113.2', '2001:db8:200::2'),
}


def whole(packet, layer):
    """Whether the checksum that came is the one that scapy computes."""
    field = 'cksum' if layer is ICMPv6EchoRequest else 'chksum'
    came = getattr(packet[layer], field)
    again = Ether(raw(packet))
    delattr(again[layer], field)
    return came == getattr(Ether(raw(again))[layer], field)


def answer(packet):
    """The answer of a host with ADDRESSES, or nothing; with what is to be told of the question."""
    tag = packet[Dot1Q].vlan if Dot1Q in packet else None
    priority = packet[Dot1Q].prio if Dot1Q in packet else 0
    if tag not in ADDRESSES:
        return None, None
    four, six = ADDRESSES[tag]
    link = Ether(src=OWN, dst=packet[Ether].src)
    if tag is not None:
        link = link / Dot1Q(vlan=tag, prio=priority)
    where = f'vlan {tag} priority {priority}'
    if ARP in packet and packet[ARP].op == 1 and packet[ARP].pdst == four:
        asked = packet[ARP]
        return link / ARP(op=2, hwsrc=OWN, psrc=four, hwdst=asked.hwsrc, pdst=asked.psrc), f'{where} arp'
    if ICMPv6ND_NS in packet and packet[ICMPv6ND_NS].tgt == six and packet[IPv6].src != '::':
        return (link / IPv6(src=six, dst=packet[IPv6].src, hlim=255) / ICMPv6ND_NA(tgt=six, R=0, S=1, O=1) / ICMPv6NDOptDstLLAddr(lladdr=OWN),
                f'{where} nd')
    for family, own in ((IP, four), (IPv6, six)):
        if family not in packet or packet[family].dst != own:
            continue
        back = link / family(src=own, dst=packet[family].src)
        if ICMP in packet and packet[ICMP].type == 8:
            return back / ICMP(type=0, id=packet[ICMP].id, seq=packet[ICMP].seq) / packet[ICMP].payload, f'{where} ping4 {whole(packet, ICMP)}'
        if ICMPv6EchoRequest in packet:
            asked = packet[ICMPv6EchoRequest]
            return back / ICMPv6EchoReply(id=asked.id, seq=asked.seq, data=asked.data), f'{where} ping6 {whole(packet, ICMPv6EchoRequest)}'
        if UDP in packet:
            data = bytes(packet[UDP].payload)
            return back / UDP(sport=packet[UDP].dport, dport=packet[UDP].sport) / Raw(data), f'{where} udp {len(data)} {whole(packet, UDP)}'
    return None, None


def serve(iface):
    wire = conf.L2socket(iface=iface)
    print('ready', flush=True)
    while True:
        packet = wire.recv(65535)
        if packet is None or Ether not in packet or packet[Ether].src == OWN:
            continue
        reply, said = answer(packet)
        if reply is not None:
            wire.send(reply)
            print(said, flush=True)


def ask(iface, link, tags, priority, address):
    frame = Ether(src=OWN, dst=link)
    tagged = [] if tags == '-' else [int(tag) for tag in tags.split('/')]
    for tag in tagged:
        frame = frame / Dot1Q(vlan=tag, prio=int(priority))
    four, six = ADDRESSES.get((tagged[-1] if tagged else 0) or None, ADDRESSES[None])
    if ':' in address:
        frame = frame / IPv6(src=six, dst=address) / ICMPv6EchoRequest(id=7, seq=1, data=b'x' * 40)
    else:
        frame = frame / IP(src=four, dst=address) / ICMP(id=7, seq=1) / Raw(b'x' * 40)
    wire = conf.L2socket(iface=iface)
    wire.send(frame)
    until = time.monotonic() + 0.5
    while (left := until - time.monotonic()) > 0 and select.select([wire], [], [], left)[0]:
        packet = wire.recv(65535)
        if packet is None or Ether not in packet or packet[Ether].dst != OWN:
            continue
        if (ICMP in packet and packet[ICMP].type == 0) or ICMPv6EchoReply in packet:
            where = f'vlan {packet[Dot1Q].vlan} priority {packet[Dot1Q].prio}' if Dot1Q in packet else 'untagged'
            print(f'answered {where}', flush=True)
            return
    print('no answer', flush=True)


if __name__ == '__main__':
    {'serve': serve, 'ask': ask}[sys.argv[1]](*sys.argv[2:])
