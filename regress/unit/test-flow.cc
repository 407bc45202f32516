// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include <unordered_set>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "flow.hh"

using namespace jeebs;

BOOST_AUTO_TEST_SUITE(flow)

BOOST_AUTO_TEST_CASE(addresses_parse_and_print)
{
	for (const char *text : {"0.0.0.0", "10.77.0.100", "255.255.255.255",
	    "::", "fd77::100", "2001:db8::1:0:0:1"}) {
		const auto addr = IpAddr::parse(text);
		BOOST_REQUIRE(addr.has_value());
		BOOST_TEST(addr->to_string() == text);
		BOOST_TEST(addr->bytes().size() == (addr->is_v6() ? 16U : 4U));
	}
	for (const char *text : {"", "10.0.0", "10.0.0.256", "10.0.0.1/24",
	    "fd77::1%eth0", "fd77:::1", "host", " 10.0.0.1"})
		BOOST_TEST(!IpAddr::parse(text).has_value());
	const std::string with_nul("10.0.0.1\0x", 10);
	BOOST_TEST(!IpAddr::parse(with_nul).has_value());
}

BOOST_AUTO_TEST_CASE(families_differ)
{
	BOOST_TEST((IpAddr() != *IpAddr::parse("::")));
	BOOST_TEST((IpAddr() == *IpAddr::parse("0.0.0.0")));
	const uint8_t three[3] = {};
	BOOST_TEST((IpAddr::from_bytes(three) == IpAddr()));
}

BOOST_AUTO_TEST_CASE(a_flow_from_a_tcp_state)
{
	jeebs_tcp_state state{};
	state.family = AF_INET;
	state.local[0] = 10, state.local[3] = 1;
	state.remote[0] = 10, state.remote[3] = 9;
	/* What the record leaves behind an IPv4 address must not matter. */
	state.remote[7] = 77;
	state.local_port = 22;
	state.remote_port = 50000;
	const Flow v4 = Flow::from_state(state);
	BOOST_TEST(v4.to_string() == "10.0.0.9:50000 > 10.0.0.1:22");
	state.remote[7] = 0;
	BOOST_TEST((v4 == Flow::from_state(state)));

	state.family = AF_INET6;
	const Flow v6 = Flow::from_state(state);
	BOOST_TEST(v6.to_string() == "[a00:9::]:50000 > [a00:1::]:22");
	std::unordered_set<Flow> set{v4, v6, v4};
	BOOST_TEST(set.size() == 2U);
	Flow other = v4;
	other.remote_port++;
	BOOST_TEST(!set.contains(other));
}

BOOST_AUTO_TEST_CASE(sockaddr)
{
	sockaddr_storage storage;
	BOOST_TEST(to_sockaddr(*IpAddr::parse("10.0.0.1"), 22, storage) ==
	    sizeof(sockaddr_in));
	const auto *sin = reinterpret_cast<sockaddr_in *>(&storage);
	BOOST_TEST(sin->sin_family == AF_INET);
	BOOST_TEST(ntohs(sin->sin_port) == 22);
	BOOST_TEST(ntohl(sin->sin_addr.s_addr) == 0x0a000001U);
	BOOST_TEST(to_sockaddr(*IpAddr::parse("fd77::1"), 22, storage) ==
	    sizeof(sockaddr_in6));
	BOOST_TEST(storage.ss_family == AF_INET6);
}

BOOST_AUTO_TEST_SUITE_END()
