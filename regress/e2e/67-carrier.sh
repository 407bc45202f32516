#!/bin/bash
# SPDX-License-Identifier: ISC
# Lost carrier of one card: no takeover while the other path is heard, and the
# session goes on when it is back; half the proof when the rest is silent. Of
# all cards of the standby: it is the one that is cut off, and serves nobody.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/fencing.bash"
took_over() {
	log_has "$1" jeebsd.log 'taking-over:'
}
lab_up --set "timing.detect=${detect}ms"
login a vip

row "A card of the primary loses its carrier"
lab carrier alpha svc0 down
sleep 3
refuses "alpha's LAN card: no takeover" took_over beta
lab carrier alpha svc0 up
stall a alpha 1000

lab carrier alpha rep0 down
stall a alpha $((2000 + lost))
refuses "alpha's replication card: no takeover" took_over beta
lab carrier alpha rep0 up
stall a alpha 0
protected_again

# Not taking over is not all: it must not find the VIPs free either.
row "All cards of the standby lose their carrier"
lab carrier beta svc0 down
lab carrier beta rep0 down
stall a alpha "$lost"
check "beta says that it is cut off" within 20 log_has beta jeebsd.log \
	'it is this host that is cut off'
sleep 3
refuses "beta, which reaches nobody, doesn't serve" log_has beta jeebsd.log \
	'taking-over:|primary-alone:'
lab carrier beta svc0 up
lab carrier beta rep0 up
protected_again
is "who serves" "$(serving)" alpha

# suspect is 150 ms.
lab carrier beta rep0 down
crash_serving
lives a
decided=$(lab exec beta -- sed -n 's/ .*taking-over: was .*//p' \
	/var/log/jeebsd.log)
after=$(awk -v a="$(dark_at alpha)" -v b="$(date -d "$decided" +%s.%N)" \
	'BEGIN { printf "%d", (b - a) * 1000 }')
check "decided sooner than detect ($after ms)" test "$after" -lt $((detect - 100))
done_testing
