#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""All sessions of a batch, on the lab's client host.

    drive.py TOP DIRECTORY BATCH LOGS VIP VIP6

Commands come on stdin, one a line, and each is answered with "OK of ALL":
    login, work, count, adopted HOST, leave
                     a step of every session that is still in it
    protected FILE   FILE is sessions_detail of jeebsd's status: notes who is not
                     protected and why
    results FILE     writes the outcome of each combination, then ends"""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

from clients import World
from session import Failed, Session

AT_ONCE = 6  # logins and transfers at a time: this is one machine


class Drive:
    """The sessions of a batch and how each fares."""

    def __init__(self, world, batch, logs):
        self._world = world
        self._logs = logs
        self.rows = batch['rows']
        for row in self.rows:
            row.update(outcome='', steps=[])
        self.sessions = {}

    def live(self):
        return [r for r in self.rows if not r['outcome']]

    def step(self, name, *args, at_once=AT_ONCE):
        def one(row):
            try:
                if name == 'login':
                    self.sessions[row['id']] = Session(
                        self._world, row, os.path.join(self._logs, row['id']))
                getattr(self.sessions[row['id']], name)(*args)
                row['steps'].append(name)
            except Failed as e:
                row['outcome'] = 'failed: %s %d: %s' % (
                    name, row['steps'].count(name) + 1, e)
                if row['id'] in self.sessions:
                    self.sessions[row['id']].kill()

        live = self.live()
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(one, live))
        return '%d of %d' % (len(self.live()), len(live))

    def protected(self, file):
        """The status names sessions by the client's address and port."""
        with open(file, encoding='utf-8') as f:
            known = {int(s['client'].split()[1]): s for s in json.load(f)}
        for row in self.live():
            s = known.get(self.sessions[row['id']].port)
            if s and s['protected']:
                continue
            if s and s['reason']:
                row['outcome'] = 'not protected: ' + s['reason']
            else:
                row['outcome'] = 'failed: not protected, and jeebsd says ' + (
                    'only "%s"' % s['state'] if s else 'nothing of it')
            self.sessions[row['id']].kill()
        return '%d of %d' % (len(self.live()), len(self.rows))

    def results(self, file):
        for row in self.rows:
            if row['id'] in self.sessions:
                self.sessions[row['id']].kill()
            if not row['outcome'] and row['steps'].count('adopted') == 2:
                row['outcome'] = 'adopted twice'
        with open(file, 'w', encoding='utf-8') as f:
            for row in self.rows:
                f.write(json.dumps(row) + '\n')


def main():
    top, directory, batch, logs, vip, vip6 = sys.argv[1:]
    with open(os.path.join(directory, 'password'), encoding='ascii') as f:
        password = f.read().strip()
    with open(batch, encoding='ascii') as f:
        drive = Drive(World(top, directory, password, {4: vip, 6: vip6}),
                      json.load(f), logs)
    for line in sys.stdin:
        name, *args = line.split()
        if name == 'results':
            drive.results(*args)
            break
        if name == 'protected':
            answer = drive.protected(*args)
        else:
            # All wait at once for what comes to all at once.
            wide = len(drive.rows) if name in ('adopted', 'count') else AT_ONCE
            answer = drive.step(name, *args, at_once=wide)
        print(answer, flush=True)


if __name__ == '__main__':
    main()
