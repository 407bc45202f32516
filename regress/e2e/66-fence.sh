#!/bin/bash
# SPDX-License-Identifier: ISC
# The fence command: before a takeover, where its failure is no obstacle; and of
# a primary whose standby is silent, which goes on alone only when it succeeds.
. "$(dirname "$0")/lib.bash"
detect=500	# the lab's own
. "$top/regress/e2e/fencing.bash"
mkdir "$scratch/fence"
chmod 755 "$scratch"
chmod 777 "$scratch/fence"
cat >"$scratch/fence/command" <<-'END'
	#!/bin/sh
	echo "$2" >>"$1/called"
	exit "$(cat "$1/status")"
END
chmod 755 "$scratch/fence/command"
for h in alpha beta; do
	other=$(other "$h")
	fence+=(--set "$h/fence=[\"$scratch/fence/command\", \"$scratch/fence\", \"$other\"]")
done
fence_calls() {
	cat "$scratch/fence/called" 2>/dev/null || :
}

echo 0 >"$scratch/fence/status"
lab_up "${fence[@]}"
login a vip
row "Primary's host dies, with a fence command"
crash_serving
stall a "$survivor" "$died"
is "called for the dead host, once" "$(fence_calls)" alpha
check "it counts" log_has beta jeebsd.log 'alpha is fenced'
lab boot alpha

echo 1 >"$scratch/fence/status"
rm "$scratch/fence/called"
crash_serving
stall a "$survivor" "$died"
is "called for the dead host" "$(fence_calls)" beta
check "its failure is no obstacle" log_has alpha jeebsd.log \
	'fence command failed .exit status 1.: relying on the lease'
lab boot beta

# Now the standby dies, and is fenced at once, or cannot be.
row "Standby's host dies, with a fence command"
echo 0 >"$scratch/fence/status"
lab crash beta
stall a alpha "$lost"
check "by the command" log_has alpha jeebsd.log 'beta is fenced'
lab boot beta

echo 1 >"$scratch/fence/status"
rm "$scratch/fence/called"
lab crash beta
check "the fence command fails" within 10 log_has alpha jeebsd.log \
	'fence command failed: stalled'
# Well beyond alone-after (2 s), after which it would go on without a fence.
sleep 4
refuses "the session stalls" shell_answers a 500
is "alpha's state" "$(lab status --json | jq -r .hosts.alpha.state)" primary-stalled
alone_by_fence() {
	lab exec alpha -- grep -c 'primary-alone: .*beta is fenced' /var/log/jeebsd.log
}
before=$(alone_by_fence)
echo 0 >"$scratch/fence/status"
stall a alpha 1000
is "alpha goes on alone when it succeeds" "$(alone_by_fence)" $((before + 1))
is "called for the standby only" "$(fence_calls | sort -u)" beta
done_testing
