// SPDX-License-Identifier: ISC
// Any bytes as what a primary sends over the link, and a LAN full of packets
// beside it: the standby's store stays within its limits, and what it says can
// be adopted can.
// fuzzes: commit-log.cc replica.cc store.cc forward-store.cc held-input.cc chain.cc frame.cc wire.cc flow.cc segment.cc tapinput.cc log.cc
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "log.hh"
#include "replica.hh"
#include "store.hh"
#include "tapinput.hh"
#include "target.hh"

using namespace jeebs;

namespace {

struct Sink : FrameSink {
	bool is_up() const override { return true; }
	bool send(Buffer b) override
	{
		bytes += b.size();
		return true;
	}
	bool congested() const override { return false; }
	const PeerHello *peer() const override { return &hello; }
	PeerHello hello;
	size_t bytes = 0;
};

constexpr StoreLimits limits{.session_bytes = 4096, .held_packets = 16, .total_bytes = 16384,
    .input_total_bytes = 4096, .sessions = 4, .input_bytes = 2048,
    .input_packets = 8, .forwards = {.forward_bytes = 1024,
    .forward_packets = 8, .total_bytes = 2048, .session_forwards = 3,
    .forwards = 6}};

void check(Store &store)
{
	size_t records = 0, inputs = 0;

	for (const StoredSession &s : store.sessions()) {
		records += s.bytes;
		inputs += s.input_bytes;
		must(s.input_packets <= limits.input_packets &&
		    s.input_bytes <= limits.input_bytes);
		must(s.bytes <= limits.session_bytes + JEEBS_MAX_ROOT);
		must(s.held_bytes <= limits.session_bytes &&
		    s.held_packets <= limits.held_packets &&
		    s.held_to >= s.in_off);
		must(!s.adoptable || (s.records > 0 && s.first_off <=
		    s.out_end && s.acked_off <= s.out_end));
		must(store.find(s.sid).has_value());
		if (s.adoptable)
			must(store.adoption_file(s.sid).has_value());
		// what is kept is what a takeover would plan with
		std::vector<std::span<const uint8_t>> packets;
		for (Bytes b : store.inputs(s.sid))
			packets.push_back(b);
		auto plan = plan_input(s.flow, s.tcp.rcv_base, s.in_off,
		    packets, s.held_packets, client_acks(s));
		must(plan.known_to >= s.in_off && plan.known_to <=
		    plan.highest && plan.order.size() <= packets.size());
	}
	const ForwardStore &forwards = store.forwards();
	must(forwards.size() <= limits.forwards.forwards &&
	    forwards.flows().size() <= forwards.size());
	for (const StoredSession &s : store.sessions())
		for (const StoredForward &f : forwards.of_session(s.sid)) {
			size_t one = 0;
			for (Bytes b : forwards.inputs(f.id))
				one += b.size();
			must(one <= limits.forwards.forward_bytes);
		}
	must(forwards.bytes() <= 2 * limits.forwards.total_bytes &&
	    (forwards.size() > 0 || forwards.bytes() == 0));
	must(inputs <= 2 * limits.input_total_bytes &&
	    records <= 2 * limits.total_bytes);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const bool quiet = (log::logger().set_level(
	    spdlog::level::off), true);
	(void)quiet;
	Store store(limits);
	Sink sink;
	Replica replica(store, sink, {}, [] { return SteadyTime{}; });
	Bytes in(data, len);

	// a byte before each says what follows: a packet (0), the peer's
	// restart (1), a commit that is due (2), else a frame
	while (in.size() > 3) {
		const uint8_t what = in[0];
		in = in.subspan(1);
		if (what == 0) {
			const size_t n = std::min<size_t>(in[0] << 8 | in[1],
			    in.size() - 2);
			(void)store.tapped(in.subspan(2, n));
			in = in.subspan(2 + n);
		} else if (what == 1) {
			sink.hello.instance++;
		} else if (what == 2) {
			replica.flush();
		} else {
			FrameView f;
			auto n = next_frame(in, f);
			if (!n || *n == 0)
				break;
			(void)replica.frame(f);
			in = in.subspan(*n);
		}
		check(store);
	}
	replica.flush();
	return 0;
}
