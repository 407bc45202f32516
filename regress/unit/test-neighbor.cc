// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include <random>

#include "neighbor.hh"

using namespace jeebs;
using Frame = std::vector<uint8_t>;
using Kind = NeighborFact::Kind;

namespace {

const MacAddr mac{{2, 0, 0, 0, 0, 9}};
const IpAddr v4 = *IpAddr::parse("10.77.0.100");
const IpAddr v6 = *IpAddr::parse("fd77::100");

} // namespace

BOOST_AUTO_TEST_SUITE(neighbor)

BOOST_AUTO_TEST_CASE(arp_announcement)
{
	const auto frames = announcement_frames(v4, mac);
	BOOST_REQUIRE(frames.size() == 2U);
	const Frame request{
	    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 8, 6,
	    0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 9, 10, 77, 0, 100,
	    0, 0, 0, 0, 0, 0, 10, 77, 0, 100};
	BOOST_TEST(frames[0] == request);
	Frame reply = request;
	reply[21] = 2;
	std::copy_n(reply.begin() + 22, 6, reply.begin() + 32);
	BOOST_TEST(frames[1] == reply);
	for (const auto &frame : frames)
		BOOST_CHECK((parse_neighbor_frame(frame) ==
		    NeighborFact{Kind::claim, v4, mac}));
}

BOOST_AUTO_TEST_CASE(arp_probe)
{
	const Frame frame = solicitation_frame(v4, mac);
	BOOST_TEST(frame.size() == 42U);
	BOOST_CHECK((parse_neighbor_frame(frame) ==
	    NeighborFact{Kind::probe, v4, mac}));
	Frame reply = frame;
	reply[21] = 2;	/* a reply from nobody says nothing */
	BOOST_CHECK(!parse_neighbor_frame(reply));
}

BOOST_AUTO_TEST_CASE(neighbor_advertisement)
{
	const auto frames = announcement_frames(v6, mac);
	BOOST_REQUIRE(frames.size() == 1U);
	const Frame &f = frames[0];
	BOOST_TEST(f.size() == 14U + 40 + 32);
	BOOST_TEST(f[0] == 0x33);
	BOOST_TEST(f[5] == 0x01);
	BOOST_TEST(f[14 + 7] == 255);	/* hop limit */
	BOOST_TEST(f[54] == 136);
	BOOST_TEST(f[58] == 0x20);	/* override, not solicited */
	BOOST_CHECK((parse_neighbor_frame(f) ==
	    NeighborFact{Kind::claim, v6, mac}));
	/* Checksum over pseudo header and message, RFC 4443 2.3. */
	uint32_t sum = 32 + 58;
	for (size_t i = 22; i < f.size(); i += 2)
		sum += f[i] * 256U + f[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	BOOST_TEST(sum == 0xffffU);
	/* The option, not the Ethernet source, is what caches learn. */
	Frame proxy = f;
	proxy[11] = 7;
	BOOST_CHECK(parse_neighbor_frame(proxy)->mac == mac);
	proxy[14 + 7] = 64;
	BOOST_CHECK(!parse_neighbor_frame(proxy));
}

BOOST_AUTO_TEST_CASE(duplicate_address_detection)
{
	const Frame frame = solicitation_frame(v6, mac);
	BOOST_TEST(frame[0] == 0x33);
	BOOST_TEST(frame[2] == 0xff);
	BOOST_TEST(frame[4] == 0x01);
	BOOST_CHECK((parse_neighbor_frame(frame) ==
	    NeighborFact{Kind::probe, v6, mac}));
	Frame resolving = frame;
	std::copy_n(v6.bytes().begin(), 16, resolving.begin() + 22);
	BOOST_CHECK((parse_neighbor_frame(resolving) ==
	    NeighborFact{Kind::claim, v6, mac}));
}

BOOST_AUTO_TEST_CASE(broken_frames)
{
	std::vector<Frame> seeds = announcement_frames(v4, mac);
	seeds.push_back(announcement_frames(v6, mac)[0]);
	seeds.push_back(solicitation_frame(v6, mac));
	for (const Frame &seed : seeds)
		for (size_t n = 0; n < seed.size(); n++)
			BOOST_CHECK(!parse_neighbor_frame(Frame(seed.begin(),
			    seed.begin() + static_cast<long>(n))));
	Frame option = seeds[2];
	option[14 + 40 + 25] = 0;	/* an option of no length */
	BOOST_CHECK(!parse_neighbor_frame(option));
	std::mt19937 random(1);
	for (int i = 0; i < 30000; i++) {
		Frame f = seeds[i % seeds.size()];
		for (unsigned n = random() % 4; n > 0; n--)
			f[random() % f.size()] = static_cast<uint8_t>(random());
		f.resize(random() % (f.size() + 1));
		(void)parse_neighbor_frame(f);
	}
}

BOOST_AUTO_TEST_SUITE_END()
