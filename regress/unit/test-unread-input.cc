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
	InputPlace place() const
	{
		auto p = input_place(ours.get());
		BOOST_REQUIRE_MESSAGE(p.has_value(), p.error().what);
		return *p;
	}
	UnreadInput unread(uint64_t from, size_t limit = 1 << 20) const
	{
		auto u = unread_input(ours.get(), place(), from, limit);
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

constexpr uint32_t rcv_base = 0xfffff000;

jeebs_tcp_state
state(uint32_t snd_wnd = 300 << 7)
{
	jeebs_tcp_state s{};
	s.family = AF_INET;
	s.local_port = 40000;
	s.remote_port = 7000;
	s.local[3] = s.remote[3] = 9;
	s.rcv_base = rcv_base;
	s.snd_wnd = snd_wnd;
	s.snd_wscale = 7;
	return s;
}

} // namespace

BOOST_AUTO_TEST_SUITE(unread)

BOOST_AUTO_TEST_CASE(nothing)
{
	Connection c;
	const auto u = c.unread(0);
	BOOST_TEST((u.offset == 0 && u.bytes.empty() && !u.fin));
	BOOST_TEST(u.packets(state()).empty());
	c.say(0, 10);
	c.read(10);
	BOOST_TEST((c.place().read == 10 && c.place().received == 10));
}

BOOST_AUTO_TEST_CASE(it_stays_unread)
{
	Connection c;
	c.say(0, 1000);
	c.read(400);
	for (int i = 0; i < 2; i++) {
		BOOST_TEST((c.place().read == 400 && c.place().received == 1000));
		BOOST_TEST(c.unread(400).bytes == Connection::bytes(400, 600));
		BOOST_TEST(c.unread(500, 50).bytes == Connection::bytes(500, 50));
		BOOST_TEST(c.unread(1000).bytes.empty());
	}
	BOOST_TEST(!unread_input(c.ours.get(), c.place(), 399, 1).has_value());
	BOOST_TEST(!unread_input(c.ours.get(), c.place(), 1001, 1).has_value());
}

BOOST_AUTO_TEST_CASE(a_reader_in_between_is_noticed)
{
	Connection c;
	c.say(0, 1000);
	const auto before = c.place();
	c.read(1);
	const auto u = unread_input(c.ours.get(), before, 0, 100);
	BOOST_TEST((!u && u.error().errnum == EAGAIN));
}

BOOST_AUTO_TEST_CASE(an_urgent_byte_counts)
{
	Connection c;
	const int on = 1;
	BOOST_REQUIRE(setsockopt(c.ours.get(), SOL_SOCKET, SO_OOBINLINE, &on,
	    sizeof(on)) == 0);
	c.say(0, 100);
	const auto urgent = Connection::bytes(100, 1);
	BOOST_REQUIRE(send(c.peer.get(), urgent.data(), 1, MSG_OOB) == 1);
	c.say(101, 100);
	BOOST_TEST((c.place().read == 0 && c.place().received == 201));
	BOOST_TEST(c.unread(0).bytes == Connection::bytes(0, 100));
	const auto u = unread_input(c.ours.get(), c.place(), 100, 10);
	BOOST_TEST((!u && u.error().errnum == ENODATA));
	c.read(100);
	BOOST_TEST(c.unread(100).bytes == Connection::bytes(100, 101));
}

BOOST_AUTO_TEST_CASE(an_end_is_a_byte_that_nobody_reads)
{
	Connection c;
	c.say(0, 100);
	BOOST_REQUIRE(shutdown(c.peer.get(), SHUT_WR) == 0);
	BOOST_TEST((c.place().fin && c.place().received == 101));
	auto u = c.unread(0);
	BOOST_TEST((u.fin && u.bytes == Connection::bytes(0, 100)));
	BOOST_TEST(!c.unread(0, 99).fin);
	c.read(100);
	BOOST_TEST((c.place().read == 100 && c.place().received == 101));
	u = c.unread(100);
	BOOST_TEST((u.fin && u.bytes.empty()));
	const auto packets = u.packets(state());
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
	const auto packets = u.packets(state());
	std::vector<uint8_t> all;
	BOOST_TEST(packets.size() == 4U);
	for (const auto &p : packets) {
		const auto s = Segment::parse(p);
		BOOST_REQUIRE(s.has_value());
		BOOST_TEST((s->checksum_state() == ChecksumState::valid));
		BOOST_TEST((s->flow_to_local() == Flow::from_state(state())));
		BOOST_TEST(s->window() == 300);
		BOOST_TEST((s->seq() == seq_of_offset(rcv_base,
		    u.offset + all.size())));
		all.insert(all.end(), s->payload().begin(), s->payload().end());
		BOOST_TEST(s->has(tcp_fin) == (&p == &packets.back()));
	}
	BOOST_TEST(all == u.bytes);
	u.fin = false;
	u.bytes.resize(UnreadInput::max_payload);
	BOOST_TEST(u.packets(state()).size() == 1U);
	// A window that such a packet closed would stay closed.
	BOOST_TEST(Segment::parse(u.packets(state(0))[0])->window() == 1);
	BOOST_TEST(Segment::parse(u.packets(state(~0U))[0])->window() == 65535);
}

BOOST_AUTO_TEST_CASE(no_connection)
{
	Connection c;
	linger at_once{1, 0};
	BOOST_REQUIRE(setsockopt(c.peer.get(), SOL_SOCKET, SO_LINGER, &at_once,
	    sizeof(at_once)) == 0);
	c.say(0, 10);
	c.peer.reset();
	const auto p = input_place(c.ours.get());
	BOOST_TEST((!p && p.error().errnum == ENOTCONN));
	BOOST_TEST(!input_place(-1).has_value());
}

// Both have ended: nobody knows any more whether a FIN was counted.
BOOST_AUTO_TEST_CASE(over)
{
	Connection c;
	c.say(0, 10);
	BOOST_REQUIRE(shutdown(c.ours.get(), SHUT_WR) == 0 &&
	    shutdown(c.peer.get(), SHUT_WR) == 0);
	const auto p = input_place(c.ours.get());
	BOOST_TEST((!p && p.error().errnum == ENOTCONN));
}

BOOST_AUTO_TEST_SUITE_END()
