#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""The matrix's report, in Markdown.

    report.py TOP RESULTS COMMAND SECONDS"""

import collections
import json
import os
import platform
import subprocess
import sys
import time

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


def git(top, *args):
    return subprocess.run(['git', '-C', top, *args], capture_output=True,
                          text=True, check=False)


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


def head(top, command, seconds):
    commit = git(top, 'rev-parse', '--short', 'HEAD').stdout.strip()
    changed = git(top, 'diff', '--quiet', 'HEAD').returncode
    print('# Every client, cipher and kind of authentication\n')
    print('%s, commit %s%s, `%s`: %d min %d s, %d cores (load average %.1f at '
          'the end), Linux %s.\n' % (
              time.strftime('%Y-%m-%d', time.gmtime()), commit,
              ' with changes' if changed else '', command.strip(),
              seconds // 60, seconds % 60, os.cpu_count(), os.getloadavg()[0],
              platform.release()))
    print('Each combination is a session through two power cuts, A to B to A. '
          'Before the\nfirst and after each: 270 kB from the shell and 40 kB to '
          'it compared byte by\nbyte with a rekey among them, a PAM session on '
          'the host that serves; at each cut\na running counter without a hole '
          'up to the notice of the new shell; at the end\nthe exit status. '
          'Sessions run at once, in batches, each batch in a lab of its own.\n')


def main():
    top, results, command, seconds = sys.argv[1:]
    with open(results, encoding='utf-8') as f:
        rows = [json.loads(line) for line in f]
    head(top, command, int(seconds))
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
