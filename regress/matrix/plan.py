#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Which combinations the matrix tries, in batches of one lab each.

    plan.py TOP DIRECTORY [PARTS]   writes batch-NN-PART.json there

Parts: "wide": the server offers everything and the client chooses; pairs of all
factors. "narrow": the server offers one algorithm of each kind, for clients
that don't let one choose; pairs of the suites with the other factors. "full":
every cipher with every MAC, with the client of our OpenSSH."""

import json
import math
import os
import random
import sys

import algorithms
from covering import Rows

SEED = 3
BATCH = 30

# What is in use. Weaker ones that sshd could be told to offer are left out.
KEX = ('mlkem768x25519-sha256 sntrup761x25519-sha512@openssh.com '
       'curve25519-sha256 curve25519-sha256@libssh.org ecdh-sha2-nistp256 '
       'ecdh-sha2-nistp384 ecdh-sha2-nistp521 diffie-hellman-group14-sha256 '
       'diffie-hellman-group16-sha512 '
       'diffie-hellman-group-exchange-sha256').split()
CIPHER = ('chacha20-poly1305@openssh.com aes128-gcm@openssh.com '
          'aes256-gcm@openssh.com aes128-ctr aes192-ctr aes256-ctr '
          'aes128-cbc').split()
MAC = [m + etm for m in ('hmac-sha2-256', 'hmac-sha2-512', 'hmac-sha1',
                         'umac-64', 'umac-128') for etm in ('', '-etm')]
MAC = [m + '@openssh.com' if 'umac' in m or 'etm' in m else m for m in MAC]
HOSTKEY = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'rsa-sha2-256', 'rsa-sha2-512']
WANTED = {'kex': KEX, 'cipher': CIPHER, 'mac': MAC, 'hostkey': HOSTKEY}
AUTH = ['ed25519', 'ecdsa', 'rsa', 'restricted', 'certificate', 'agent',
        'password', 'kbdint', 'two']
NONE = '-'  # the cipher authenticates by itself
CHOOSERS = ['ssh-9.2', 'ssh-10.0', 'paramiko', 'asyncssh', 'libssh']
OTHERS = ['plink', 'dbclient']

# An agent that binds keys to hosts is OpenSSH's; Dropbear has no certificates.
NO_AUTH = {'agent': set(CHOOSERS[2:] + OTHERS), 'certificate': {'dbclient'}}


def aead(cipher):
    return 'gcm' in cipher or 'poly1305' in cipher


def both(wanted, *lists):
    """Those of wanted that are in each list."""
    return [a for a in wanted if all(a in l for l in lists)]


class Plan:
    """The batches."""

    def __init__(self, top):
        self._has, self._server = algorithms.of_clients(top)
        self._random = None
        self.batches = []

    def add(self, part):
        # Each part by itself gives the rows that it has among the others.
        self._random = random.Random('%d %s' % (SEED, part))
        {'wide': self._wide, 'narrow': self._narrow, 'full': self._full}[part]()

    def _batch(self, part, rows, **server):
        """Adds rows as one batch; server are lines for sshd_config."""
        number = 1 + sum(b['part'] == part for b in self.batches)
        # Every other server asks for new keys often.
        if number % 2 == 0:
            server['RekeyLimit'] = '48K'
        for i, row in enumerate(rows):
            row['id'] = '%s-%02d-%02d' % (part, number, i)
            row['rekey'] = 'server' if 'RekeyLimit' in server else 'client'
        self.batches.append({'part': part, 'server': server, 'rows': rows})

    def _batches(self, part, rows, **server):
        n = math.ceil(len(rows) / BATCH)
        for i in range(n):
            self._batch(part, rows[i::n], **server)

    def _offer_all(self):
        return {name: ','.join(self._server[kind]) for name, kind in
                (('Ciphers', 'cipher'), ('MACs', 'mac'), ('KexAlgorithms', 'kex'))}

    def _wide(self):
        factors = {
            'client': CHOOSERS, 'cipher': both(CIPHER, self._server['cipher']),
            'mac': [NONE] + MAC, 'kex': both(KEX, self._server['kex']),
            'hostkey': HOSTKEY, 'auth': AUTH, 'family': [4, 6],
            'user': ['user', 'root'], 'tty': [False, True],
            'compress': [False, True]}

        def choices(row):
            left = {n: [row[n]] if n in row else v for n, v in factors.items()}
            left['client'] = [c for c in left['client'] if self._fits(c, left)]
            if not left['client']:
                return None
            if 'client' in row:
                for kind in ('kex', 'hostkey', 'cipher', 'mac'):
                    left[kind] = [a for a in left[kind] if a == NONE or
                                  a in self._has[row['client']][kind]]
                left['auth'] = [a for a in left['auth']
                                if row['client'] not in NO_AUTH.get(a, ())]
            if 'mac' in row:
                left['cipher'] = [c for c in left['cipher']
                                  if aead(c) == (row['mac'] == NONE)]
            if 'cipher' in row:
                left['mac'] = [m for m in left['mac']
                               if aead(row['cipher']) == (m == NONE)]
            return left if all(left.values()) else None

        self._batches('wide', Rows(factors, choices, self._random).cover(),
                      **self._offer_all())

    def _fits(self, client, left):
        """Can the client do what is settled? What isn't has several values."""
        return all(v[0] == NONE or v[0] in self._has[client][kind]
                   for kind in ('kex', 'hostkey', 'cipher', 'mac')
                   if len(v := left[kind]) == 1) and \
            all(client not in NO_AUTH.get(a, ()) for a in left['auth']
                if len(left['auth']) == 1)

    def _suites(self):
        """One of each kind, until OTHERS had each of theirs: as few as may be."""
        left = {(c, kind, a) for c in OTHERS for kind, wanted in WANTED.items()
                for a in both(wanted, self._has[c][kind], self._server[kind])}
        suites = []
        while left:
            # A first that is still missing, so that each round adds one.
            kind, name = min(left)[1:]
            tries = []
            for _ in range(2000):
                suite = {k: self._random.choice(w) for k, w in WANTED.items()}
                suite[kind] = name
                new = {(c, k, a) for c in OTHERS if self._does(c, suite)
                       for k, a in suite.items()
                       if k != 'mac' or not aead(suite['cipher'])} & left
                tries.append((len(new), sorted(suite.items()), new))
            most, suite, new = max(tries)
            if not most:
                raise ValueError('no suite has %s' % name)
            suites.append(dict(suite))
            left -= new
        return suites

    def _does(self, client, suite):
        return all(a in self._has[client][kind] for kind, a in suite.items()
                   if kind != 'mac' or not aead(suite['cipher']))

    def _narrow(self):
        suites = self._suites()
        factors = {'client': OTHERS, 'suite': list(range(len(suites))),
                   'auth': AUTH, 'family': [4, 6], 'user': ['user', 'root'],
                   'tty': [False, True], 'compress': [False, True]}

        def choices(row):
            left = {n: [row[n]] if n in row else v for n, v in factors.items()}
            left['client'] = [
                c for c in left['client']
                if ('suite' not in row or self._does(c, suites[row['suite']]))
                and ('auth' not in row or c not in NO_AUTH.get(row['auth'], ()))]
            if 'client' in row:
                left['suite'] = [s for s in left['suite']
                                 if self._does(row['client'], suites[s])]
                left['auth'] = [a for a in left['auth']
                                if row['client'] not in NO_AUTH.get(a, ())]
            return left if all(left.values()) else None

        rows = Rows(factors, choices, self._random).cover()
        for i, suite in enumerate(suites):
            used = dict(suite)
            if aead(suite['cipher']):
                used['mac'] = NONE
            batch = [r for r in rows if r['suite'] == i]
            # The others, once each, if they can.
            batch += [{'client': c, 'auth': 'ed25519', 'family': 4 + 2 * (i % 2),
                       'user': 'user', 'tty': i % 2 == 0, 'compress': False}
                      for c in CHOOSERS if self._does(c, suite)]
            self._batch('narrow', [dict(row, **used) for row in batch],
                        Ciphers=suite['cipher'], MACs=suite['mac'],
                        KexAlgorithms=suite['kex'],
                        HostKeyAlgorithms=suite['hostkey'])

    def _full(self):
        pairs = [(c, m) for c in CIPHER for m in ([NONE] if aead(c) else MAC)]
        rows = [{'client': 'ssh-10.0', 'cipher': c, 'mac': m,
                 'kex': 'curve25519-sha256', 'hostkey': 'ssh-ed25519',
                 'auth': 'ed25519', 'family': 4 + 2 * (i % 2), 'user': 'user',
                 'tty': i % 3 == 0, 'compress': False}
                for i, (c, m) in enumerate(pairs)]
        self._batches('full', rows, **self._offer_all())


def main():
    top, directory = sys.argv[1:3]
    parts = sys.argv[3:] or ['wide', 'narrow', 'full']
    plan = Plan(top)
    for part in parts:
        plan.add(part)
    for i, batch in enumerate(plan.batches):
        name = 'batch-%02d-%s.json' % (i + 1, batch['part'])
        with open(os.path.join(directory, name), 'w', encoding='ascii') as f:
            json.dump(batch, f, indent=1)
    print('%d combinations in %d batches' % (
        sum(len(b['rows']) for b in plan.batches), len(plan.batches)))


if __name__ == '__main__':
    main()
