# SPDX-License-Identifier: ISC
"""What each client, and the server, can do: asked of them, never listed here."""

import os
import re
import socket
import struct
import subprocess
import tempfile

KINDS = ('kex', 'hostkey', 'cipher', 'mac')


def run(argv):
    return subprocess.run(argv, check=True, capture_output=True,
                          text=True).stdout.split()


def of_openssh(ssh):
    """OpenSSH's client says it itself."""
    found = {kind: run([ssh, '-Q', kind]) for kind in ('kex', 'cipher', 'mac')}
    found['hostkey'] = [a for a in run([ssh, '-Q', 'HostKeyAlgorithms'])
                        if '-cert-' not in a]
    return found


def of_offer(argv, env=None):
    """A client that can't be asked: the lists in its KEXINIT (RFC 4253, 7.1).

    argv(port) is how to start it against a port of this machine."""
    with socket.create_server(('127.0.0.1', 0)) as listener, \
            tempfile.TemporaryDirectory() as home:
        client = subprocess.Popen(
            argv(listener.getsockname()[1], home), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=dict(os.environ, HOME=home))
        listener.settimeout(20)
        connection, _ = listener.accept()
        with connection, connection.makefile('rb') as stream:
            connection.sendall(b'SSH-2.0-OpenSSH_10.0\r\n')
            while not stream.readline().startswith(b'SSH-2.0-'):
                pass
            length, padding = struct.unpack('>IB', stream.read(5))
            payload = stream.read(length - 1)[:length - 1 - padding]
        client.kill()
        client.wait()
    if payload[0] != 20:
        raise ValueError('the first packet is of type %d' % payload[0])
    lists, at = [], 17
    for _ in range(10):
        n = struct.unpack_from('>I', payload, at)[0]
        lists.append(payload[at + 4:at + 4 + n].decode().split(','))
        at += 4 + n
    return {'kex': lists[0], 'hostkey': lists[1], 'cipher': lists[2],
            'mac': lists[4]}


def of_libssh(client):
    """It has no list, but takes from a list what it knows."""
    everything = of_openssh('ssh')
    return {kind: run([client, '-Q', kind, ','.join(everything[kind])])
            for kind in KINDS}


def of_python(program):
    """Our clients with Python's libraries print the library's lists."""
    return {kind: run([program, '-Q', kind]) for kind in KINDS}


def plink(port, home):
    """Everything that it has: nothing below the level of a warning."""
    os.makedirs(home + '/.putty/sessions')
    with open(home + '/.putty/sessions/offer', 'w', encoding='ascii') as f:
        f.write('KEX=ntru-curve25519,ecdh,dh-gex-sha1,dh-group18-sha512,'
                'dh-group17-sha512,dh-group16-sha512,dh-group15-sha512,'
                'dh-group14-sha1,dh-group1-sha1,rsa,WARN\n'
                'Cipher=chacha20,aesgcm,aes,3des,WARN\n')
    return ['plink', '-batch', '-load', 'offer', '-P', str(port), 'x@127.0.0.1']


def of_clients(top):
    """{client: {kind: [names]}}, and what the server can be told to offer."""
    here = os.path.join(top, 'regress/matrix/')
    built = os.path.join(top, 'build/openssh/ssh')
    found = {
        'ssh-9.2': of_openssh('/usr/bin/ssh'),
        'ssh-10.0': of_openssh(built),
        'plink': of_offer(plink),
        'dbclient': of_offer(lambda port, home: [
            'dbclient', '-y', '-y', '-p', str(port), 'x@127.0.0.1']),
        'paramiko': of_python(here + 'paramiko-client'),
        'asyncssh': of_python(here + 'asyncssh-client'),
        'libssh': of_libssh(os.path.join(top, 'build/matrix/libssh-client')),
    }
    return found, of_openssh(built)


def versions(top):
    """{client: what it calls itself}."""
    def first(argv):
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        return re.split(r'[\n,]', done.stdout + done.stderr)[0].strip()

    here = os.path.join(top, 'regress/matrix/')
    return {
        'ssh-9.2': first(['/usr/bin/ssh', '-V']),
        'ssh-10.0': first([os.path.join(top, 'build/openssh/ssh'), '-V']),
        'plink': first(['plink', '-V']),
        'dbclient': first(['dbclient', '-V']),
        'paramiko': first([here + 'paramiko-client', '-V']),
        'asyncssh': first([here + 'asyncssh-client', '-V']),
        'libssh': first([os.path.join(top, 'build/matrix/libssh-client'), '-V']),
    }
