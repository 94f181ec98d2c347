"""AF_PACKET of the kernel, for our packet sockets to talk to.

    packet.py hear IFACE TYPE PROTOCOL       prints each packet that comes in: type, protocol, sender, bytes; until it is ended
    packet.py send IFACE FRAME               sends a whole frame, in hexadecimal
    packet.py sendto IFACE LINK PROTOCOL DATA  sends a packet, to which the kernel adds the header
    packet.py echo IFACE PROTOCOL            sends back to their sender what comes, until it is ended
    packet.py datagram ADDRESS TEXT          sends a UDP datagram to port 4242
"""

import socket
import sys

TYPES = {socket.PACKET_HOST: 'host', socket.PACKET_BROADCAST: 'broadcast', socket.PACKET_MULTICAST: 'multicast',
         socket.PACKET_OTHERHOST: 'otherhost', socket.PACKET_OUTGOING: 'outgoing'}


def packet_socket(kind, iface, protocol):
    made = socket.socket(socket.AF_PACKET, kind, socket.htons(protocol))
    made.bind((iface, protocol))
    return made


def hear(iface, kind, protocol):
    ear = packet_socket(socket.SOCK_RAW if kind == 'raw' else socket.SOCK_DGRAM, iface, int(protocol, 16))
    print('ready', flush=True)
    while True:
        data, (_, number, how, _, sender) = ear.recvfrom(65535)
        if how != socket.PACKET_OUTGOING:
            print(f'{TYPES[how]} {number:x} {sender.hex(":")} {data.hex()}', flush=True)


def send(iface, frame):
    packet_socket(socket.SOCK_RAW, iface, 0).send(bytes.fromhex(frame))


def sendto(iface, link, protocol, data):
    packet_socket(socket.SOCK_DGRAM, iface, 0).sendto(bytes.fromhex(data), (iface, int(protocol, 16), 0, 0, bytes.fromhex(link.replace(':', ''))))


def echo(iface, protocol):
    both = packet_socket(socket.SOCK_DGRAM, iface, int(protocol, 16))
    print('ready', flush=True)
    while True:
        data, source = both.recvfrom(65535)
        if source[2] != socket.PACKET_OUTGOING:
            both.sendto(data, source)


def datagram(address, text):
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(text.encode(), (address, 4242))


if __name__ == '__main__':
    {'hear': hear, 'send': send, 'sendto': sendto, 'echo': echo, 'datagram': datagram}[sys.argv[1]](*sys.argv[2:])
