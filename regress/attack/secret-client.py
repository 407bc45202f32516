#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""An SSH client that tells its secrets: secret-client.py CONFIG HOST OUT.

One connection per kind of cipher, each with a shell; OUT gets a line "LABEL
HEX" for each secret of a key exchange as a client sees it. Says "ready" when
all shells answered, goes on until its standard input ends.
"""
import asyncio
import sys
import warnings

warnings.simplefilter('ignore')
import asyncssh
from asyncssh import kex

KINDS = {
    'gcm': ('aes256-gcm@openssh.com', 'hmac-sha2-256'),
    'ctr': ('aes128-ctr', 'hmac-sha2-256'),
    'chacha': ('chacha20-poly1305@openssh.com', 'hmac-sha2-256'),
}
USES = {b'A': 'iv-c2s', b'B': 'iv-s2c', b'C': 'key-c2s', b'D': 'key-s2c',
        b'E': 'mac-c2s', b'F': 'mac-s2c'}


def main(config, host, out):
    secrets = open(out, 'w', encoding='ascii')
    kind = None
    compute = kex.Kex.compute_key

    def tell(label, value):
        if len(value) >= 8:
            print(f'{kind}-{label} {value.hex()}', file=secrets, flush=True)

    def compute_key(self, k, h, x, session_id, keylen):
        key = compute(self, k, h, x, session_id, keylen)
        if x == b'A':
            tell('K', k.to_bytes((k.bit_length() + 7) // 8, 'big'))
            tell('H', h)
        # An AES-GCM IV ends with a counter that is on the wire as good as.
        tell(USES[x], key)
        if len(key) == 64:
            tell(USES[x] + '-1', key[:32])
            tell(USES[x] + '-2', key[32:])
        return key

    kex.Kex.compute_key = compute_key

    async def run():
        nonlocal kind
        live = []
        for kind, (cipher, mac) in KINDS.items():
            c = await asyncssh.connect(
                host, config=config, encryption_algs=[cipher], mac_algs=[mac],
                kex_algs=['curve25519-sha256'], compression_algs=['none'],
                rekey_bytes=1 << 40, rekey_seconds=1 << 30)
            p = await c.create_process(term_type='xterm')
            p.stdin.write('echo $((20+22))-answer\n')
            await asyncio.wait_for(p.stdout.readuntil('42-answer'), 20)
            live.append((c, p))
        print('ready', flush=True)
        await asyncio.get_running_loop().run_in_executor(
            None, sys.stdin.read)

    asyncio.run(run())


main(*sys.argv[1:])
