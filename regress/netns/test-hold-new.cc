// SPDX-License-Identifier: ISC
// New connections that come when the VIP is there and who listens isn't yet: their
// SYNs are kept (hold), and given to the kernel when it is (inject).
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <chrono>

#include <poll.h>
#include <sys/socket.h>

#include "hold.hh"
#include "inject.hh"
#include "world.hh"

using namespace jeebs;
using namespace jeebs::test;
namespace data = boost::unit_test::data;

namespace hold_new {

// An RTO before a SYN is sent again (RFC 6298, 2.1).
constexpr auto before_the_next_syn = 900ms;

struct NewHost {
	explicit NewHost(uint16_t service_port, bool v6,
	    size_t new_connections = 1024) : v6(v6)
	{
		world.beta.in([&] {
			must(injector.prepare());
			hold = std::make_unique<Hold>(world.io, HoldConfig{
			    .interface = "eth0", .service_port = service_port,
			    .new_connections = new_connections});
			must(hold->install());
		});
	}

	void come_up()
	{
		const IpAddr addrs[] = {World::vip(false), World::vip(true)};
		must(world.beta.in([&] { return hold->hold_new(addrs); }));
		world.move_vip_to(world.beta, v6);
	}
	size_t let()
	{
		return world.beta.in([&] {
			const auto all = hold->take_new();
			for (const auto &syn : all)
				must(injector.inject(syn, Seq32(0), Seq32(0)));
			return all.size();
		});
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
	Injector injector;
	std::unique_ptr<Hold> hold;
};

} // namespace hold_new

using namespace hold_new;

BOOST_AUTO_TEST_SUITE(hold_new)

BOOST_DATA_TEST_CASE(who_comes_early_meets_who_listens_late, data::make({false, true}), v6)
{
	NewHost host(2022, v6);
	host.come_up();
	const auto started = std::chrono::steady_clock::now();
	const UniqueFd early = host.knock();
	BOOST_TEST(host.answer(early, 200ms) == -1);
	const UniqueFd listener = host.world.listen_on(host.world.beta, v6);
	BOOST_TEST(host.let() == 1U);
	BOOST_TEST(host.answer(early, before_the_next_syn - 200ms) == 0);
	BOOST_CHECK(std::chrono::steady_clock::now() - started <
	    before_the_next_syn);
	// And from here on they come as ever.
	const UniqueFd late = host.knock();
	BOOST_TEST(host.answer(late, before_the_next_syn) == 0);
	BOOST_TEST(host.let() == 0U);
}

BOOST_AUTO_TEST_CASE(without_a_listener_they_are_refused_then)
{
	NewHost host(2022, false);
	host.come_up();
	const UniqueFd early = host.knock();
	BOOST_TEST(host.answer(early, 200ms) == -1);
	BOOST_TEST(host.let() == 1U);
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
	BOOST_TEST(host.let() == 0U);
}

BOOST_AUTO_TEST_CASE(they_are_bounded)
{
	NewHost host(2022, false, 3);
	host.come_up();
	std::vector<UniqueFd> all;
	for (int i = 0; i < 5; i++)
		all.push_back(host.knock());
	BOOST_TEST(host.answer(all[4], 200ms) == -1);
	BOOST_TEST(host.let() == 3U);
}

BOOST_AUTO_TEST_SUITE_END()
