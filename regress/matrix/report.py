#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""The matrix's report, in Markdown.

    report.py TOP DIRECTORY     of the last run of each part"""

import collections
import json
import os
import platform
import sys

import algorithms
from plan import NONE

FACTORS = (('cipher', 'Cipher'), ('mac', 'MAC'), ('kex', 'Key exchange'),
           ('hostkey', 'Host key'), ('auth', 'Authentication'),
           ('user', 'Account'), ('family', 'Family'), ('tty', 'Terminal'),
           ('compress', 'Compression asked for'), ('rekey', 'Rekeys begun by'))
WORDS = {NONE: '(in the cipher)', True: 'yes', False: 'no', 4: 'IPv4', 6: 'IPv6',
         'kbdint': 'keyboard-interactive (PAM)', 'two': 'publickey,password',
         'agent': 'ed25519 in an agent, host-bound',
         'restricted': 'ed25519 with restrict, from=',
         'certificate': 'certificate with source-address'}


def word(value):
    return WORDS.get(value, str(value))


def kind(row):
    if row['outcome'] == 'adopted twice':
        return 'adopted twice'
    return 'refused' if row['outcome'].startswith('not protected') else 'failed'


def table(head, rows):
    print('| ' + ' | '.join(head) + ' |')
    print('|' + '---|' * len(head))
    for row in rows:
        print('| ' + ' | '.join(map(str, row)) + ' |')
    print()


def head(parts):
    print('# Every client, cipher and kind of authentication\n')
    print('`make matrix`, %d cores, Linux %s.\n' % (
        os.cpu_count(), platform.release()))
    table(('part', 'date', 'commit', 'combinations', 'took',
           'load average at the end'), [
        (p['part'], p['date'], p['commit'], len(p['rows']), '%d min %d s' % divmod(
            p['seconds'], 60), p['load']) for p in parts])
    print("Wide: the server offers everything and the client chooses; pairs of all "
          "factors.\nNarrow: the server offers one algorithm of each kind, for "
          "clients that don't let one\nchoose; pairs of these suites with the other "
          "factors. Full: every cipher with every\nMAC.\n")
    print('Each combination is a session through two power cuts, A to B to A. '
          'Before the\nfirst and after each: 60 or 130 kB from the shell and 40 kB '
          'to it compared byte by\nbyte with a rekey among them, a PAM session on '
          'the host that serves; at each cut\na running counter without a hole '
          'up to the notice of the new shell; at the end\nthe exit status. '
          'Sessions run at once, in batches, each batch in a lab of its own,\n'
          'and under the auditor.\n')


def main():
    top, directory = sys.argv[1:]
    parts = []
    for name in ('wide', 'narrow', 'full'):
        path = os.path.join(directory, name + '.json')
        if os.path.exists(path):
            with open(path, encoding='utf-8') as f:
                parts.append(json.load(f))
    head(parts)
    rows = [row for part in parts for row in part['rows']]
    versions = algorithms.versions(top)
    clients = list(versions)
    counts = collections.Counter((r['client'], kind(r)) for r in rows)
    kinds = ('adopted twice', 'refused', 'failed')
    table(('client', 'version', 'combinations') + kinds, [
        (c, versions[c], sum(counts[c, k] for k in kinds),
         *(counts[c, k] for k in kinds)) for c in clients] + [
        ('all', '', len(rows), *(sum(counts[c, k] for c in clients)
                                 for k in kinds))])
    print('Combinations adopted twice of those tried; an empty field: the client '
          "hasn't it, or\nit was not tried.\n")
    for factor, title in FACTORS:
        print('## %s\n' % title)
        values = sorted({r[factor] for r in rows}, key=str)
        lines = []
        for v in values:
            line = [word(v)]
            for c in clients:
                of = [r for r in rows if r[factor] == v and r['client'] == c]
                good = sum(kind(r) == 'adopted twice' for r in of)
                line.append('%d of %d' % (good, len(of)) if of else '')
            lines.append(line)
        table(('', *clients), lines)
        if factor == 'rekey':
            print('dbclient begins none by itself before a gigabyte, and tells of '
                  'none: with it\n"client" means none, "server" that the server '
                  'has a small RekeyLimit. Of all others\ntheir own log says that '
                  'there was one in each step.\n')
    print('## Refused, or failed\n')
    others = [r for r in rows if kind(r) != 'adopted twice']
    if others:
        table(('client', 'cipher', 'MAC', 'kex', 'authentication', 'outcome'), [
            (r['client'], r['cipher'], r['mac'], r['kex'], word(r['auth']),
             r['outcome'].replace('|', '/')) for r in others])
    else:
        print('None.')


if __name__ == '__main__':
    main()
