// SPDX-License-Identifier: ISC
// New connections that come when the VIP is there and who listens isn't yet: their
// SYNs wait until it is (new-connections).
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <chrono>

#include <poll.h>
#include <sys/socket.h>

#include "new-connections.hh"
#include "queue-rules.hh"
#include "world.hh"

using namespace jeebs;
using namespace jeebs::test;
namespace data = boost::unit_test::data;

namespace new_connections {

// An RTO before a SYN is sent again (RFC 6298, 2.1).
constexpr auto before_the_next_syn = 900ms;

struct NewHost {
	explicit NewHost(uint16_t service_port, bool v6) : v6(v6)
	{
		world.beta.in([&] {
			fresh = std::make_unique<NewConnections>(world.io, "eth0",
			    uint16_t{574}, service_port);
			must(fresh->install());
		});
	}

	void come_up()
	{
		const IpAddr addrs[] = {World::vip(false), World::vip(true)};
		must(world.beta.in([&] { return fresh->hold(addrs); }));
		world.move_vip_to(world.beta, v6);
	}
	void end(bool go_on = true)
	{
		must(world.beta.in([&] { return fresh->end(go_on); }));
	}
	[[nodiscard]] UniqueFd knock()
	{
		return world.client.in([&] {
			UniqueFd fd(socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM |
			    SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
			sockaddr_storage to;
			const socklen_t length = to_sockaddr(World::vip(v6),
			    World::port, to);
			(void)::connect(fd.get(),
			    reinterpret_cast<sockaddr *>(&to), length);
			return fd;
		});
	}
	// One that comes when nobody listens yet, and waits.
	[[nodiscard]] UniqueFd early()
	{
		come_up();
		UniqueFd fd = knock();
		BOOST_TEST(answer(fd, 200ms) == -1);
		return fd;
	}
	// 0: connected; -1: not answered in time.
	int answer(const UniqueFd &fd, std::chrono::milliseconds patience)
	{
		const auto end = std::chrono::steady_clock::now() + patience;
		pollfd p{fd.get(), POLLOUT, 0};
		while (std::chrono::steady_clock::now() < end) {
			world.io.restart();
			world.io.poll();
			if (poll(&p, 1, 5) != 1)
				continue;
			int error = 0;
			socklen_t size = sizeof(error);
			getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
			return error;
		}
		return -1;
	}

	World world;
	bool v6;
	std::unique_ptr<NewConnections> fresh;
};

} // namespace new_connections

using namespace new_connections;

BOOST_AUTO_TEST_SUITE(new_connections)

BOOST_DATA_TEST_CASE(who_comes_early_meets_who_listens_late, data::make({false, true}), v6)
{
	NewHost host(2022, v6);
	const auto started = std::chrono::steady_clock::now();
	const UniqueFd early = host.early();
	const UniqueFd listener = host.world.listen_on(host.world.beta, v6);
	host.end();
	BOOST_TEST(host.answer(early, before_the_next_syn - 200ms) == 0);
	BOOST_CHECK(std::chrono::steady_clock::now() - started <
	    before_the_next_syn);
	// And from here on they come as ever.
	const UniqueFd late = host.knock();
	BOOST_TEST(host.answer(late, before_the_next_syn) == 0);
}

BOOST_AUTO_TEST_CASE(without_a_listener_they_are_refused_then)
{
	NewHost host(2022, false);
	const UniqueFd early = host.early();
	host.end();
	BOOST_TEST(host.answer(early, before_the_next_syn - 200ms) ==
	    ECONNREFUSED);
}

BOOST_AUTO_TEST_CASE(those_of_the_service_are_not_held)
{
	NewHost host(World::port, false);
	host.come_up();
	const UniqueFd listener = host.world.listen_on(host.world.beta, false);
	const UniqueFd early = host.knock();
	BOOST_TEST(host.answer(early, before_the_next_syn) == 0);
}

BOOST_AUTO_TEST_CASE(many_at_once)
{
	NewHost host(2022, false);
	host.come_up();
	std::vector<UniqueFd> all;
	for (int i = 0; i < 8; i++)
		all.push_back(host.knock());
	for (const UniqueFd &fd : all)
		BOOST_TEST(host.answer(fd, 20ms) == -1);
	const UniqueFd listener = host.world.listen_on(host.world.beta, false);
	host.end();
	for (const UniqueFd &fd : all)
		BOOST_TEST(host.answer(fd, before_the_next_syn - 500ms) == 0);
}

// With a base chain the kernel empties all queues.
BOOST_AUTO_TEST_CASE(rules_anew_leave_queues_alone)
{
	NewHost host(2022, false);
	const UniqueFd early = host.early();
	must(host.world.beta.in([] {
		return QueueRules(new_spec("eth0", 574, 2022)).install();
	}));
	const UniqueFd listener = host.world.listen_on(host.world.beta, false);
	host.end();
	BOOST_TEST(host.answer(early, before_the_next_syn - 200ms) == 0);
}

BOOST_AUTO_TEST_CASE(they_can_be_dropped)
{
	NewHost host(2022, false);
	const UniqueFd early = host.early();
	host.end(false);
	BOOST_TEST(host.answer(early, before_the_next_syn - 400ms) == -1);
}

BOOST_AUTO_TEST_CASE(the_kernel_ends_it_too)
{
	NewHost host(2022, false);
	host.come_up();
	const UniqueFd listener = host.world.listen_on(host.world.beta, false);
	host.fresh.reset();
	// Nobody reads the queue any more.
	const UniqueFd early = host.knock();
	BOOST_TEST(host.answer(early, before_the_next_syn) == -1);
	BOOST_TEST(host.answer(early, queue_new_timeout + 2s) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
