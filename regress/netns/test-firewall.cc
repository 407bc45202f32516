// SPDX-License-Identifier: ISC
// The lease and the protected flows, as the kernel enforces them.
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <linux/netfilter.h>

#include "announce.hh"
#include "firewall.hh"
#include "nft-elements.hh"
#include "world.hh"

using namespace jeebs;
using namespace jeebs::test;
namespace data = boost::unit_test::data;
using Clock = std::chrono::steady_clock;

namespace {

UniqueFd
udp_socket(const IpAddr &addr, uint16_t port)
{
	UniqueFd fd(socket(addr.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
	sockaddr_storage address;
	const socklen_t length = to_sockaddr(addr, port, address);
	BOOST_REQUIRE(bind(fd.get(), reinterpret_cast<sockaddr *>(&address),
	    length) == 0);
	return fd;
}

/** Datagrams from VIP to client. */
struct Wire {
	Wire(World &world, bool v6) :
		to(*IpAddr::parse(v6 ? "fd09::1" : "10.9.0.1")),
		receiver(world.client.in([&] { return udp_socket(to, 9); })),
		sender(world.alpha.in([&] {
			return udp_socket(World::vip(v6), 9); }))
	{
		const int on = 1;
		BOOST_REQUIRE(setsockopt(sender.get(), v6 ? IPPROTO_IPV6 :
		    IPPROTO_IP, v6 ? IPV6_RECVERR : IP_RECVERR, &on,
		    sizeof(on)) == 0);
	}

	/** Does it leave? The kernel says so at once (IP_RECVERR). */
	bool
	leaves() const
	{
		sockaddr_storage address;
		const socklen_t length = to_sockaddr(to, 9, address);
		return sendto(sender.get(), "x", 1, 0,
		    reinterpret_cast<sockaddr *>(&address), length) == 1;
	}
	/** Does it arrive if it leaves, and only then? */
	bool
	passes() const
	{
		const bool left = leaves();
		pollfd p{receiver.get(), POLLIN, 0};
		char byte;
		const bool arrived = poll(&p, 1, left ? 2000 : 20) == 1 &&
		    recv(receiver.get(), &byte, 1, 0) == 1;
		BOOST_TEST(left == arrived);
		return arrived;
	}

	IpAddr to;
	UniqueFd receiver, sender;
};

struct Scene {
	explicit Scene(bool v6) : firewall(world.alpha.in([] {
		return std::make_unique<Firewall>(FirewallConfig{"eth0",
		    {World::vip(false), World::vip(true)}}); }))
	{
		world.move_vip_to(world.alpha, v6);
	}
	World world;
	std::unique_ptr<Firewall> firewall;
};

} // namespace

BOOST_AUTO_TEST_SUITE(firewall)

BOOST_DATA_TEST_CASE(nothing_leaves_without_a_lease, data::make({false,
    true}), v6)
{
	Scene scene(v6);
	Firewall &fw = *scene.firewall;
	const Wire wire(scene.world, v6);
	BOOST_TEST(wire.passes());
	BOOST_REQUIRE(fw.install(true).has_value());
	BOOST_TEST(!wire.passes());
	BOOST_REQUIRE(fw.refresh(10s).has_value());
	BOOST_TEST(wire.passes());
	BOOST_REQUIRE(fw.refresh(0ms).has_value());
	BOOST_TEST(!wire.passes());
	BOOST_REQUIRE(fw.enforce(false).has_value());
	BOOST_TEST(wire.passes());
	BOOST_REQUIRE(fw.enforce(true).has_value());
	BOOST_REQUIRE(fw.enforce(true).has_value());
	BOOST_TEST(!wire.passes());
	BOOST_REQUIRE(fw.unlimited().has_value());
	BOOST_REQUIRE(fw.unlimited().has_value());
	BOOST_TEST(wire.passes());
	BOOST_REQUIRE(fw.refresh(10s).has_value());
	BOOST_TEST(wire.passes());
	BOOST_REQUIRE(fw.drop_all_from_vip().has_value());
	BOOST_REQUIRE(fw.drop_all_from_vip().has_value());
	BOOST_TEST(!wire.passes());
	/* A new run replaces what a killed one left, whatever that was. */
	BOOST_REQUIRE(fw.unlimited().has_value());
	BOOST_REQUIRE(fw.install(true).has_value());
	BOOST_TEST(!wire.passes());
	BOOST_REQUIRE(fw.install(false).has_value());
	BOOST_TEST(wire.passes());
	BOOST_REQUIRE(fw.drop_all_from_vip().has_value());
	/* The host's own traffic is none of its business. */
	BOOST_TEST(reaches(scene.world.alpha, *IpAddr::parse("10.9.0.1")));
	BOOST_TEST(reaches(scene.world.alpha, *IpAddr::parse("fd09::1")));
	BOOST_REQUIRE(fw.remove().has_value());
	BOOST_REQUIRE(fw.remove().has_value());
	BOOST_TEST(wire.passes());
	BOOST_TEST(scene.world.alpha.output_of("nft list tables") == "");
}

BOOST_AUTO_TEST_CASE(silent_when_the_lease_ends)
{
	constexpr auto lease = 150ms;
	/* Timeouts end at a tick; this is two of a 100 Hz kernel. */
	constexpr auto tick = 20ms;
	Scene scene(false);
	Firewall &fw = *scene.firewall;
	const Wire wire(scene.world, false);
	BOOST_REQUIRE(fw.install(true).has_value());

	/*
	 * Refreshed in time it never gaps. All bounds hold however late this
	 * process runs: a packet left after the clock was read before it.
	 */
	Clock::time_point before, after;
	for (const auto end = Clock::now() + 600ms; Clock::now() < end;) {
		before = Clock::now();
		BOOST_REQUIRE(fw.refresh(lease).has_value());
		after = Clock::now();
		for (int i = 0; i < 10; i++) {
			const bool left = wire.leaves();
			BOOST_REQUIRE((left ||
			    Clock::now() - before > lease - tick));
		}
	}
	/* Then it is over by itself, for good. */
	Clock::time_point last = before;
	for (;;) {
		const auto now = Clock::now();
		if (!wire.leaves())
			break;
		last = now;
	}
	BOOST_TEST((Clock::now() - before > lease - tick));
	BOOST_TEST((last - after < lease + tick), "still talking after "
	    << (last - after) / 1ms << " ms");
	while (Clock::now() < after + 2 * lease)
		BOOST_REQUIRE(!wire.leaves());
}

BOOST_DATA_TEST_CASE(no_claim_without_a_lease, data::make({false, true}), v6)
{
	Scene scene(v6);
	World &world = scene.world;
	Firewall &fw = *scene.firewall;
	int heard = 0;
	auto watch = world.client.in([&] {
		auto a = std::make_unique<Announcer>(world.io, "eth0");
		BOOST_REQUIRE(a->open().has_value());
		return a;
	});
	watch->watch({World::vip(v6)}, [&](auto...) { heard++; });
	auto speaker = world.alpha.in([&] {
		auto a = std::make_unique<Announcer>(world.io, "eth0");
		BOOST_REQUIRE(a->open().has_value());
		return a;
	});
	BOOST_REQUIRE(fw.install(true).has_value());
	BOOST_TEST(!speaker->announce(World::vip(v6)).has_value());
	/* The kernel itself doesn't answer for it either. */
	world.client.sh("ip neigh flush dev eth0");
	BOOST_TEST(!reaches(world.client, World::vip(v6), 300ms));
	run_until(world.io, [] { return false; }, 20ms);
	BOOST_TEST(heard == 0);
	BOOST_REQUIRE(fw.refresh(10s).has_value());
	BOOST_REQUIRE(speaker->announce(World::vip(v6)).has_value());
	BOOST_TEST(run_until(world.io, [&] { return heard > 0; }));
	BOOST_TEST(reaches(world.client, World::vip(v6)));
}

BOOST_DATA_TEST_CASE(protected_flows_never_close, data::make({false, true}),
    v6)
{
	Scene scene(v6);
	World &world = scene.world;
	Firewall &fw = *scene.firewall;
	BOOST_REQUIRE(fw.install(false).has_value());
	const UniqueFd listener = world.listen_on(world.alpha, v6);
	const auto closed = [](const UniqueFd &fd, int patience) {
		pollfd p{fd.get(), POLLRDHUP, 0};
		return poll(&p, 1, patience) == 1;
	};
	Connection fin = world.connect(listener.get(), v6);
	Connection rst = world.connect(listener.get(), v6);
	Connection other = world.connect(listener.get(), v6);
	const Flow flows[] = {Flow::from_state(capture(fin.server.get())),
	    Flow::from_state(capture(rst.server.get()))};
	BOOST_REQUIRE(fw.protect(flows).has_value());
	BOOST_REQUIRE(fw.protect(flows).has_value());
	BOOST_REQUIRE(fw.protect({}).has_value());

	fin.server.reset();
	const linger now{1, 0};
	setsockopt(rst.server.get(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	rst.server.reset();
	other.server.reset();
	BOOST_TEST(closed(other.client, 1000));
	BOOST_TEST(!closed(fin.client, 50));
	BOOST_TEST(!closed(rst.client, 50));
	/* The FIN comes again, and passes when it may. */
	BOOST_REQUIRE(fw.unprotect(flows).has_value());
	BOOST_REQUIRE(fw.unprotect(flows).has_value());
	BOOST_TEST(closed(fin.client, 2000));
	BOOST_TEST(!closed(rst.client, 50));
}

BOOST_DATA_TEST_CASE(a_fin_that_may_pass_lets_no_reset_out, data::make({false,
    true}), v6)
{
	Scene scene(v6);
	World &world = scene.world;
	Firewall &fw = *scene.firewall;
	BOOST_REQUIRE(fw.install(false).has_value());
	const UniqueFd listener = world.listen_on(world.alpha, v6);
	const auto hears = [](const UniqueFd &fd, short what, int patience) {
		pollfd p{fd.get(), what, 0};
		return poll(&p, 1, patience) == 1 && (p.revents & what) != 0;
	};
	Connection c = world.connect(listener.get(), v6);
	const Flow flow = Flow::from_state(capture(c.server.get()));
	BOOST_REQUIRE(fw.protect({&flow, 1}).has_value());
	BOOST_REQUIRE(shutdown(c.server.get(), SHUT_WR) == 0);
	BOOST_TEST(!hears(c.client, POLLRDHUP, 50));
	BOOST_REQUIRE(fw.let_fin({&flow, 1}).has_value());
	BOOST_REQUIRE(fw.let_fin({&flow, 1}).has_value());
	/* What was held back goes when it is asked for. */
	const int on = 1;
	setsockopt(c.server.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	BOOST_TEST(hears(c.client, POLLRDHUP, 100));
	const linger now{1, 0};
	setsockopt(c.server.get(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	c.server.reset();
	BOOST_TEST(!hears(c.client, POLLHUP | POLLERR, 50));
	/* Nor after the flow is protected anew and let go again. */
	BOOST_REQUIRE(fw.protect({&flow, 1}).has_value());
	BOOST_REQUIRE(fw.unprotect({&flow, 1}).has_value());
	BOOST_REQUIRE(write(c.client.get(), "x", 1) == 1);
	BOOST_TEST(hears(c.client, POLLHUP | POLLERR, 1000));
}

/* As when jeebsd starts anew beside sessions that don't know it yet. */
BOOST_DATA_TEST_CASE(a_new_run_keeps_what_was_protected, data::make({false,
    true}), v6)
{
	Scene scene(v6);
	World &world = scene.world;
	BOOST_REQUIRE(scene.firewall->install(true).has_value());
	BOOST_REQUIRE(scene.firewall->refresh(10s).has_value());
	const UniqueFd listener = world.listen_on(world.alpha, v6);
	Connection gone = world.connect(listener.get(), v6);
	Connection back = world.connect(listener.get(), v6);
	const Flow flows[] = {Flow::from_state(capture(gone.server.get())),
	    Flow::from_state(capture(back.server.get()))};
	BOOST_REQUIRE(scene.firewall->protect(flows).has_value());
	const auto closed = [](const UniqueFd &fd, int patience) {
		pollfd p{fd.get(), POLLRDHUP, 0};
		return poll(&p, 1, patience) == 1;
	};

	scene.firewall = world.alpha.in([] {
		return std::make_unique<Firewall>(FirewallConfig{"eth0",
		    {World::vip(false), World::vip(true)}}); });
	Firewall &fw = *scene.firewall;
	const Wire wire(world, v6);
	for (int run = 0; run < 2; run++) {
		BOOST_REQUIRE(fw.refresh(10s).has_value());
		BOOST_TEST(wire.passes());
		BOOST_REQUIRE(fw.install(true).has_value());
		BOOST_TEST(!wire.passes());
	}
	BOOST_REQUIRE(fw.refresh(10s).has_value());
	BOOST_REQUIRE(fw.protect({flows + 1, 1}).has_value());
	gone.server.reset();
	back.server.reset();
	BOOST_TEST(!closed(gone.client, 300));
	BOOST_REQUIRE(fw.forget_earlier().has_value());
	BOOST_REQUIRE(fw.forget_earlier().has_value());
	BOOST_TEST(closed(gone.client, 2000));
	BOOST_TEST(!closed(back.client, 300));
}

/* What isn't as this version makes it gives way as a whole. */
BOOST_AUTO_TEST_CASE(a_table_of_another_kind)
{
	Scene scene(false);
	World &world = scene.world;
	const Wire wire(world, false);
	world.alpha.sh("nft 'table netdev jeebs_eth0 { "
	    "set protected4 { type ipv4_addr; }; "
	    "chain egress { type filter hook egress device eth0 priority 5; }; "
	    "}'");
	BOOST_TEST(wire.passes());
	BOOST_REQUIRE(scene.firewall->install(true).has_value());
	BOOST_TEST(!wire.passes());
	BOOST_REQUIRE(scene.firewall->refresh(10s).has_value());
	BOOST_TEST(wire.passes());
}

BOOST_AUTO_TEST_CASE(a_change_of_elements_is_whole_or_nothing)
{
	Scene scene(false);
	World &world = scene.world;
	BOOST_REQUIRE(scene.firewall->install(true).has_value());
	auto elements = world.alpha.in([] {
		return std::make_unique<NftElements>(); });
	const auto change = [] {
		return NftChange(NFPROTO_NETDEV, "jeebs_eth0"); };
	const auto lease = [&] { return world.alpha.output_of(
	    "nft list set netdev jeebs_eth0 lease | grep -c elements"); };
	const auto key = nft_key("eth0");

	BOOST_REQUIRE(elements->run(change().add("lease", key, 10s)));
	BOOST_TEST(lease() == "1\n");
	/* The second part is refused, and so nothing is flushed. */
	auto r = elements->run(change().flush("lease")
	    .remove("protected4", nft_key(Flow{})));
	BOOST_TEST(r.error().errnum == ENOENT);
	BOOST_TEST(lease() == "1\n");
	r = elements->run(change().flush("lease").add("nosuch", key));
	BOOST_TEST(r.error().errnum == ENOENT);
	BOOST_TEST(lease() == "1\n");
	/* What was refused leaves no answer behind that a later call reads. */
	BOOST_REQUIRE(elements->run(change().flush("lease")));
	BOOST_TEST(lease() == "0\n");
	BOOST_REQUIRE(elements->run(change()));
	/* Many in one: more than a message, and than a netlink buffer. */
	NftChange many = change();
	for (uint16_t port = 1; port <= 1000; port++) {
		const Flow flow{World::vip(false), *IpAddr::parse("10.9.0.1"),
		    22, port};
		many.add("protected4", nft_key(flow));
	}
	BOOST_REQUIRE(elements->run(many));
	BOOST_TEST(world.alpha.output_of("nft list set netdev jeebs_eth0 "
	    "protected4 | grep -o '10.9.0.1 \\.' | wc -l") == "1000\n");
}

BOOST_AUTO_TEST_CASE(refused)
{
	World world;
	world.alpha.in([] {
		Firewall fw(FirewallConfig{"nosuch0", {World::vip(false)}});
		BOOST_TEST(!fw.install(true).has_value());
		Firewall injected(FirewallConfig{"a\"; flush", {}});
		BOOST_TEST(injected.install(true).error().errnum == EINVAL);
		BOOST_TEST(output_of("nft list tables") == "");
	});
}

BOOST_AUTO_TEST_SUITE_END()
