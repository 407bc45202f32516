// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include <numeric>
#include <random>

#include "segment.hh"

using namespace jeebs;

namespace {

using Packet = std::vector<uint8_t>;

/** tcpdump's view of a real packet: ssh client to server, "SSH-2.0-x\r\n". */
const Packet captured{
	0x45, 0x10, 0x00, 0x3f, 0x12, 0x34, 0x40, 0x00, 0x40, 0x06,
	0x00, 0x00, 0x0a, 0x4d, 0x00, 0x01, 0x0a, 0x4d, 0x00, 0x64,
	0xc3, 0x50, 0x00, 0x16, 0x01, 0x02, 0x03, 0x04, 0x0a, 0x0b,
	0x0c, 0x0d, 0x80, 0x18, 0x01, 0xf6, 0x00, 0x00, 0x00, 0x00,
	0x01, 0x01, 0x08, 0x0a, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66,
	0x77, 0x88, 'S', 'S', 'H', '-', '2', '.', '0', '-', 'x', '\r', '\n'};

SegmentFields
fields(bool v6)
{
	SegmentFields f;
	f.source = *IpAddr::parse(v6 ? "fd77::1" : "10.77.0.1");
	f.destination = *IpAddr::parse(v6 ? "fd77::100" : "10.77.0.100");
	f.source_port = 50000;
	f.destination_port = 22;
	f.seq = Seq32(0xfffffffe);
	f.ack = Seq32(77);
	f.flags = tcp_ack | tcp_psh;
	f.window = 502;
	return f;
}

Packet
bytes(size_t n)
{
	Packet p(n);
	std::iota(p.begin(), p.end(), uint8_t{1});
	return p;
}

/** Ones' complement sum as RFC 1071 words it: a second opinion. */
uint16_t
reference_sum(const Packet &data, uint32_t start = 0)
{
	uint32_t sum = start;
	for (size_t i = 0; i < data.size(); i++) {
		sum += i % 2 ? data[i] : data[i] << 8;
		if (sum > 0xffff)
			sum = (sum & 0xffff) + 1;
	}
	return static_cast<uint16_t>(sum);
}

bool
checksums_hold(const Packet &p)
{
	const bool v6 = p[0] >> 4 == 6;
	const size_t tcp = Segment::parse(p)->tcp_offset();
	if (!v6 && reference_sum(Packet(p.begin(), p.begin() + 20)) != 0xffff)
		return false;
	Packet pseudo(p.begin() + (v6 ? 8 : 12), p.begin() + (v6 ? 40 : 20));
	const uint32_t length = static_cast<uint32_t>(p.size() - tcp);
	for (const int shift : {24, 16, 8, 0})
		pseudo.push_back(static_cast<uint8_t>(length >> shift));
	pseudo.insert(pseudo.end(), {0, 6});
	pseudo.insert(pseudo.end(), p.begin() + static_cast<long>(tcp),
	    p.end());
	return reference_sum(pseudo) == 0xffff;
}

/** The field as a kernel leaves it to a NIC: the pseudo header's sum. */
void
make_partial(Packet &p)
{
	const bool v6 = p[0] >> 4 == 6;
	const size_t tcp = Segment::parse(p)->tcp_offset();
	Packet pseudo(p.begin() + (v6 ? 8 : 12), p.begin() + (v6 ? 40 : 20));
	const size_t length = p.size() - tcp;
	pseudo.insert(pseudo.end(), {0, 6, static_cast<uint8_t>(length >> 8),
	    static_cast<uint8_t>(length)});
	const uint16_t sum = reference_sum(pseudo);
	p[tcp + 16] = static_cast<uint8_t>(sum >> 8);
	p[tcp + 17] = static_cast<uint8_t>(sum);
}

} // namespace

BOOST_AUTO_TEST_SUITE(segment)

BOOST_AUTO_TEST_CASE(a_captured_packet)
{
	Packet p = captured;
	p.insert(p.end(), 7, 0);	/* Ethernet padding */
	const auto s = Segment::parse(p);
	BOOST_REQUIRE(s.has_value());
	BOOST_TEST(s->bytes().size() == captured.size());
	BOOST_TEST(s->flow_to_local().to_string() ==
	    "10.77.0.1:50000 > 10.77.0.100:22");
	BOOST_TEST((s->flow_from_local().local == s->source()));
	BOOST_TEST(s->seq().value() == 0x01020304U);
	BOOST_TEST(s->ack().value() == 0x0a0b0c0dU);
	BOOST_TEST(s->has(tcp_psh));
	BOOST_TEST(!s->has(tcp_syn));
	BOOST_TEST(s->window() == 502);
	BOOST_TEST(s->payload().size() == 11U);
	BOOST_TEST(s->payload()[0] == 'S');
	BOOST_TEST((s->end_seq() == s->seq() + 11));
	BOOST_REQUIRE(s->timestamps().has_value());
	BOOST_TEST(s->timestamps()->value == 0x11223344U);
	BOOST_TEST(s->timestamps()->echo == 0x55667788U);
	BOOST_CHECK(s->checksum_state() == ChecksumState::wrong);
}

BOOST_AUTO_TEST_CASE(every_cut_is_refused_but_for_its_headers)
{
	for (const bool v6 : {false, true}) {
		const Packet payload = bytes(9);
		auto f = fields(v6);
		f.payload = payload;
		f.timestamps = TcpTimestamps{1, 2};
		const Packet whole = build_segment(f);
		BOOST_REQUIRE(Segment::parse(whole).has_value());
		const size_t headers = Segment::parse(whole)->payload_offset();
		for (size_t n = 0; n <= whole.size(); n++) {
			const Packet cut(whole.begin(), whole.begin() +
			    static_cast<long>(n));
			BOOST_TEST(Segment::parse(cut).has_value() ==
			    (n == whole.size()));
			const auto s = Segment::parse_headers(cut);
			BOOST_REQUIRE(s.has_value() == (n >= headers));
			if (!s)
				continue;
			BOOST_TEST(s->payload().empty());
			BOOST_CHECK(s->seq() == f.seq && s->ack() == f.ack);
			BOOST_CHECK(s->end_seq() == f.seq);
			BOOST_TEST(s->source_port() == f.source_port);
			BOOST_CHECK(s->checksum_state() ==
			    ChecksumState::unknown);
		}
	}
}

BOOST_AUTO_TEST_CASE(checksums_of_every_length)
{
	for (size_t n = 0; n < 134; n++) {
		const Packet payload = bytes(n / 2);
		auto f = fields(n % 2 != 0);
		f.payload = payload;
		const Packet p = build_segment(f);
		BOOST_TEST(checksums_hold(p));
		BOOST_CHECK(Segment::parse(p)->checksum_state() ==
		    ChecksumState::valid);
	}
}

BOOST_AUTO_TEST_CASE(lengths_that_lie)
{
	const Packet good = build_segment(fields(false));
	const auto refused = [](Packet p, size_t at, uint8_t v) {
		p[at] = v;
		return !Segment::parse(p).has_value();
	};
	BOOST_TEST(refused(good, 0, 0x44));	/* header below 20 */
	BOOST_TEST(refused(good, 0, 0x4f));	/* beyond the packet */
	BOOST_TEST(refused(good, 0, 0x55));	/* version 5 */
	BOOST_TEST(refused(good, 3, 19));	/* total below the header */
	BOOST_TEST(refused(good, 6, 0x20));	/* more fragments */
	BOOST_TEST(refused(good, 7, 0x01));	/* fragment offset */
	BOOST_TEST(refused(good, 9, 17));	/* UDP */
	BOOST_TEST(refused(good, 32, 0x40));	/* data offset 4 */
	BOOST_TEST(refused(good, 32, 0xf0));	/* options beyond the end */
}

BOOST_AUTO_TEST_CASE(ipv6_extension_headers)
{
	Packet p = build_segment(fields(true));
	const std::array<uint8_t, 16> options{0, 1};
	p.insert(p.begin() + 40, options.begin(), options.end());
	p[40] = 6;
	p[6] = 0;
	p[5] = static_cast<uint8_t>(p.size() - 40);
	const auto s = Segment::parse(p);
	BOOST_REQUIRE(s.has_value());
	BOOST_TEST(s->tcp_offset() == 56U);
	BOOST_TEST(s->source_port() == 50000);
	BOOST_CHECK(s->checksum_state() == ChecksumState::valid);
	p[6] = 44;	/* a fragment */
	BOOST_TEST(!Segment::parse(p).has_value());
	p[6] = 0;
	p[41] = 255;	/* an extension beyond the end */
	BOOST_TEST(!Segment::parse(p).has_value());
}

BOOST_AUTO_TEST_CASE(options_that_lie)
{
	auto f = fields(false);
	f.timestamps = TcpTimestamps{1, 2};
	Packet p = build_segment(f);
	p[43] = 0;	/* length 0 would loop for ever */
	BOOST_TEST(!Segment::parse(p)->timestamps().has_value());
	p[43] = 11;	/* beyond the header */
	BOOST_TEST(!Segment::parse(p)->timestamps().has_value());
	p[40] = 0;	/* end of options */
	p[43] = 10;
	BOOST_TEST(!Segment::parse(p)->timestamps().has_value());
}

BOOST_AUTO_TEST_CASE(checksum_states)
{
	for (const bool v6 : {false, true}) {
		for (const size_t n : {0U, 1U, 2U, 1001U, 40000U}) {
			const Packet payload = bytes(n);
			auto f = fields(v6);
			f.payload = payload;
			Packet p = build_segment(f);
			BOOST_TEST(checksums_hold(p));
			BOOST_CHECK(Segment::parse(p)->checksum_state() ==
			    ChecksumState::valid);
			make_partial(p);
			BOOST_CHECK(Segment::parse(p)->checksum_state() ==
			    ChecksumState::partial);
			BOOST_TEST(complete_checksums(p));
			BOOST_TEST(checksums_hold(p));
			p.back() ^= 4;
			BOOST_CHECK(Segment::parse(p)->checksum_state() ==
			    ChecksumState::wrong);
		}
	}
}

BOOST_AUTO_TEST_CASE(ack_is_rewritten)
{
	for (const bool v6 : {false, true}) {
		Packet p = build_segment(fields(v6));
		p.insert(p.end(), 5, 0xee);	/* padding stays out of it */
		BOOST_TEST(rewrite_ack(p, Seq32(0xdeadbeef)));
		BOOST_TEST(Segment::parse(p)->ack().value() == 0xdeadbeefU);
		BOOST_CHECK(Segment::parse(p)->checksum_state() ==
		    ChecksumState::valid);
		BOOST_TEST(p.back() == 0xee);
	}
	Packet junk(60, 0);
	BOOST_TEST(!rewrite_ack(junk, Seq32(1)));
	BOOST_TEST(!complete_checksums(junk));
}

BOOST_AUTO_TEST_CASE(splitting_keeps_the_stream)
{
	for (const bool v6 : {false, true}) {
		const Packet payload = bytes(2500);
		auto f = fields(v6);
		f.payload = payload;
		f.flags = tcp_ack | tcp_psh | tcp_fin;
		f.timestamps = TcpTimestamps{5, 6};
		Packet p = build_segment(f);
		make_partial(p);
		const auto parts = split_segment(*Segment::parse(p), 1000);
		BOOST_REQUIRE(parts.size() == 3U);
		Packet joined;
		Seq32 next = f.seq;
		for (const auto &part : parts) {
			const auto s = Segment::parse(part);
			BOOST_REQUIRE(s.has_value());
			BOOST_TEST(checksums_hold(part));
			BOOST_TEST((s->seq() == next));
			BOOST_TEST(s->timestamps()->value == 5U);
			BOOST_TEST(s->has(tcp_fin) == (&part == &parts[2]));
			BOOST_TEST(s->has(tcp_psh) == (&part == &parts[2]));
			next = s->end_seq();
			joined.insert(joined.end(), s->payload().begin(),
			    s->payload().end());
		}
		BOOST_TEST(joined == payload);
	}
	const Packet bare = build_segment(fields(false));
	BOOST_TEST(split_segment(*Segment::parse(bare), 1000).size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_part_of_a_segment)
{
	const Packet payload = bytes(2500);
	auto f = fields(true);
	f.payload = payload;
	f.flags = tcp_ack | tcp_psh | tcp_fin;
	const Packet whole = build_segment(f);
	const auto part = [&whole](size_t from, size_t to) {
		std::string all;
		for (const auto &p : split_segment(*Segment::parse(whole),
		    1000, from, to)) {
			const auto s = Segment::parse(p);
			BOOST_REQUIRE(s.has_value());
			BOOST_TEST(checksums_hold(p));
			const uint32_t at = static_cast<uint32_t>(s->seq() -
			    Segment::parse(whole)->seq());
			BOOST_TEST((s->payload().empty() ||
			    std::equal(s->payload().begin(), s->payload().end(),
			    Segment::parse(whole)->payload().begin() + at)));
			all += std::to_string(at) + '+' +
			    std::to_string(s->payload().size()) +
			    (s->has(tcp_psh) ? "P" : "") +
			    (s->has(tcp_fin) ? "F" : "") + ' ';
		}
		return all;
	};
	BOOST_TEST(part(300, 1700) == "300+1000 1300+400 ");
	BOOST_TEST(part(1700, 2500) == "1700+800P ");
	BOOST_TEST(part(1700, 2501) == "1700+800PF ");
	BOOST_TEST(part(2500, 2501) == "2500+0PF ");
}

BOOST_AUTO_TEST_CASE(random_bytes_do_no_harm)
{
	std::mt19937 random(1);
	const Packet seeds[] = {build_segment(fields(false)),
	    build_segment(fields(true)), captured};
	size_t parsed = 0;
	for (int i = 0; i < 30000; i++) {
		Packet p = seeds[i % 3];
		for (unsigned n = random() % 4; n > 0; n--)
			p[random() % p.size()] = static_cast<uint8_t>(random());
		p.resize(random() % (p.size() + 1));
		if (const auto s = Segment::parse(p)) {
			parsed++;
			(void)s->timestamps();
			(void)s->checksum_state();
			(void)split_segment(*s, 3);
			BOOST_REQUIRE(rewrite_ack(p, Seq32(1)));
			BOOST_REQUIRE(Segment::parse(p)->checksum_state() ==
			    ChecksumState::valid);
		}
	}
	BOOST_TEST(parsed > 100U);
}

// As injected: nothing but the option and the checksum differs.
BOOST_AUTO_TEST_CASE(timestamps_that_are_blanked)
{
	const std::vector<uint8_t> payload(100, 'x');
	SegmentFields f;
	f.source = IpAddr::parse("10.0.0.9").value();
	f.destination = IpAddr::parse("10.0.0.100").value();
	f.source_port = 5000;
	f.destination_port = 22;
	f.seq = Seq32(1000);
	f.flags = tcp_ack;
	f.payload = payload;
	auto bare = build_segment(f);
	const auto before = bare;
	BOOST_TEST(blank_timestamps(bare));
	BOOST_TEST(bare == before);
	f.timestamps = TcpTimestamps{7, 8};
	auto p = build_segment(f);
	BOOST_TEST(blank_timestamps(p));
	const auto s = Segment::parse(p);
	BOOST_REQUIRE(s.has_value());
	BOOST_TEST(!s->timestamps().has_value());
	BOOST_TEST((s->checksum_state() == ChecksumState::valid));
	BOOST_TEST(s->seq().value() == 1000U);
	BOOST_TEST(std::vector<uint8_t>(s->payload().begin(),
	    s->payload().end()) == payload);
	std::vector<uint8_t> junk(10);
	BOOST_TEST(!blank_timestamps(junk));
}

BOOST_AUTO_TEST_SUITE_END()
