// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include <linux/if_packet.h>
#include <net/ethernet.h>

#include "neighbor.hh"
#include "vip-traffic.hh"

using namespace jeebs;
using namespace std::chrono_literals;

namespace {

struct Fixture {
	IpAddr vip4 = *IpAddr::parse("10.0.0.100");
	IpAddr vip6 = *IpAddr::parse("fd00::100");
	IpAddr client4 = *IpAddr::parse("10.0.0.9");
	MacAddr client{{2, 0, 0, 0, 0, 9}}, other{{2, 0, 0, 0, 0, 8}};
	VipTrafficJudge judge{{vip4, vip6}};
	Time now = Time(24h);

	std::vector<uint8_t> ip4(const IpAddr &from, const IpAddr &to)
	{
		std::vector<uint8_t> p(40, 0);
		p[0] = 0x45;
		std::copy_n(from.bytes().begin(), 4, p.begin() + 12);
		std::copy_n(to.bytes().begin(), 4, p.begin() + 16);
		return p;
	}
	std::vector<uint8_t> arp(const IpAddr &from, const IpAddr &to)
	{
		std::vector<uint8_t> p(28, 0);
		p[1] = 1;
		p[2] = 8;
		p[4] = 6;
		p[5] = 4;
		p[7] = 1;
		std::copy_n(from.bytes().begin(), 4, p.begin() + 14);
		std::copy_n(to.bytes().begin(), 4, p.begin() + 24);
		return p;
	}
	std::optional<ClientSign> see(int type, uint16_t protocol,
	    const std::vector<uint8_t> &p)
	{
		return judge.packet(type, protocol, client, p, now);
	}
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(vip_traffic, Fixture)

BOOST_AUTO_TEST_CASE(packets)
{
	auto to_vip = ip4(client4, vip4), from_vip = ip4(vip4, client4);
	BOOST_CHECK(see(PACKET_HOST, ETH_P_IP, to_vip) == ClientSign::here);
	// To another MAC: it may be a dead one's.
	BOOST_CHECK(see(PACKET_OTHERHOST, ETH_P_IP, to_vip) ==
	    ClientSign::away);
	BOOST_CHECK(!see(PACKET_BROADCAST, ETH_P_IP, to_vip));
	BOOST_CHECK(see(PACKET_OTHERHOST, ETH_P_IP, from_vip) ==
	    ClientSign::elsewhere);
	BOOST_CHECK(!see(PACKET_OUTGOING, ETH_P_IP, from_vip));
	BOOST_CHECK(!see(PACKET_HOST, ETH_P_IP, ip4(client4, client4)));
	for (size_t n = 0; n < 20; n++)
		BOOST_CHECK(!see(PACKET_HOST, ETH_P_IP,
		    {to_vip.begin(), to_vip.begin() + n}));
}

BOOST_AUTO_TEST_CASE(who_asks_twice_wasnt_answered)
{
	auto ask = arp(client4, vip4);
	BOOST_CHECK(!see(PACKET_BROADCAST, ETH_P_ARP, ask));
	BOOST_CHECK(!judge.packet(PACKET_BROADCAST, ETH_P_ARP, other, ask, now));
	BOOST_CHECK(see(PACKET_BROADCAST, ETH_P_ARP, ask) ==
	    ClientSign::here);
	// Later it is a new question, of an entry that ran out.
	now += 60s;
	BOOST_CHECK(!see(PACKET_BROADCAST, ETH_P_ARP, ask));
	now += 1s;
	BOOST_CHECK(see(PACKET_BROADCAST, ETH_P_ARP, ask) ==
	    ClientSign::here);
	// A probe, an announcement and somebody else's address say nothing.
	for (int i = 0; i < 3; i++) {
		BOOST_CHECK(!see(PACKET_BROADCAST, ETH_P_ARP,
		    arp(IpAddr(), vip4)));
		BOOST_CHECK(!see(PACKET_BROADCAST, ETH_P_ARP,
		    arp(vip4, vip4)));
		BOOST_CHECK(!see(PACKET_BROADCAST, ETH_P_ARP,
		    arp(client4, client4)));
	}
	for (size_t n = 0; n < ask.size(); n++)
		BOOST_CHECK(!see(PACKET_BROADCAST, ETH_P_ARP,
		    {ask.begin(), ask.begin() + n}));
}

// Two VIPs are two questions; who makes sure of the MAC that he knows asks that
// one alone, and a mirroring switch shows it.
BOOST_AUTO_TEST_CASE(who_is_asked)
{
	IpAddr second = *IpAddr::parse("10.0.0.101");
	judge = VipTrafficJudge({vip4, second});
	BOOST_CHECK(!see(PACKET_BROADCAST, ETH_P_ARP, arp(client4, vip4)));
	BOOST_CHECK(!see(PACKET_BROADCAST, ETH_P_ARP, arp(client4, second)));
	for (int i = 0; i < 3; i++)
		BOOST_CHECK(see(PACKET_OTHERHOST, ETH_P_ARP, arp(client4,
		    vip4)) == ClientSign::away);
	BOOST_CHECK(see(PACKET_HOST, ETH_P_ARP, arp(client4, vip4)) ==
	    ClientSign::here);
}

BOOST_AUTO_TEST_CASE(neighbor_solicitations)
{
	auto frame = solicitation_frame(vip6, client);
	std::vector<uint8_t> dad(frame.begin() + 14, frame.end());
	for (int i = 0; i < 3; i++)
		BOOST_CHECK(!see(PACKET_MULTICAST, ETH_P_IPV6, dad));
	auto ask = dad;
	ask[8] = 0xfd;
	ask[23] = 9;
	BOOST_CHECK(!see(PACKET_MULTICAST, ETH_P_IPV6, ask));
	BOOST_CHECK(see(PACKET_MULTICAST, ETH_P_IPV6, ask) ==
	    ClientSign::here);
	for (size_t n = 0; n < 40; n++)
		BOOST_CHECK(!see(PACKET_HOST, ETH_P_IPV6,
		    {ask.begin(), ask.begin() + n}));
}

BOOST_AUTO_TEST_SUITE_END()
