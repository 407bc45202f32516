# SPDX-License-Identifier: ISC
"""One client process and the remote shell behind it."""

import fcntl
import os
import pty
import random
import re
import signal
import subprocess
import termios
import threading
import time
import tty

import clients

# Lines of seq: some more than clients.REKEY_BYTES, or than the server's
# RekeyLimit in plan.py. With that it wants new keys for each packet of 32 kB.
LINES = {'client': 24000, 'server': 12000}
UPLOAD = 40         # lines of 1000 bytes


class Failed(Exception):
    """What went wrong, in a line."""


class Session:
    """A combination. Steps raise Failed; a thread collects what is printed."""

    def __init__(self, world, row, log):
        self.row = row
        self.log = log
        self._buffer = b''
        self._ended = False
        self._changed = threading.Condition()
        argv, env = clients.command(world, row, log)
        env = dict(os.environ, TERM='xterm', **env)
        env.pop('SSH_AUTH_SOCK', None)
        with open(log + '.err', 'wb') as err:
            if row['tty']:
                self._start_on_pty(argv, env, err)
            else:
                self._process = subprocess.Popen(
                    argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    stderr=err, env=env, start_new_session=True)
                self._in = self._process.stdin.fileno()
                self._out = self._process.stdout.fileno()
        self.pid = self._process.pid
        self._count = 0
        threading.Thread(target=self._collect, daemon=True).start()

    def _start_on_pty(self, argv, env, err):
        """As from a terminal; raw, so that bytes are what they are."""
        master, slave = pty.openpty()
        tty.setraw(slave)

        def own_terminal():
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        self._process = subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=err, env=env,
            start_new_session=True, preexec_fn=own_terminal)
        os.close(slave)
        self._in = self._out = master

    def _collect(self):
        with open(self.log + '.out', 'wb', 0) as copy:
            while True:
                try:
                    data = os.read(self._out, 65536)
                except OSError:  # a terminal without a process
                    data = b''
                copy.write(data)
                with self._changed:
                    self._buffer += data
                    self._ended = not data
                    self._changed.notify_all()
                if not data:
                    return

    def send(self, text):
        data = text.encode()
        while data:
            try:
                data = data[os.write(self._in, data):]
            except OSError as e:
                raise Failed('the client takes no input: %s' % e) from e

    def expect(self, pattern, seconds, what, last=b''):
        """Waits for a match; what came before it is consumed too.

        last is in every match, near its end: a long one isn't sought before
        that is there."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while last not in self._buffer or not (
                    m := re.search(pattern, self._buffer, re.DOTALL)):
                left = deadline - time.monotonic()
                if self._ended:
                    raise Failed('%s: the client ended; it said "%s"' % (
                        what, self._last_words()))
                if left <= 0:
                    raise Failed('%s: not within %d s; last output %r' % (
                        what, seconds, self._buffer[-80:]))
                self._changed.wait(left)
            self._buffer = self._buffer[m.end():]
        return m

    def _last_words(self):
        with open(self.log + '.err', 'rb') as f:
            lines = f.read().decode(errors='replace').strip().splitlines()
        if not lines and os.path.exists(self.log):
            with open(self.log, 'rb') as f:
                lines = f.read().decode(errors='replace').strip().splitlines()
        return lines[-1] if lines else ''

    # The steps.

    def greet(self, seconds):
        """A shell is there: which host, and did PAM make its session?"""
        a, b = random.randrange(10000), random.randrange(10000)
        # A terminal's echo of the question must not look like the answer.
        self.send('stty -echo -onlcr 2>/dev/null; PS1= PS2=; echo "g$((%d+%d))'
                  ':$(hostname):$MATRIX_PAM:$(ulimit -n):$(id -un):$(id -u):'
                  '$(echo $SSH_CONNECTION | cut -d " " -f 2):"\n' % (a, b))
        m = self.expect(rb'g%d:(\w+):(\w*):(\d+):([\w-]+):(\d+):(\d+):\r?\n' % (
            a + b), seconds, 'greeting')
        host, pam, limit, _, uid, port = (g.decode() for g in m.groups())
        self.port = int(port)
        if (pam, limit) != (host, '777'):
            raise Failed('no PAM session on %s: its variable is "%s", open '
                         'files %s' % (host, pam, limit))
        if (uid == '0') != (self.row['user'] == 'root'):
            raise Failed('uid %s' % uid)
        return host

    def login(self):
        host = self.greet(90)
        self.exchanges = clients.exchanges(self.row, self.log)
        return host

    def work(self):
        """Known bytes, both ways; more than one limit of a rekey by volume."""
        before = clients.exchanges(self.row, self.log)
        if self.row['rekey'] == 'client':
            self._ask_for_keys()
        self._download(LINES[self.row['rekey']])
        self._upload()
        if clients.rekeys_by_itself(self.row) or (
                self.row['rekey'] == 'server' and before is not None):
            after = clients.exchanges(self.row, self.log)
            if after <= before:
                raise Failed('no key exchange in this step')

    def _download(self, lines):
        a, b = random.randrange(10000), random.randrange(10000)
        self.send('echo "b$((%d+%d))"; seq %d; echo "e$((%d+%d))"\n' % (
            a, b, lines, a, b))
        m = self.expect(rb'b%d\n(.*)e%d\n' % (a + b, a + b), 60, 'output',
                        b'e%d\n' % (a + b))
        want = b''.join(b'%d\n' % i for i in range(1, lines + 1))
        if m[1] != want:
            raise Failed('output: ' + self._difference(m[1], want))

    def _difference(self, got, want):
        at = next((i for i, (g, w) in enumerate(zip(got, want)) if g != w),
                  min(len(got), len(want)))
        return '%d bytes, not %d; from byte %d on %r, not %r' % (
            len(got), len(want), at, got[at:at + 40], want[at:at + 40])

    def _upload(self):
        a, b = random.randrange(10000), random.randrange(10000)
        lines = ''.join('%08d%s\n' % (i, 'x' * 991) for i in range(UPLOAD))
        self.send('head -c %d | cksum; echo "u$((%d+%d))"\n' % (
            len(lines), a, b))
        if self.row['tty']:  # the terminal's line buffer has 4095 bytes
            for at in range(0, len(lines), 2000):
                self.send(lines[at:at + 2000])
        else:
            self.send(lines)
        m = self.expect(rb'(\d+) (\d+)\nu%d\n' % (a + b), 60, 'upload')
        want = subprocess.run(['cksum'], input=lines.encode(), check=True,
                              capture_output=True).stdout.split()
        if [m[1], m[2]] != want:
            raise Failed('upload: checksum and length %s %s, not %s %s' % (
                m[1], m[2], want[0], want[1]))

    def _ask_for_keys(self):
        if 'ssh-' in self.row['client'] and self.row['tty']:
            self.send('\n~R')
        elif self.row['client'] == 'paramiko':
            os.kill(self.pid, signal.SIGUSR1)

    def count(self):
        """A counter that runs until the host dies. Nothing is forked for it."""
        self.send('exec 9<> <(:); n=0; while :; do read -t 0.1 -u 9; '
                  'echo "c$((++n))"; done\n')
        self.expect(rb'c3\n', 60, 'counter')
        self._count = 3

    def adopted(self, host):
        """The counter without a hole up to the notice; then the new shell."""
        m = self.expect(rb'^(.*?)\r*\njeebs: host \w+ failed at [^\n]*; this is a'
                        rb' new shell on (\w+)[^\n]*\n', 60, 'adoption')
        counted = [int(n) for n in re.findall(rb'c(\d+)\n', m[1] + b'\n')]
        want = b''.join(b'c%d\n' % i for i in range(
            self._count + 1, self._count + 1 + len(counted)))
        if not want.startswith(m[1]) and m[1] != want:
            raise Failed('counter at the crash: ' + self._difference(m[1], want))
        if m[2].decode() != host:
            raise Failed('the notice names %s, not %s' % (m[2].decode(), host))
        if (now := self.greet(60)) != host:
            raise Failed('served by %s, not %s' % (now, host))

    def leave(self):
        """The exit status comes through."""
        self.send('exit 7\n')
        try:
            status = self._process.wait(60)
        except subprocess.TimeoutExpired:
            raise Failed('no end after exit') from None
        if status != 7:
            raise Failed('exit status %d, not 7; it said "%s"' % (
                status, self._last_words()))

    def kill(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
