# SPDX-License-Identifier: ISC
"""How to start each client for a combination, and how its log tells of keys."""

import os
import re

from plan import NONE

# A client that rekeys by volume does so within each step that carries data.
REKEY_BYTES = 100000
REKEY_BYTES_SENT = 20000  # of a client that counts in one direction only

# What a client's log says at the end of each key exchange.
NEWKEYS = {
    'ssh-9.2': rb'SSH2_MSG_NEWKEYS received',
    'ssh-10.0': rb'SSH2_MSG_NEWKEYS received',
    'plink': rb'Initialised .* inbound encryption|Initialised .* server->client',
    'paramiko': rb'Switch to new keys',
    'asyncssh': rb'Completed key exchange',
    'libssh': rb'Received SSH_MSG_NEWKEYS',
    'dbclient': None,
}


class World:
    """What all combinations share: where keys, programs and hosts are."""

    def __init__(self, top, directory, password, hosts):
        self.top = top
        self.directory = directory
        self.password = password
        self.hosts = hosts  # by family

    def path(self, name):
        return os.path.join(self.directory, name)

    def program(self, name):
        return os.path.join(self.top, 'regress/matrix', name)


def account(row):
    """The account whose Match block wants just this authentication."""
    kinds = {'password': 'pw', 'kbdint': 'kbd', 'two': 'two',
             'restricted': 'restricted', 'certificate': 'cert'}
    kind = kinds.get(row['auth'], 'key')
    if row['user'] == 'root':
        return 'root' if kind == 'key' else 'r-' + kind
    return 'm-' + kind


def methods(row):
    return {'password': 'password', 'kbdint': 'keyboard-interactive',
            'two': 'publickey,password'}.get(row['auth'], 'publickey')


def key(row):
    kind = row['auth'] if row['auth'] in ('rsa', 'ecdsa') else 'ed25519'
    return 'id_' + kind


def openssh(program, w, row, log):
    agent = row['auth'] == 'agent'
    options = {
        'UserKnownHostsFile': w.path('known_hosts'),
        'GlobalKnownHostsFile': 'none', 'StrictHostKeyChecking': 'yes',
        'UpdateHostKeys': 'no',
        'KexAlgorithms': row['kex'], 'Ciphers': row['cipher'],
        'HostKeyAlgorithms': row['hostkey'],
        'PreferredAuthentications': methods(row), 'IdentitiesOnly': 'yes',
        'IdentityAgent': w.path('agent') if agent else 'none',
        'IdentityFile': w.path('id_agent.pub' if agent else key(row)),
        'Compression': 'yes' if row['compress'] else 'no',
        'RequestTTY': 'yes' if row['tty'] else 'no'}
    if row['mac'] != NONE:
        options['MACs'] = row['mac']
    if row['auth'] == 'certificate':
        options['CertificateFile'] = w.path('id_ed25519-cert.pub')
    if row['rekey'] == 'client' and not row['tty']:
        options['RekeyLimit'] = str(REKEY_BYTES)
    argv = [program, '-v', '-E', log, '-F', 'none', '-l', account(row)]
    for name, value in options.items():
        argv += ['-o', '%s=%s' % (name, value)]
    env = {'SSH_ASKPASS': w.path('askpass'), 'SSH_ASKPASS_REQUIRE': 'force'}
    return argv + [w.hosts[row['family']]], env


def plink(w, row, log):
    """Its settings are a file of its own; cipher and MAC are the server's choice."""
    home = log + '.home'
    os.makedirs(home + '/.putty/sessions', exist_ok=True)
    settings = {
        'KEX': 'ntru-curve25519,ecdh,dh-gex-sha1,dh-group16-sha512,'
               'dh-group14-sha1,WARN',
        'Cipher': 'chacha20,aesgcm,aes,3des,WARN',
        'HostKey': 'ed25519,ecdsa,rsa,WARN',
        'TryAgent': '0', 'AuthKI': '0' if row['auth'] == 'password' else '1',
        'AuthGSSAPI': '0', 'AuthGSSAPIKEX': '0',
        'Compression': '1' if row['compress'] else '0', 'RekeyTime': '0',
        'RekeyBytes': str(REKEY_BYTES if row['rekey'] == 'client' else 0)}
    if row['auth'] == 'certificate':
        settings['DetachedCertificate'] = w.path('id_ed25519-cert.pub')
    with open(home + '/.putty/sessions/matrix', 'w', encoding='ascii') as f:
        f.writelines('%s=%s\n' % s for s in settings.items())
    with open(w.path('hostkeys'), encoding='ascii') as f:
        hostkeys = [a for line in f for a in ('-hostkey', line.strip())]
    argv = ['plink', '-ssh', '-batch', '-v', '-no-antispoof', '-load', 'matrix',
            '-t' if row['tty'] else '-T', *hostkeys]
    if methods(row) != 'publickey':
        argv += ['-pwfile', w.path('password')]
    if 'publickey' in methods(row):
        argv += ['-i', w.path(key(row) + '.ppk')]
    return argv + ['%s@%s' % (account(row), w.hosts[row['family']])], {'HOME': home}


def dbclient(w, row, log):
    argv = ['dbclient', '-y', '-y', '-t' if row['tty'] else '-T',
            '-c', row['cipher']]
    if row['mac'] != NONE:
        argv += ['-m', row['mac']]
    env = {'HOME': log + '.home'}
    if methods(row) != 'publickey':
        env['DROPBEAR_PASSWORD'] = w.password
    if 'publickey' in methods(row):
        argv += ['-i', w.path(key(row) + '.dropbear')]
    return argv + ['%s@%s' % (account(row), w.hosts[row['family']])], env


def python(program, w, row, log):
    argv = [w.program(program), '--log', log, '--auth', methods(row),
            '--known-hosts', w.path('known_hosts'), '--kex', row['kex'],
            '--hostkey', row['hostkey'], '--cipher', row['cipher']]
    if row['mac'] != NONE:
        argv += ['--mac', row['mac']]
    if 'publickey' in methods(row):
        argv += ['--key', w.path(key(row))]
    if row['auth'] == 'certificate':
        argv += ['--certificate', w.path('id_ed25519-cert.pub')]
    if methods(row) != 'publickey':
        argv += ['--password', w.password]
    if program == 'asyncssh-client' and row['rekey'] == 'client':
        argv += ['--rekey-bytes', str(REKEY_BYTES_SENT)]
    argv += ['--tty'] * row['tty'] + ['--compress'] * row['compress']
    return argv + [account(row), w.hosts[row['family']]], {}


def libssh(w, row, log):
    argv = [os.path.join(w.top, 'build/matrix/libssh-client'), '-v',
            '-a', methods(row), '-K', w.path('known_hosts'), '-e', row['kex'],
            '-h', row['hostkey'], '-c', row['cipher']]
    if row['mac'] != NONE:
        argv += ['-m', row['mac']]
    if 'publickey' in methods(row):
        argv += ['-k', w.path(key(row))]
    if row['auth'] == 'certificate':
        argv += ['-i', w.path('id_ed25519-cert.pub')]
    if methods(row) != 'publickey':
        argv += ['-p', w.password]
    if row['rekey'] == 'client':
        argv += ['-r', str(REKEY_BYTES)]
    argv += ['-t'] * row['tty'] + ['-C'] * row['compress']
    return argv + [account(row), w.hosts[row['family']]], {}


def command(w, row, log):
    """(argv, variables to add): log is a file for what the client says."""
    client = row['client']
    if client == 'ssh-9.2':
        return openssh('/usr/bin/ssh', w, row, log)
    if client == 'ssh-10.0':
        return openssh(os.path.join(w.top, 'build/openssh/ssh'), w, row, log)
    if client in ('paramiko', 'asyncssh'):
        return python(client + '-client', w, row, log)
    return {'plink': plink, 'dbclient': dbclient, 'libssh': libssh}[client](
        w, row, log)


def exchanges(row, log):
    """Key exchanges that the client has finished, None if it doesn't say."""
    pattern = NEWKEYS[row['client']]
    if pattern is None:
        return None
    said = b''
    for name in (log, log + '.err'):
        if os.path.exists(name):
            with open(name, 'rb') as f:
                said += f.read()
    return len(re.findall(pattern, said))


def rekeys_by_itself(row):
    """Is this client set to begin key exchanges?"""
    return row['rekey'] == 'client' and row['client'] != 'dbclient'
