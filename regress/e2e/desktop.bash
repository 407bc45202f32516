# SPDX-License-Identifier: ISC
# What the client's user has besides ssh. Source it after lib.bash, in $scratch.

# desktop: an agent with a key, at $scratch/agent, and an X server of sorts on display
# 77, which takes connections, says nothing, and notes them in x11.out.
desktop() {
	ssh-keygen -q -t ed25519 -N '' -C 'key of the agent' -f akey
	lab exec client -- ssh-agent -a "$scratch/agent" -D >/dev/null &
	check "agent" within 5 test -S agent
	SSH_AUTH_SOCK=$scratch/agent ssh-add -q akey
	lab exec client -- python3 -c '
import socket
s = socket.create_server(("127.0.0.1", 6077))
while True:
    c, _ = s.accept()
    print("connection", flush=True)
    c.close()' >x11.out 2>/dev/null &
}
