// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include <cerrno>
#include <numeric>

#include <arpa/inet.h>
#include <sys/socket.h>

#include "segment.hh"
#include "unique_fd.hh"
#include "unread-input.hh"

using namespace jeebs;

namespace {

// A connection of this host with itself.
struct Connection {
	UniqueFd peer, ours;

	Connection()
	{
		UniqueFd listener(socket(AF_INET, SOCK_STREAM, 0));
		sockaddr_in a{.sin_family = AF_INET, .sin_port = 0,
		    .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
		socklen_t len = sizeof(a);
		auto *to = reinterpret_cast<sockaddr *>(&a);
		peer.reset(socket(AF_INET, SOCK_STREAM, 0));
		BOOST_REQUIRE(bind(listener.get(), to, sizeof(a)) == 0 &&
		    listen(listener.get(), 1) == 0 &&
		    getsockname(listener.get(), to, &len) == 0 &&
		    connect(peer.get(), to, sizeof(a)) == 0);
		ours.reset(accept(listener.get(), nullptr, nullptr));
		BOOST_REQUIRE(ours.get() != -1);
	}
	// Bytes that tell one from the other, `from` of them went before.
	void say(size_t from, size_t n) const
	{
		const auto b = bytes(from, n);
		BOOST_REQUIRE(send(peer.get(), b.data(), n, 0) ==
		    static_cast<ssize_t>(n));
	}
	void read(size_t n) const
	{
		std::vector<uint8_t> b(n);
		BOOST_REQUIRE(recv(ours.get(), b.data(), n, MSG_WAITALL) ==
		    static_cast<ssize_t>(n));
	}
	// What is unread, of which n bytes have been sent (loopback is at once,
	// but not for those that the window had no place for).
	UnreadInput unread(size_t n) const
	{
		std::vector<uint8_t> b(n);
		BOOST_REQUIRE(recv(ours.get(), b.data(), n,
		    MSG_PEEK | MSG_WAITALL) == static_cast<ssize_t>(n));
		auto u = unread_input(ours.get());
		BOOST_REQUIRE_MESSAGE(u.has_value(), u.error().what);
		return *u;
	}
	static std::vector<uint8_t> bytes(size_t from, size_t n)
	{
		std::vector<uint8_t> b(n);
		for (size_t i = 0; i < n; i++)
			b[i] = static_cast<uint8_t>((from + i) * 2654435761U >>
			    24);
		return b;
	}
};

const Flow flow{IpAddr::parse("10.0.0.100").value(),
    IpAddr::parse("10.0.0.9").value(), 40000, 7000};
constexpr uint32_t rcv_base = 0xfffff000;

} // namespace

BOOST_AUTO_TEST_SUITE(unread)

BOOST_AUTO_TEST_CASE(nothing)
{
	Connection c;
	const auto u = unread_input(c.ours.get());
	BOOST_REQUIRE(u.has_value());
	BOOST_TEST((u->offset == 0 && u->bytes.empty() && !u->fin));
	BOOST_TEST(u->packets(flow, rcv_base).empty());
	c.say(0, 10);
	c.read(10);
	BOOST_TEST(unread_input(c.ours.get())->offset == 10U);
}

BOOST_AUTO_TEST_CASE(it_stays_unread)
{
	Connection c;
	c.say(0, 1000);
	c.read(400);
	for (int i = 0; i < 2; i++) {
		const auto u = c.unread(600);
		BOOST_TEST(u.offset == 400U);
		BOOST_TEST(u.bytes == Connection::bytes(400, 600));
		BOOST_TEST((!u.fin && u.end() == 1000));
	}
}

BOOST_AUTO_TEST_CASE(an_end_is_a_byte_that_nobody_reads)
{
	Connection c;
	c.say(0, 100);
	BOOST_REQUIRE(shutdown(c.peer.get(), SHUT_WR) == 0);
	auto u = c.unread(100);
	BOOST_TEST((u.fin && u.end() == 101 && u.offset == 0));
	BOOST_TEST(u.bytes == Connection::bytes(0, 100));
	c.read(100);
	u = unread_input(c.ours.get()).value();
	BOOST_TEST((u.fin && u.end() == 101 && u.offset == 100));
	const auto packets = u.packets(flow, rcv_base);
	BOOST_REQUIRE(packets.size() == 1U);
	const auto s = Segment::parse(packets[0]);
	BOOST_REQUIRE(s.has_value());
	BOOST_TEST((s->has(tcp_fin) && s->payload().empty()));
	BOOST_TEST((s->seq() == seq_of_offset(rcv_base, 100)));
}

BOOST_AUTO_TEST_CASE(packets_have_all_of_it)
{
	UnreadInput u;
	u.offset = 5000;
	u.bytes = Connection::bytes(0, 3 * UnreadInput::max_payload + 1);
	u.fin = true;
	const auto packets = u.packets(flow, rcv_base);
	std::vector<uint8_t> all;
	BOOST_TEST(packets.size() == 4U);
	for (const auto &p : packets) {
		const auto s = Segment::parse(p);
		BOOST_REQUIRE(s.has_value());
		BOOST_TEST((s->checksum_state() == ChecksumState::valid));
		BOOST_TEST((s->flow_to_local() == flow));
		BOOST_TEST((s->seq() == seq_of_offset(rcv_base,
		    u.offset + all.size())));
		all.insert(all.end(), s->payload().begin(), s->payload().end());
		BOOST_TEST(s->has(tcp_fin) == (&p == &packets.back()));
	}
	BOOST_TEST(all == u.bytes);
	u.fin = false;
	u.bytes.resize(UnreadInput::max_payload);
	BOOST_TEST(u.packets(flow, rcv_base).size() == 1U);
}

BOOST_AUTO_TEST_CASE(no_connection)
{
	Connection c;
	linger at_once{1, 0};
	BOOST_REQUIRE(setsockopt(c.peer.get(), SOL_SOCKET, SO_LINGER, &at_once,
	    sizeof(at_once)) == 0);
	c.say(0, 10);
	c.peer.reset();
	auto u = unread_input(c.ours.get());
	BOOST_TEST((u || u.error().errnum != EAGAIN));
	BOOST_TEST(!unread_input(-1).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
