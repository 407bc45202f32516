#!/bin/bash
# SPDX-License-Identifier: ISC
# timeout: 120
# A hostile user on the servers, at jeebsd's and sshd-adopt's sockets and files:
# kept out by their modes, and where these were loosened by mistake, by who it
# is; garbage and wrong descriptors of those who may; connections that say and
# read nothing. And a name where jeebsd, as root, makes its directories.
. "$(dirname "$0")/../e2e/lib.bash"
sockets=(export.sock ctl.sock adopt.sock)

as_user() {
	local host=$1
	shift
	lab exec "$host" -- setpriv --reuid="$uid" --regid="$uid" \
		--clear-groups "$@"
}

# talk HOST USER SOCKET KIND: connects and says something; "kept out", "cut off"
# (nothing came back, the other end closed) or what came.
talk() {
	local run=(lab exec "$1" --)
	[[ $2 == root ]] || run=(as_user "$1")
	"${run[@]}" /usr/bin/python3 - "/run/jeebs/$3" "$4" <<-'END'
	import os, socket, struct, sys
	path, kind = sys.argv[1:]
	stream = path.endswith('ctl.sock')
	s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM if stream else
	                  socket.SOCK_SEQPACKET)
	s.settimeout(3)
	try:
	    s.connect(path)
	except PermissionError:
	    sys.exit(print('kept out'))
	text = lambda b: struct.pack('!I', len(b)) + b
	tcp = struct.pack('!BBHHH4s12x4s12x6I', 1, 4, 22, 4711, 1460,
	                  bytes((10, 77, 0, 100)), bytes((10, 77, 0, 3)),
	                  1, 1, 0, 0, 0, 0)
	hello = b'\x01' + struct.pack('!I', 2) + text(b'x') + text(b'root') + \
	    text(tcp) + struct.pack('!QB', 0, 0)
	adopt = b'\x21' + struct.pack('!3Q', 1, 0, 0) + text(b'alpha') + \
	    text(b'beta') + struct.pack('!Q', 0)
	files = []
	if kind == 'wrong':
	    files = [os.open('/dev/zero', os.O_RDWR)]
	    say = hello if 'export' in path else adopt
	    if 'adopt' in path:
	        files *= 3
	elif kind == 'udp':
	    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	    files = [udp.fileno()]
	    say = hello
	elif kind == 'many':
	    files = [os.open('/dev/null', os.O_RDWR) for _ in range(200)]
	    say = hello
	else:
	    say = b'status\n' if stream else os.urandom(3000)
	try:
	    if files:
	        socket.send_fds(s, [say], files)
	    else:
	        s.send(say)
	    got = b''
	    while True:
	        more = s.recv(200000)
	        # sshd-adopt greets whom it takes with its public key.
	        if not more:
	            break
	        got += more
	except (ConnectionError, BrokenPipeError):
	    got = b''
	except TimeoutError:
	    got = b'nothing: it is still open'
	print(got[:60] if got and b'jeebs-recovery' not in got else 'cut off')
	END
}

said() {
	within 3 log_has "$1" "$2" "$3"
}

lab_up
login a vip
uid=$(lab exec alpha -- id -u lab)
for h in alpha beta; do
	for s in "${sockets[@]}"; do
		is "$h: $s" "$(talk "$h" user "$s" garbage)" "kept out"
	done
	refuses "$h: jeebsctl" as_user "$h" "$build/monitor/jeebsctl" status
	for f in /var/lib/jeebs/epoch /etc/jeebs/jeebsd.key; do
		refuses "$h: reading $f" as_user "$h" cat "$f"
		refuses "$h: writing $f" as_user "$h" bash -c ">>'$f'"
	done
	refuses "$h: a name in the directory" as_user "$h" \
		ln -s /etc/shadow /run/jeebs/x
	refuses "$h: another socket" as_user "$h" \
		mv /run/jeebs/export.sock /tmp/
done

# The modes are gone: who it is must do.
for h in alpha beta; do
	lab exec "$h" -- chmod 666 "${sockets[@]/#//run/jeebs/}"
	for s in "${sockets[@]}"; do
		is "$h: $s, mode 666" "$(talk "$h" user "$s" garbage)" "cut off"
	done
	check "$h: said of export.sock" said "$h" jeebsd.log \
		"export: connection by uid $uid refused"
	check "$h: said of ctl.sock" said "$h" jeebsd.log \
		"control socket: connection by uid $uid refused"
	check "$h: said of adopt.sock" said "$h" sshd.log \
		"refused connection of uid $uid"
done
as_user beta /usr/bin/python3 - "${sockets[@]/#//run/jeebs/}" <<-'END' &
	import socket, sys, time
	all, end = [], time.monotonic() + 4
	while time.monotonic() < end:
	    for path in sys.argv[1:]:
	        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM if
	                          'ctl' in path else socket.SOCK_SEQPACKET)
	        s.setblocking(False)
	        try:
	            s.connect(path)
	        except OSError:
	            pass
	        all = all[-400:] + [s]
	    time.sleep(0.002)
END
crowd=$!
sleep 1
check "jeebsctl gets its answer in the crowd" lab exec beta -- timeout 5 \
	"$build/monitor/jeebsctl" status --json
check "the session lives" shell_answers a 15000
wait "$crowd"

# Those who may, with nonsense.
for kind in garbage wrong udp many; do
	is "root, $kind at export.sock" "$(talk alpha root export.sock "$kind")" \
		"cut off"
done
is "root, garbage at adopt.sock" "$(talk beta root adopt.sock garbage)" \
	"cut off"
talk beta root adopt.sock wrong >/dev/null
check "root, wrong descriptors at adopt.sock" said beta sshd.log \
	'session not adopted: root record: '
check "root at ctl.sock" eval \
	'[[ $(talk alpha root ctl.sock status) == *"host"* ]]'

# jeebsd makes its directories as root, and gives them away.
mkdir "$scratch/theirs" "$scratch/etc"
chown "$uid" "$scratch/theirs"
ln -s "$scratch/etc" "$scratch/theirs/link"
lab exec alpha -- sed "s,^state_dir = .*,state_dir = \"$scratch/theirs/link\"," \
	/etc/jeebs/jeebsd.conf >"$scratch/link.conf"
lab exec alpha -- sed "s,^state_dir = .*,state_dir = \"$scratch/theirs\"," \
	/etc/jeebs/jeebsd.conf >"$scratch/theirs.conf"
for c in link theirs; do
	refuses "a directory that is $c" lab exec alpha -- timeout 10 \
		"$build/monitor/jeebsd" -f "$scratch/$c.conf"
done
is "root's directory is root's" "$(stat -c %u "$scratch/etc")" 0
is "the user's is the user's" "$(stat -c %u "$scratch/theirs")" "$uid"

check "protected" within 10 eval \
	'[[ $(lab status --json | jq .protected) == true ]]'
crash_serving
lives a
no_login_on_survivor
done_testing
