#!/bin/bash
# SPDX-License-Identifier: ISC
# Who reaches whom no more: each way of cutting the LAN and the link.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/fencing.bash"
# timeout: 600
lab_up --set "timing.detect=${detect}ms"
login a vip

heal() {
	lab heal
	protected_again
	is "one serves" "$(lab status --json |
		jq -c '[.hosts[] | select(.role == "primary")] | length')" 1
}

row "LAN between the hosts cut, link up"
lab cut --lan alpha beta
stall a alpha 0
sleep 1
is "who serves" "$(serving)" alpha
heal

row "Primary cut off from the clients only"
lab cut alpha client
cut=$EPOCHREALTIME
sleep 3
is "who serves" "$(serving)" alpha
lab heal
stall a alpha 1000
is "no takeover" "$(serving)" alpha

row "Client's packets don't reach the primary"
lab cut --oneway client alpha
sleep 2
is "who serves" "$(serving)" alpha
lab heal
stall a alpha 500

row "Primary's packets don't reach the clients"
lab cut --oneway alpha client
sleep 2
is "who serves" "$(serving)" alpha
lab heal
stall a alpha 1000
refuses "no takeover" log_has beta jeebsd.log 'taking-over:'

row "Standby cut off from the clients only"
lab cut beta client
stall a alpha 0
sleep 2
stall a alpha 0
refuses "no takeover" log_has beta jeebsd.log 'taking-over:'
heal

row "Link down, LAN up"
lab cut --link alpha beta
stall a alpha $((2000 + lost))
is "who serves" "$(serving)" alpha
refuses "no takeover" log_has beta jeebsd.log 'taking-over:'
heal

row "Standby's heartbeats don't reach the primary"
lab cut --oneway beta alpha
stall a alpha "$lost"
is "who serves" "$(serving)" alpha
refuses "no takeover" log_has beta jeebsd.log 'taking-over:'
heal

row "Primary's heartbeats don't reach the standby"
lab cut --oneway alpha beta
stall a beta "$died"
heal
is "who stands by" "$(lab status --json | jq -r .standby)" alpha

# Both reach the client, neither the other. beta serves now.
row "Hosts cut off from each other, both reach the clients"
lab cut alpha beta
stall a alpha "$died"
pty a 'sleep 4000' || :
stall a alpha 500
heal
is "who serves" "$(serving)" alpha

# The same with a client that doesn't press a key for long after it: longer than
# alone-after, and than what a sign of the clients is good for.
row "Hosts cut off from each other, the clients idle"
lab cut alpha beta
check "beta takes over" within 10 eval '[[ $(state_of beta) == primary-alone ]]'
sleep "${IDLE:-11}"
refuses "alpha doesn't serve" eval '[[ $(state_of alpha) == primary-alone ]]'
stall a beta 1500
heal
is "who serves" "$(serving)" beta
done_testing
