// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <thread>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared-fd.hh"

using namespace jeebs;
using namespace std::chrono_literals;

namespace {

bool
closes(int reader)
{
	pollfd p{.fd = reader, .events = POLLIN, .revents = 0};
	return ::poll(&p, 1, 3000) == 1 && (p.revents & POLLHUP);
}

std::pair<UniqueFd, UniqueFd>
pipe_ends()
{
	int p[2];
	BOOST_REQUIRE(::pipe(p) == 0);
	return {UniqueFd(p[0]), UniqueFd(p[1])};
}

// A TCP connection whose close(2) takes `seconds`: what was sent has no reader.
SharedFd
lingering(const std::string &user, int seconds, UniqueFd &peer)
{
	UniqueFd listener(::socket(AF_INET, SOCK_STREAM, 0));
	UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));
	sockaddr_in a{.sin_family = AF_INET, .sin_port = 0,
	    .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
	auto *sa = reinterpret_cast<sockaddr *>(&a);
	socklen_t len = sizeof(a);
	const int small = 4096;
	const linger l{.l_onoff = 1, .l_linger = seconds};
	char block[65536] = {};
	BOOST_REQUIRE(::setsockopt(listener.get(), SOL_SOCKET, SO_RCVBUF,
	    &small, sizeof(small)) == 0);
	BOOST_REQUIRE(::bind(listener.get(), sa, len) == 0);
	BOOST_REQUIRE(::listen(listener.get(), 1) == 0);
	BOOST_REQUIRE(::getsockname(listener.get(), sa, &len) == 0);
	BOOST_REQUIRE(::connect(fd.get(), sa, len) == 0);
	peer = UniqueFd(::accept(listener.get(), nullptr, nullptr));
	BOOST_REQUIRE(bool{peer});
	while (::send(fd.get(), block, sizeof(block), MSG_DONTWAIT) > 0)
		;
	BOOST_REQUIRE(::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &l,
	    sizeof(l)) == 0);
	return {std::move(fd), user};
}

} // namespace

BOOST_AUTO_TEST_SUITE(shared_fd)

BOOST_AUTO_TEST_CASE(is_closed_soon)
{
	auto [reader, writer] = pipe_ends();
	{
		SharedFd s(std::move(writer), "ann");
		BOOST_TEST(s.get() != -1);
	}
	BOOST_TEST(closes(reader.get()));
}

BOOST_AUTO_TEST_CASE(moves)
{
	auto [reader, writer] = pipe_ends();
	SharedFd a(std::move(writer), "ann"), b;
	b = std::move(a);
	BOOST_TEST(bool{b});
	b.reset();
	BOOST_TEST(!b);
	BOOST_TEST(closes(reader.get()));
}

// A user's own descriptors wait for each other, nobody else does.
BOOST_AUTO_TEST_CASE(one_that_lingers, *boost::unit_test::timeout(20))
{
	const auto start = std::chrono::steady_clock::now();
	UniqueFd peer;
	auto [mine, my_end] = pipe_ends();
	auto [other, other_end] = pipe_ends();
	lingering("ann", 2, peer).reset();
	SharedFd(std::move(my_end), "ann").reset();
	SharedFd(std::move(other_end), "bob").reset();
	BOOST_TEST(closes(other.get()));
	BOOST_TEST(SharedFd::closing("ann") == 2U);
	BOOST_TEST((std::chrono::steady_clock::now() - start < 1500ms));
	BOOST_TEST(closes(mine.get()));
	BOOST_TEST((std::chrono::steady_clock::now() - start >= 1900ms));
}

BOOST_AUTO_TEST_SUITE_END()
