# SPDX-License-Identifier: ISC
# Streams through what the server listens at for the client (-R). Source it after
# forward.bash, whose end_streams ends them.

# The client's host serves streams on its port 7000.
client_serves() {
	: >"$scratch/target.out"
	lab exec client -- python3 "$top/regress/e2e/stream.py" serve 7000 "$scratch/stop" \
		>"$scratch/target.out" 2>&1 &
	check "the client serves streams" within 15 grep -q ready "$scratch/target.out"
}

# from HOST NAME ADDRESS|PATH UP DOWN [late]: a stream that HOST asks for.
from() {
	local host=$1 name=$2 path=$3 where=$3
	shift 3
	[[ $path != /* ]] || where=-
	: >"$scratch/stream-$name.out"
	lab exec "$host" -- python3 -c '
import socket, subprocess, sys
path, *command = sys.argv[1:]
end = None
if path[0] == "/":
    end = socket.socket(socket.AF_UNIX)
    end.connect(path)
sys.exit(subprocess.run(command, stdin=end, stdout=end).returncode)' "$path" \
		python3 "$top/regress/e2e/stream.py" run "$where" "$1" "$2" \
		"$scratch/stop" ${3-} >"$scratch/stream-$name.out" 2>&1 &
	stream_job[$name]=$!
}

# nothing_ended FILTER: of what the capture "far" has from there, no reset, and no end
# before the streams were told to. A last ACK that is sent twice may meet no socket.
nothing_ended() {
	is "resets, and ends before those of the streams" "$(captured far "$1" |
		grep 'Flags \[[^]]*[RF]' |
		awk -v t="$(stat -c %.Y "$scratch/stop")" '$1 < t' | wc -l)" 0
}
