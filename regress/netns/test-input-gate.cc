// SPDX-License-Identifier: ISC
// Input commit with the real kernel: what TCP gets, and when.
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "input-gate.hh"
#include "segment.hh"
#include "tcp-info.hh"
#include "tcp-progress.hh"
#include "world.hh"

using namespace jeebs;
using namespace jeebs::test;
using Packet = std::vector<uint8_t>;
namespace data = boost::unit_test::data;

// The test cases' types have members of these.
namespace input_gate {

constexpr uint16_t queue_number = 73;

// The link to a standby that commits when it is told to.
struct Standby : FrameSink {
	bool is_up() const override { return true; }
	const PeerHello *peer() const override { return nullptr; }
	bool send(Buffer frames) override
	{
		auto rest = frames.bytes();
		while (!rest.empty()) {
			FrameView f;
			auto n = next_frame(rest, f);
			BOOST_REQUIRE((n && *n > 0));
			auto i = get_input(f.payload);
			BOOST_REQUIRE(i.has_value());
			got.emplace_back(i->packet.begin(), i->packet.end());
			rest = rest.subspan(*n);
		}
		return true;
	}
	bool congested() const override { return full; }
	std::vector<Packet> got;
	bool full = false;
};

struct Alpha {
	World world;
	Standby standby;
	std::unique_ptr<InputGate> gate;
	UniqueFd listener;
	Connection c;
	jeebs_tcp_state state{};
	Flow flow;

	explicit Alpha(bool v6)
	{
		start();
		world.move_vip_to(world.alpha, v6);
		listener = world.listen_on(world.alpha, v6);
		c = world.connect(listener.get(), v6);
		state = capture(c.server.get());
		flow = Flow::from_state(state);
	}
	// A jeebsd, or the one after it.
	void start(UniqueFd earlier = {})
	{
		gate.reset();
		world.alpha.in([&] {
			gate = std::make_unique<InputGate>(world.io, standby,
			    queue_number);
			must(gate->install(std::move(earlier)));
		});
	}
	void cover()
	{
		bool settled = false;
		gate->cover(flow, [&](Result<void> r) {
			must(r);
			settled = true;
		});
		world.alpha.in([&] {
			BOOST_REQUIRE(run_until(world.io, [&] {
				return settled;
			}));
		});
		gate->open(flow, 7, state.rcv_base, received(), {});
	}
	uint64_t received()
	{
		auto p = tcp_progress(c.server.get());
		BOOST_REQUIRE(p.has_value());
		return p->received;
	}
	// How many packets the standby has, once it has one that ends at `to`.
	size_t arrived(uint64_t to)
	{
		BOOST_REQUIRE(run_until(world.io, [&] {
			for (const Packet &p : standby.got)
				if (auto s = Segment::parse(p); s &&
				    offset_of_seq(state.rcv_base, s->end_seq(),
				    to) >= to)
					return true;
			return false;
		}));
		return standby.got.size();
	}
	bool tcp_has(uint64_t n)
	{
		return run_until(world.io, [&] { return received() >= n; });
	}
	// Nothing moves, though everybody had the time for it.
	bool tcp_stays_at(uint64_t n)
	{
		(void)run_until(world.io, [] { return false; }, 100ms);
		return received() == n;
	}
};

} // namespace input_gate

using namespace input_gate;

BOOST_AUTO_TEST_SUITE(input_gate)

BOOST_DATA_TEST_CASE(tcp_gets_what_the_standby_has, data::make({false, true}),
    v6)
{
	Alpha a(v6);
	put(a.c.client.get(), pattern(0, 10));
	BOOST_TEST(a.tcp_has(10));	// not covered yet
	a.cover();
	put(a.c.client.get(), pattern(10, 10));
	size_t n = a.arrived(20);
	BOOST_TEST(a.tcp_stays_at(10));
	must(a.gate->committed(n));
	BOOST_TEST(a.tcp_has(20));
	BOOST_TEST((get(a.c.server.get(), 20) == pattern(0, 20)));

	// The end of a stream is a part of it.
	BOOST_REQUIRE(shutdown(a.c.client.get(), SHUT_WR) == 0);
	n = a.arrived(21);
	char byte;
	BOOST_TEST(recv(a.c.server.get(), &byte, 1, MSG_DONTWAIT) == -1);
	must(a.gate->committed(n));
	BOOST_TEST(run_until(a.world.io, [&] {
		return recv(a.c.server.get(), &byte, 1, MSG_DONTWAIT) == 0;
	}));
}

BOOST_DATA_TEST_CASE(bulk_goes_through_whole, data::make({false, true}), v6)
{
	Alpha a(v6);
	a.cover();
	const size_t size = 8 << 20;
	const pid_t child = fork();
	BOOST_REQUIRE(child >= 0);
	if (child == 0) {
		put(a.c.client.get(), pattern(0, size));
		_exit(0);
	}
	Packet got;
	size_t aggregated = 0;
	uint64_t committed = 0;
	BOOST_REQUIRE(run_until(a.world.io, [&] {
		for (size_t i = committed; i < a.standby.got.size(); i++)
			aggregated += a.standby.got[i].size() > 1500;
		committed = a.standby.got.size();
		must(a.gate->committed(committed));
		Packet some(1 << 20);
		const ssize_t n = recv(a.c.server.get(), some.data(),
		    some.size(), MSG_DONTWAIT);
		if (n > 0) {
			got.insert(got.end(), some.begin(), some.begin() + n);
			a.gate->had(a.flow, got.size());
		}
		return got.size() >= size;
	}, 20000ms));
	BOOST_TEST((got == pattern(0, size)));
	BOOST_TEST(aggregated > 0U);
	BOOST_TEST(a.gate->stats().overruns == 0U);
}

BOOST_AUTO_TEST_CASE(a_full_link_stops_the_queue_not_the_stream)
{
	Alpha a(false);
	a.cover();
	a.standby.full = true;
	put(a.c.client.get(), pattern(0, 10));
	a.arrived(10);
	put(a.c.client.get(), pattern(10, 10));
	BOOST_TEST(a.tcp_stays_at(0));
	BOOST_TEST(a.standby.got.size() == 1U);
	a.standby.full = false;
	a.gate->drained();
	must(a.gate->committed(a.arrived(20)));
	BOOST_TEST(a.tcp_has(20));
}

BOOST_AUTO_TEST_CASE(without_jeebsd_nothing_passes)
{
	Alpha a(false);
	a.cover();
	a.gate.reset();
	put(a.c.client.get(), pattern(0, 10));
	BOOST_TEST(a.tcp_stays_at(0));

	// The next one keeps the rules: the client's packet, sent again, waits.
	a.start();
	BOOST_TEST(a.tcp_stays_at(0));
	a.cover();
	must(a.gate->committed(a.arrived(10)));
	BOOST_TEST(a.tcp_has(10));
}

// What the one before had for itself, and what nobody has seen, comes again from
// the kernel. Nothing is sent again.
BOOST_AUTO_TEST_CASE(packets_wait_for_the_next_jeebsd)
{
	Alpha a(false);
	a.world.client.sh("ip route change 10.9.0.0/24 dev eth0 rto_min 60s &&"
	    " sysctl -qw net.ipv4.tcp_early_retrans=0");
	put(a.c.client.get(), pattern(0, 10));
	BOOST_TEST(a.tcp_has(10));
	a.cover();
	put(a.c.client.get(), pattern(10, 10));
	a.arrived(20);
	for (uint64_t end : {40U, 70U}) {
		UniqueFd kept(dup(a.gate->fd()));
		a.gate.reset();
		a.standby.got.clear();
		put(a.c.client.get(), pattern(end - 20, 10));
		BOOST_TEST(a.tcp_stays_at(end - 30));
		a.start(std::move(kept));
		put(a.c.client.get(), pattern(end - 10, 10));
		a.cover();
		must(a.gate->committed(a.arrived(end)));
		BOOST_TEST(a.tcp_has(end));
		put(a.c.client.get(), pattern(end, 10));
		a.arrived(end + 10);
	}
	must(a.gate->committed(a.standby.got.size()));
	BOOST_TEST(a.tcp_has(80));
	BOOST_TEST((get(a.c.server.get(), 80) == pattern(0, 80)));
	tcp_info info{};
	socklen_t size = sizeof(info);
	BOOST_REQUIRE(getsockopt(a.c.client.get(), IPPROTO_TCP, TCP_INFO, &info,
	    &size) == 0);
	BOOST_TEST(info.tcpi_total_retrans == 0U);
}

// Whatever the one before left unread: answers of the kernel, or more than there was
// room for.
BOOST_AUTO_TEST_CASE(a_queue_in_any_state_is_taken_over)
{
	Alpha a(false);
	a.cover();
	for (int i = 0; i < 3; i++)
		a.start(UniqueFd(dup(a.gate->fd())));
	UniqueFd kept(dup(a.gate->fd()));
	const int least = 1, nodelay = 1;
	BOOST_REQUIRE(setsockopt(kept.get(), SOL_SOCKET, SO_RCVBUFFORCE, &least,
	    sizeof(least)) == 0);
	BOOST_REQUIRE(setsockopt(a.c.client.get(), IPPROTO_TCP, TCP_NODELAY,
	    &nodelay, sizeof(nodelay)) == 0);
	a.gate.reset();
	for (uint64_t i = 0; i < 20; i++)
		put(a.c.client.get(), pattern(i, 1));
	a.start(std::move(kept));
	a.cover();
	must(a.gate->committed(a.arrived(20)));
	BOOST_TEST(a.tcp_has(20));
}

BOOST_AUTO_TEST_CASE(a_descriptor_of_something_else_is_not_used)
{
	Alpha a(false);
	a.start(UniqueFd(dup(STDIN_FILENO)));
	a.start(UniqueFd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
	    NETLINK_NETFILTER)));
	a.cover();
	put(a.c.client.get(), pattern(0, 10));
	must(a.gate->committed(a.arrived(10)));
	BOOST_TEST(a.tcp_has(10));
}

BOOST_AUTO_TEST_CASE(going_on_alone)
{
	Alpha a(false);
	a.cover();
	put(a.c.client.get(), pattern(0, 10));
	a.arrived(10);
	a.world.alpha.in([&] { a.gate->uncover(a.flow); });
	BOOST_TEST(a.tcp_has(10));
	put(a.c.client.get(), pattern(10, 10));
	BOOST_TEST(a.tcp_has(20));
	BOOST_TEST(a.standby.got.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_jeebsd_that_stops_lets_all_pass)
{
	Alpha a(false);
	a.cover();
	put(a.c.client.get(), pattern(0, 10));
	a.arrived(10);
	a.world.alpha.in([&] { must(a.gate->remove()); });
	BOOST_TEST(a.tcp_has(10));
	BOOST_TEST(a.world.alpha.output_of("nft list tables").find(
	    "jeebs_input") == std::string::npos);
	BOOST_TEST(a.world.alpha.output_of("iptables-save").find("NFQUEUE") ==
	    std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_link_comes_and_goes)
{
	Alpha a(false);
	a.cover();
	put(a.c.client.get(), pattern(0, 10));
	a.arrived(10);
	a.gate->link_down();
	BOOST_TEST(a.tcp_stays_at(0));
	a.standby.got.clear();
	a.gate->open(a.flow, 8, a.state.rcv_base, 0, {});
	must(a.gate->committed(a.arrived(10)));
	BOOST_TEST(a.tcp_has(10));
}

BOOST_AUTO_TEST_CASE(nothing_beyond_what_came_in_order)
{
	Alpha a(false);
	put(a.c.client.get(), pattern(0, 10));
	BOOST_TEST(a.tcp_has(10));
	auto most = received_at_most(a.c.server.get());
	BOOST_REQUIRE(most.has_value());
	BOOST_TEST(*most == 10U);
	// A hole: what comes behind it is in the socket, out of order.
	const int on = 1;
	BOOST_REQUIRE(setsockopt(a.c.client.get(), IPPROTO_TCP, TCP_NODELAY,
	    &on, sizeof(on)) == 0);
	a.world.alpha.sh("iptables -A INPUT -p tcp --dport 22 -m string "
	    "--algo bm --string HOLE -j DROP");
	BOOST_REQUIRE(write(a.c.client.get(), "HOLE", 4) == 4);
	BOOST_REQUIRE(write(a.c.client.get(), "behind", 6) == 6);
	BOOST_TEST(run_until(a.world.io, [&] {
		auto at_most = received_at_most(a.c.server.get());
		return at_most && *at_most >= 20;
	}));
	BOOST_TEST(a.received() == 10U);
	// Filled and read: none of it is left.
	a.world.alpha.sh("iptables -F INPUT");
	BOOST_TEST(a.tcp_has(20));
	BOOST_TEST((get(a.c.server.get(), 20).size() == 20U));
	most = received_at_most(a.c.server.get());
	BOOST_REQUIRE(most.has_value());
	BOOST_TEST(*most == 20U);
}

BOOST_AUTO_TEST_SUITE_END()
