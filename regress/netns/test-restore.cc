// SPDX-License-Identifier: ISC
// A connection goes on in another namespace, byte for byte.
#include <boost/test/data/test_case.hpp>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "seq32.hh"
#include "tcp-descriptor.hh"
#include "tcp-info.hh"
#include "tcp-progress.hh"
#include "tcp-restore.hh"
#include "world.hh"

using namespace jeebs;
using namespace jeebs::test;
namespace data = boost::unit_test::data;

namespace {

int
int_option(int fd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);
	BOOST_REQUIRE(getsockopt(fd, level, name, &value, &length) == 0);
	return value;
}

tcp_info
info_of(int fd)
{
	tcp_info info{};
	socklen_t length = sizeof(info);
	BOOST_REQUIRE(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info,
	    &length) == 0);
	return info;
}

/** Both directions of one connection as a checker sees them. */
struct Streams {
	uint64_t down = 0;	/* server to client, bytes seen by the client */
	uint64_t up = 0;

	void
	exchange(const Connection &c, size_t n)
	{
		put(c.server.get(), pattern(down, n));
		BOOST_REQUIRE(get(c.client.get(), n) == pattern(down, n));
		down += n;
		put(c.client.get(), pattern(up + 7, n));
		BOOST_REQUIRE(get(c.server.get(), n) == pattern(up + 7, n));
		up += n;
	}
};

struct Options {
	bool v6, timestamps, sack, wscale;
};

std::ostream &
operator<<(std::ostream &out, const Options &o)
{
	return out << (o.v6 ? "v6" : "v4") << (o.timestamps ? " ts" : "")
	    << (o.sack ? " sack" : "") << (o.wscale ? " wscale" : "");
}

const Options all_options[] = {
	{false, true, true, true}, {true, true, true, true},
	{false, false, true, true}, {false, true, false, true},
	{false, true, true, false}, {false, false, false, false},
	{true, false, false, false},
};

void
set_client_options(const World &world, const Options &o)
{
	const auto flag = [](bool b) { return std::string(b ? "1" : "0"); };
	world.client.sh("sysctl -qw net.ipv4.tcp_timestamps=" +
	    flag(o.timestamps) + " net.ipv4.tcp_sack=" + flag(o.sack) +
	    " net.ipv4.tcp_window_scaling=" + flag(o.wscale));
}

UniqueFd
restore_on(const Host &host, TcpRestorer &restorer,
    const RestoreRequest &request)
{
	return host.in([&] {
		auto fd = restorer.restore(request);
		BOOST_REQUIRE_MESSAGE(fd.has_value(),
		    (fd ? "" : fd.error().what));
		return std::move(*fd);
	});
}

} // namespace

BOOST_AUTO_TEST_SUITE(restore)

BOOST_DATA_TEST_CASE(goes_on_with_unacked_bytes, data::make(all_options), o)
{
	World world;
	set_client_options(world, o);
	world.move_vip_to(world.alpha, o.v6);
	const UniqueFd listener = world.listen_on(world.alpha, o.v6);
	Connection c = world.connect(listener.get(), o.v6);
	jeebs_tcp_state state = capture(c.server.get());
	BOOST_TEST(bool(state.options & JEEBS_TCP_OPT_TS) == o.timestamps);
	BOOST_TEST(bool(state.options & JEEBS_TCP_OPT_SACK) == o.sack);
	BOOST_TEST(bool(state.options & JEEBS_TCP_OPT_WSCALE) == o.wscale);
	Streams s;
	s.exchange(c, 3000);
	s.exchange(c, 50000);
	BOOST_REQUIRE(refresh_tcp_state(c.server.get(), state).has_value());

	const auto live_segment = info_of(c.server.get()).tcpi_snd_mss;

	/* The host dies with 5000 bytes written that nobody saw. */
	world.cut(world.alpha);
	put(c.server.get(), pattern(s.down, 5000));
	BOOST_TEST(unacked_bytes(c.server.get()).value() == 5000U);

	const auto restorer = make_repair_restorer();
	const RestoreRequest request{state, s.down, s.up,
	    state.ts_val + 1000};
	/* Before the address is up, beside nothing else. */
	UniqueFd fd = restore_on(world.beta, *restorer, request);
	BOOST_TEST(get(fd.get(), 1, 0ms).empty());
	world.move_vip_to(world.beta, o.v6);
	BOOST_REQUIRE(restorer->release(fd.get(),
	    Flow::from_state(state)).has_value());
	put(fd.get(), pattern(s.down, 5000));
	BOOST_REQUIRE(get(c.client.get(), 5000) == pattern(s.down, 5000));
	/* At once, not by a retransmission timer. */
	BOOST_TEST(info_of(fd.get()).tcpi_total_retrans == 0U);
	/* The kernel's own estimate allows for timestamps, used or not. */
	BOOST_TEST(info_of(fd.get()).tcpi_snd_mss + 12 >= live_segment);
	s.down += 5000;

	Connection after{std::move(c.client), std::move(fd)};
	s.exchange(after, 1);
	/* Much more than a window each way: shifts and windows are right. */
	const auto bulk = std::chrono::steady_clock::now();
	for (int i = 0; i < 40; i++)
		s.exchange(after, 50000);
	BOOST_TEST((std::chrono::steady_clock::now() - bulk < 6s));

	const int server = after.server.get();
	BOOST_TEST(int_option(server, SOL_SOCKET, SO_REUSEADDR) == 1);
	BOOST_TEST(int_option(server, SOL_SOCKET, SO_KEEPALIVE) == 1);
	BOOST_TEST(int_option(server, IPPROTO_TCP, TCP_NODELAY) == 1);
	BOOST_TEST(int_option(server, IPPROTO_TCP, TCP_REPAIR) == 0);
	if (!o.v6)
		BOOST_TEST(int_option(server, IPPROTO_IP, IP_TRANSPARENT) == 0);
	BOOST_TEST(fcntl(server, F_GETFD) == FD_CLOEXEC);

	const jeebs_tcp_state again = capture(server);
	BOOST_TEST(again.mss == state.mss);
	/* As 0/0 where there is none, see tcp-restore-repair.cc. */
	BOOST_TEST(again.options == (state.options | JEEBS_TCP_OPT_WSCALE));
	BOOST_TEST(again.snd_wscale == state.snd_wscale);
	BOOST_TEST(again.rcv_wscale == state.rcv_wscale);
	BOOST_TEST(again.snd_base == seq_of_offset(state.snd_base,
	    s.down).value());
	BOOST_TEST(again.rcv_base == seq_of_offset(state.rcv_base,
	    s.up).value());
	BOOST_TEST(again.ts_val - state.ts_val < (o.timestamps ? 5000U : 1U));

	shutdown(server, SHUT_WR);
	pollfd p{after.client.get(), POLLRDHUP, 0};
	BOOST_TEST(poll(&p, 1, 1000) == 1);
}

BOOST_DATA_TEST_CASE(client_knows_more_than_the_record, data::make({false,
    true}), v6)
{
	World world;
	world.move_vip_to(world.alpha, v6);
	const UniqueFd listener = world.listen_on(world.alpha, v6);
	Connection c = world.connect(listener.get(), v6);
	jeebs_tcp_state state = capture(c.server.get());
	Streams s;
	s.exchange(c, 9000);
	BOOST_REQUIRE(refresh_tcp_state(c.server.get(), state).has_value());
	world.cut(world.alpha);

	/* The record is 3000 bytes behind what the client has and ACKed. */
	const auto restorer = make_repair_restorer();
	UniqueFd fd = restore_on(world.beta, *restorer,
	    {state, s.down - 3000, s.up, state.ts_val + 1000});
	world.move_vip_to(world.beta, v6);
	BOOST_REQUIRE(restorer->release(fd.get(),
	    Flow::from_state(state)).has_value());
	put(fd.get(), pattern(s.down - 3000, 3000));
	Connection after{std::move(c.client), std::move(fd)};
	s.exchange(after, 20000);
	BOOST_TEST(get(after.client.get(), 1, 10ms).empty());
}

BOOST_AUTO_TEST_CASE(beside_a_listener_and_many_times)
{
	World world;
	world.move_vip_to(world.alpha, false);
	UniqueFd listeners[2];
	listeners[0] = world.listen_on(world.alpha, false);
	Connection c = world.connect(listeners[0].get(), false);
	jeebs_tcp_state state = capture(c.server.get());
	const uint16_t mss = state.mss;
	const auto restorer = make_repair_restorer();
	Streams s;

	const Host *hosts[2] = {&world.alpha, &world.beta};
	for (int i = 1; i <= 10; i++) {
		s.exchange(c, 4000);
		BOOST_REQUIRE(refresh_tcp_state(c.server.get(),
		    state).has_value());
		const Host &from = *hosts[(i + 1) % 2], &to = *hosts[i % 2];
		world.cut(from);
		BOOST_REQUIRE(from.in([&] {
			return vip_del(World::vip_on_eth0(false)); }));
		listeners[(i + 1) % 2].reset();
		/* What lingers would be in the way of the way back. */
		BOOST_REQUIRE(silence_tcp(c.server.get(),
		    Flow::from_state(state)).has_value());
		c.server.reset();
		world.move_vip_to(to, false);
		listeners[i % 2] = world.listen_on(to, false);
		c.server = restore_on(to, *restorer,
		    {state, s.down, s.up, state.ts_val + 500});
		BOOST_REQUIRE(restorer->release(c.server.get(),
		    Flow::from_state(state)).has_value());
		world.net.sh("ip link set " + world.port_of(from) +
		    " master br0");
	}
	s.exchange(c, 4000);
	BOOST_TEST(capture(c.server.get()).mss == mss);
}

BOOST_AUTO_TEST_CASE(endings)
{
	World world;
	world.move_vip_to(world.alpha, false);
	const UniqueFd listener = world.listen_on(world.alpha, false);
	const auto restorer = make_repair_restorer();
	const auto events = [](int fd, int patience) {
		pollfd p{fd, POLLIN | POLLRDHUP, 0};
		return poll(&p, 1, patience) == 1 ? p.revents : 0;
	};

	Connection c = world.connect(listener.get(), false);
	BOOST_REQUIRE(silence_tcp(c.server.get(),
	    Flow::from_state(capture(c.server.get()))).has_value());
	c.server.reset();
	BOOST_TEST(events(c.client.get(), 50) == 0);

	Connection d = world.connect(listener.get(), false);
	const jeebs_tcp_state state = capture(d.server.get());
	BOOST_REQUIRE(silence_tcp(d.server.get(),
	    Flow::from_state(state)).has_value());
	d.server.reset();
	const UniqueFd fd = restore_on(world.alpha, *restorer,
	    {state, 0, 0, state.ts_val + 100});
	const UniqueFd another(dup(fd.get()));
	BOOST_TEST(events(d.client.get(), 50) == 0);
	BOOST_REQUIRE(restorer->release(fd.get(),
	    Flow::from_state(state)).has_value());
	BOOST_REQUIRE(abort_connection(fd.get()).has_value());
	BOOST_TEST((events(d.client.get(), 1000) & POLLERR));
	char byte;
	BOOST_TEST(recv(d.client.get(), &byte, 1, 0) == -1);
	BOOST_TEST(errno == ECONNRESET);
}

BOOST_AUTO_TEST_CASE(refused)
{
	const auto restorer = make_repair_restorer();
	jeebs_tcp_state state{};
	state.family = AF_UNIX;
	BOOST_TEST(restorer->restore({state, 0, 0, 0}).error().errnum ==
	    EAFNOSUPPORT);
	World world;
	world.move_vip_to(world.alpha, false);
	const UniqueFd listener = world.listen_on(world.alpha, false);
	Connection c = world.connect(listener.get(), false);
	state = capture(c.server.get());
	/* The connection is alive on this very host. */
	world.alpha.in([&] {
		const auto r = restorer->restore({state, 0, 0, 0});
		BOOST_TEST(!r.has_value());
		BOOST_TEST(r.error().errnum == EADDRNOTAVAIL);
		BOOST_TEST(r.error().what.find("10.9.0.100:22") !=
		    std::string::npos);
	});
	BOOST_TEST(!refresh_tcp_state(listener.get(), state).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
