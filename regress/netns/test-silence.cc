// SPDX-License-Identifier: ISC
// Connections of a VIP whose host has no lease: what TCP makes of it.
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "firewall.hh"
#include "world.hh"

using namespace jeebs;
using namespace jeebs::test;
namespace data = boost::unit_test::data;

namespace silence {

struct Silent {
	explicit Silent(bool v6) : firewall(world.alpha.in([] {
		return std::make_unique<Firewall>(FirewallConfig{"eth0",
		    {World::vip(false), World::vip(true)}}); }))
	{
		world.move_vip_to(world.alpha, v6);
		must(firewall->install(true));
		must(firewall->unlimited());
		listener = world.listen_on(world.alpha, v6);
		c = world.connect(listener.get(), v6);
	}
	void begin() { must(firewall->refresh(0ms)); }
	bool comes_to(const UniqueFd &fd,
	    const std::function<bool(const tcp_info &)> &done)
	{
		return run_until(world.io, [&] {
			tcp_info i{};
			socklen_t size = sizeof(i);
			BOOST_REQUIRE(getsockopt(fd.get(), IPPROTO_TCP,
			    TCP_INFO, &i, &size) == 0);
			return done(i);
		}, 4000ms);
	}

	World world;
	std::unique_ptr<Firewall> firewall;
	UniqueFd listener;
	Connection c;
};

} // namespace silence

using namespace silence;

BOOST_AUTO_TEST_SUITE(silence)

// What is in flight isn't given up for a quarter of an hour.
BOOST_DATA_TEST_CASE(what_is_new_is_in_flight, data::make({false, true}) *
    data::make({false, true}), v6, after_an_ack)
{
	Silent s(v6);
	s.begin();
	if (after_an_ack) {
		put(s.c.client.get(), pattern(0, 10));
		BOOST_TEST((get(s.c.server.get(), 10) == pattern(0, 10)));
		// Or what it acknowledges would not be sent again.
		BOOST_TEST(s.comes_to(s.c.client, [](const tcp_info &i) {
			return i.tcpi_total_retrans > 1;
		}));
	}
	put(s.c.server.get(), pattern(0, 10));
	BOOST_TEST(s.comes_to(s.c.server, [](const tcp_info &i) {
		return i.tcpi_unacked == 1 && i.tcpi_retransmits > 0;
	}));
	must(s.firewall->unlimited());
	BOOST_TEST((get(s.c.client.get(), 10) == pattern(0, 10)));
}

// Tries come less and less often, as on a path that loses all.
BOOST_DATA_TEST_CASE(a_closed_window_is_asked, data::make({false, true}), v6)
{
	Silent s(v6);
	const auto much = pattern(0, 32 << 20);
	size_t n = 0;
	BOOST_REQUIRE(s.comes_to(s.c.server, [&](const tcp_info &i) {
		const ssize_t sent = send(s.c.server.get(), much.data() + n,
		    much.size() - n, MSG_DONTWAIT);
		n += sent > 0 ? static_cast<size_t>(sent) : 0;
		return sent < 0 && i.tcpi_unacked == 0;
	}));
	s.begin();
	BOOST_TEST(s.comes_to(s.c.server, [](const tcp_info &i) {
		return i.tcpi_backoff >= 3;
	}));
	must(s.firewall->unlimited());
	BOOST_TEST((get(s.c.client.get(), n, 20000ms) == pattern(0, n)));
}

BOOST_AUTO_TEST_SUITE_END()
