// SPDX-License-Identifier: ISC
// Service addresses, announcements, questions on the LAN, ACK probes.
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "ack-probe.hh"
#include "announce.hh"
#include "segment.hh"
#include "tap.hh"
#include "tcp-restore.hh"
#include "world.hh"

using namespace jeebs;
using namespace jeebs::test;
namespace data = boost::unit_test::data;

namespace lan {

std::string
mac_of(const Host &host)
{
	const std::string text = host.output_of("ip -br link show eth0");
	return text.substr(text.find(':') - 2, 17);
}

/** The client's neighbor entry for the VIP. */
std::string
neighbor_entry(const World &world, bool v6)
{
	return world.client.output_of("ip neigh show to " +
	    World::vip(v6).to_string() + " dev eth0");
}

struct Answer {
	bool done = false;
	std::optional<MacAddr> mac;
	Announcer::AnswerCallback
	callback()
	{
		return [this](std::optional<MacAddr> m) {
			BOOST_TEST(!done);
			done = true;
			mac = m;
		};
	}
};

} // namespace lan

BOOST_AUTO_TEST_SUITE(lan)

BOOST_DATA_TEST_CASE(vip_comes_and_goes, data::make({false, true}), v6)
{
	World world;
	world.alpha.in([&] {
		const Vip vip = World::vip_on_eth0(v6);
		BOOST_TEST(!vip_present(vip).value());
		BOOST_REQUIRE(vip_del(vip).has_value());
		BOOST_REQUIRE(vip_add(vip).has_value());
		BOOST_REQUIRE(vip_add(vip).has_value());
		BOOST_TEST(vip_present(vip).value());
		const std::string shown = output_of("ip -o addr show dev eth0 "
		    "to " + vip.addr.to_string());
		BOOST_TEST(shown.find(vip.addr.to_string() + "/" +
		    std::to_string(vip.prefix_len)) != std::string::npos);
		BOOST_TEST(shown.find("tentative") == std::string::npos);
		/* It is nobody's source unless asked for. */
		const std::string route = output_of("ip route get " +
		    std::string(v6 ? "fd09::1" : "10.9.0.1"));
		BOOST_TEST(route.find(vip.addr.to_string()) ==
		    std::string::npos);
		BOOST_REQUIRE(vip_del(vip).has_value());
		BOOST_TEST(!vip_present(vip).value());

		Vip broken = vip;
		broken.interface = "nosuch0";
		BOOST_TEST(vip_add(broken).error().what.find("nosuch0") !=
		    std::string::npos);
		BOOST_TEST(!vip_present(broken).has_value());
		broken = vip;
		broken.prefix_len = 129;
		BOOST_TEST(vip_add(broken).error().errnum == EINVAL);
	});
}

BOOST_DATA_TEST_CASE(announcement_moves_the_peers_cache, data::make({false,
    true}), v6)
{
	World world;
	world.move_vip_to(world.alpha, v6);
	BOOST_TEST(reaches(world.client, World::vip(v6)));
	BOOST_TEST(neighbor_entry(world, v6).find(mac_of(world.alpha)) !=
	    std::string::npos);
	/* Right after an update, within the kernel's locktime of 1 s. */
	world.cut(world.alpha);
	world.move_vip_to(world.beta, v6);
	BOOST_TEST(neighbor_entry(world, v6).find(mac_of(world.beta)) !=
	    std::string::npos);
	BOOST_TEST(reaches(world.client, World::vip(v6)));
}

BOOST_DATA_TEST_CASE(who_has_it, data::make({false, true}), v6)
{
	World world;
	auto asker = world.beta.in([&] {
		auto a = std::make_unique<Announcer>(world.io, "eth0");
		BOOST_REQUIRE(a->open().has_value());
		return a;
	});
	BOOST_TEST(asker->mac().to_string() == mac_of(world.beta));
	const IpAddr alpha = *IpAddr::parse(v6 ? "fd09::2" : "10.9.0.2");
	const auto start = std::chrono::steady_clock::now();

	Answer peer, nobody;
	BOOST_REQUIRE(asker->solicit(alpha, 1500ms, peer.callback()));
	BOOST_REQUIRE(asker->solicit(World::vip(v6), 60ms, nobody.callback()));
	BOOST_REQUIRE(run_until(world.io, [&] {
		return peer.done && nobody.done; }));
	BOOST_REQUIRE(peer.mac.has_value());
	BOOST_TEST(peer.mac->to_string() == mac_of(world.alpha));
	BOOST_TEST(!nobody.mac.has_value());
	BOOST_TEST((std::chrono::steady_clock::now() - start >= 60ms));

	world.alpha.in([&] {
		BOOST_REQUIRE(vip_add(World::vip_on_eth0(v6)).has_value()); });
	Answer conflict;
	BOOST_REQUIRE(asker->solicit(World::vip(v6), 1500ms,
	    conflict.callback()));
	BOOST_REQUIRE(run_until(world.io, [&] { return conflict.done; }));
	BOOST_REQUIRE(conflict.mac.has_value());
	BOOST_TEST(conflict.mac->to_string() == mac_of(world.alpha));

	world.cut(world.alpha);
	Answer gone;
	BOOST_REQUIRE(asker->solicit(alpha, 60ms, gone.callback()));
	BOOST_REQUIRE(run_until(world.io, [&] { return gone.done; }));
	BOOST_TEST(!gone.mac.has_value());

	world.beta.sh("ip link set eth0 down");
	BOOST_TEST(!asker->solicit(alpha, 60ms, gone.callback()).has_value());
	asker->close();
	BOOST_TEST(!asker->announce(alpha).has_value());
}

BOOST_AUTO_TEST_CASE(two_that_probe_see_each_other)
{
	World world;
	const auto open = [&](const Host &host) {
		return host.in([&] {
			auto a = std::make_unique<Announcer>(world.io, "eth0");
			BOOST_REQUIRE(a->open().has_value());
			return a;
		});
	};
	const auto alpha = open(world.alpha), beta = open(world.beta);
	for (const bool v6 : {false, true}) {
		Answer a, b;
		BOOST_REQUIRE(alpha->solicit(World::vip(v6), 1500ms,
		    a.callback()));
		BOOST_REQUIRE(beta->solicit(World::vip(v6), 1500ms,
		    b.callback()));
		BOOST_REQUIRE(run_until(world.io, [&] {
			return a.done && b.done; }));
		BOOST_TEST(a.mac.has_value());
		BOOST_TEST(b.mac.has_value());
	}
}

BOOST_AUTO_TEST_CASE(claims_are_heard)
{
	World world;
	std::vector<std::string> heard;
	auto watcher = world.beta.in([&] {
		auto a = std::make_unique<Announcer>(world.io, "eth0");
		BOOST_REQUIRE(a->open().has_value());
		return a;
	});
	watcher->watch({World::vip(false), World::vip(true)},
	    [&](const IpAddr &addr, MacAddr mac) {
		heard.push_back(addr.to_string() + " " + mac.to_string());
	});
	world.beta.in([&] {
		BOOST_REQUIRE(watcher->announce(World::vip(false)));
		BOOST_REQUIRE(watcher->announce(World::vip(true)));
	});
	/* Its own claims don't count, nor those for other addresses. */
	BOOST_TEST(reaches(world.alpha, *IpAddr::parse("10.9.0.3")));
	run_until(world.io, [] { return false; }, 20ms);
	BOOST_TEST(heard.empty());
	world.move_vip_to(world.alpha, false);
	world.move_vip_to(world.alpha, true);
	BOOST_TEST(run_until(world.io, [&] { return heard.size() == 3; }));
	const std::string mac = mac_of(world.alpha);
	BOOST_REQUIRE(heard.size() == 3U);
	BOOST_TEST(heard[0] == "10.9.0.100 " + mac);
	BOOST_TEST(heard[1] == "10.9.0.100 " + mac);
	BOOST_TEST(heard[2] == "fd09::100 " + mac);
}

BOOST_DATA_TEST_CASE(the_client_says_where_it_stands, data::make({false,
    true}), v6)
{
	World world;
	world.move_vip_to(world.alpha, v6);
	const UniqueFd listener = world.listen_on(world.alpha, v6);
	Connection c = world.connect(listener.get(), v6);
	const jeebs_tcp_state state = capture(c.server.get());
	put(c.server.get(), pattern(0, 700));
	put(c.client.get(), pattern(0, 300));
	BOOST_REQUIRE(get(c.client.get(), 700).size() == 700U);
	BOOST_REQUIRE(get(c.server.get(), 300).size() == 300U);
	world.cut(world.alpha);

	std::vector<std::pair<Seq32, Seq32>> answers;
	auto tap = world.beta.in([&] {
		auto t = std::make_unique<Tap>(world.io,
		    TapConfig{"eth0", {World::vip(v6)}, World::port},
		    [&](std::span<const uint8_t> packet) {
			const auto s = Segment::parse(packet);
			if (s && s->destination() == World::vip(v6))
				answers.emplace_back(s->seq(), s->ack());
		    });
		BOOST_REQUIRE(t->start().has_value());
		return t;
	});
	world.beta.in([&] {
		AckProbe probe;
		BOOST_REQUIRE(probe.open().has_value());
		/* The record knows less than the client. */
		const auto sent = probe.send(state, 500, 200,
		    state.ts_val + 100);
		BOOST_REQUIRE_MESSAGE(sent.has_value(),
		    (sent ? "" : sent.error().what));
	});
	BOOST_REQUIRE(run_until(world.io, [&] { return !answers.empty(); }));
	BOOST_TEST((answers[0].first == seq_of_offset(state.rcv_base, 300)));
	BOOST_TEST((answers[0].second == seq_of_offset(state.snd_base, 700)));
}

BOOST_AUTO_TEST_SUITE_END()
