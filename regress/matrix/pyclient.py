# SPDX-License-Identifier: ISC
"""What the clients with Python's libraries share: their options."""

import argparse
import sys


def parse(query, version):
    """The options; -Q KIND and -V are answered here.

    query(kind) is what the library has of a kind, version what it calls itself."""
    p = argparse.ArgumentParser()
    p.add_argument('-Q', dest='query')
    p.add_argument('-V', dest='version', action='store_true')
    p.add_argument('--auth', default='publickey')
    for name in ('key', 'certificate', 'password', 'known-hosts', 'kex',
                 'hostkey', 'cipher', 'mac', 'log'):
        p.add_argument('--' + name)
    p.add_argument('--rekey-bytes', type=int)
    for name in ('tty', 'compress'):
        p.add_argument('--' + name, action='store_true')
    p.add_argument('user', nargs='?')
    p.add_argument('host', nargs='?')
    o = p.parse_args()
    if o.version:
        print(version)
    elif o.query:
        print('\n'.join(query(o.query)))
    elif o.host:
        return o
    sys.exit(0)
