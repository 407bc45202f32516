#!/bin/bash
# SPDX-License-Identifier: ISC
# After adoption the old connection takes new channels: exec, shell, sftp, -L.
. "$(dirname "$0")/lib.bash"
lab_up
login master vip -M -S "$scratch/mux"
crash_serving
lives master
mux() {
	lab exec client -- timeout 10 ssh -F "$SSH_CONFIG" -S "$scratch/mux" \
		-o ControlMaster=no "$@"
}
is "exec" "$(mux vip hostname)" "$survivor"
mux vip 'exit 3' && status=0 || status=$?
is "exit status" "$status" 3
is "1 MB up and down" \
	"$(head -c 1000000 /dev/zero | mux vip cat | md5sum)" \
	"$(head -c 1000000 /dev/zero | md5sum)"
login second vip -S "$scratch/mux" -o ControlMaster=no
lives second
is "-W" "$(mux -W "$TARGET:22" vip </dev/null | head -c 7)" SSH-2.0
is "all of it on the old connection" \
	"$(log_has "$survivor" sshd.log 'Accepted publickey' && echo login || echo adopted)" \
	adopted
lives master
done_testing
