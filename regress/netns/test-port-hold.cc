// SPDX-License-Identifier: ISC
// Ports of connections that are yet to be restored.
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <netinet/in.h>
#include <sys/socket.h>

#include "port-hold.hh"
#include "tcp-restore.hh"
#include "world.hh"

using namespace jeebs;
using namespace jeebs::test;
namespace data = boost::unit_test::data;

namespace port_hold {

// The source's port, or 0, as sshd connects to a target: jeebs-source.c.
struct Connected {
	UniqueFd fd;
	uint16_t port = 0;
};

Connected
connect_from_vip(bool v6)
{
	const int on = 1;
	sockaddr_storage at;
	Connected c;

	c.fd.reset(socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC,
	    0));
	BOOST_REQUIRE(setsockopt(c.fd.get(), IPPROTO_IP,
	    IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) == 0);
	socklen_t length = to_sockaddr(World::vip(v6), 0, at);
	BOOST_REQUIRE(bind(c.fd.get(), reinterpret_cast<sockaddr *>(&at),
	    length) == 0);
	length = to_sockaddr(*IpAddr::parse(v6 ? "fd09::1" : "10.9.0.1"), 7000,
	    at);
	if (connect(c.fd.get(), reinterpret_cast<sockaddr *>(&at),
	    length) != 0) {
		BOOST_TEST(errno == EADDRNOTAVAIL);
		return c;
	}
	length = sizeof(at);
	BOOST_REQUIRE(getsockname(c.fd.get(),
	    reinterpret_cast<sockaddr *>(&at), &length) == 0);
	c.port = ntohs(v6 ? reinterpret_cast<sockaddr_in6 *>(&at)->sin6_port :
	    reinterpret_cast<sockaddr_in *>(&at)->sin_port);
	return c;
}

UniqueFd
target(bool v6)
{
	sockaddr_storage at;
	const socklen_t length = to_sockaddr(*IpAddr::parse(v6 ? "::" :
	    "0.0.0.0"), 7000, at);
	UniqueFd fd(socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));

	BOOST_REQUIRE(bind(fd.get(), reinterpret_cast<sockaddr *>(&at),
	    length) == 0);
	BOOST_REQUIRE(listen(fd.get(), 64) == 0);
	return fd;
}

Flow
local(bool v6, uint16_t port)
{
	Flow f;
	f.local = World::vip(v6);
	f.remote = *IpAddr::parse(v6 ? "fd09::1" : "10.9.0.1");
	f.local_port = port;
	f.remote_port = 7000;
	return f;
}

} // namespace port_hold

BOOST_AUTO_TEST_SUITE(port_hold)

BOOST_DATA_TEST_CASE(what_is_held_is_not_chosen, data::make({false, true}), v6)
{
	World world;
	PortHold ports;
	const UniqueFd listener = world.client.in([&] { return target(v6); });

	world.beta.sh("sysctl -qw net.ipv4.ip_local_port_range='40000 40003'");
	// Before the address is there, as in a takeover; two share a port.
	world.beta.in([&] {
		std::vector<Flow> flows;
		for (uint16_t port : {40000, 40002, 40003})
			flows.push_back(local(v6, port));
		flows.push_back(local(v6, 40002));
		flows.back().remote_port = 7001;
		BOOST_REQUIRE(ports.hold(flows).has_value());
		BOOST_REQUIRE(ports.hold(flows).has_value());
	});
	world.move_vip_to(world.beta, v6);
	world.beta.in([&] {
		const Connected one = connect_from_vip(v6);
		BOOST_TEST(one.port == 40001);
		BOOST_TEST(connect_from_vip(v6).port == 0);
		ports.clear();
		std::vector<Connected> others(3);
		for (Connected &c : others) {
			c = connect_from_vip(v6);
			BOOST_TEST(c.port != 0);
		}
	});
}

BOOST_DATA_TEST_CASE(what_is_held_is_restored, data::make({false, true}), v6)
{
	World world;
	PortHold ports;
	const auto restorer = make_repair_restorer();

	world.move_vip_to(world.alpha, v6);
	const UniqueFd listener = world.listen_on(world.alpha, v6);
	Connection c = world.connect(listener.get(), v6);
	const jeebs_tcp_state state = capture(c.server.get());
	const Flow flow = Flow::from_state(state);
	world.cut(world.alpha);
	const UniqueFd fd = world.beta.in([&] {
		BOOST_REQUIRE(ports.hold({&flow, 1}).has_value());
		auto r = restorer->restore({state, 0, 0, 0});
		BOOST_REQUIRE_MESSAGE(r.has_value(), (r ? "" : r.error().what));
		return std::move(*r);
	});
	world.move_vip_to(world.beta, v6);
	ports.clear();
	BOOST_REQUIRE(restorer->release(fd.get(), flow).has_value());
	put(c.client.get(), pattern(0, 100));
	BOOST_TEST(get(fd.get(), 100) == pattern(0, 100));
}

BOOST_DATA_TEST_CASE(what_others_have_is_left, data::make({false, true}), v6)
{
	World world;
	PortHold ports;
	world.beta.in([&] {
		const UniqueFd other = target(v6);
		const Flow flows[] = {local(v6, 7000), local(v6, 7001)};
		BOOST_TEST(ports.hold(flows).has_value());
	});
}

BOOST_AUTO_TEST_SUITE_END()
