// SPDX-License-Identifier: ISC
// World: three hosts on one switch, each a network namespace of this process.
//
//   client 10.9.0.1  fd09::1 ──┐
//   alpha  10.9.0.2  fd09::2 ──┤ br0 (floods: every port sees everything)
//   beta   10.9.0.3  fd09::3 ──┘
//
// The service addresses are 10.9.0.100 and fd09::100; nobody has them at first.
// Owner: a test case. One thread: it enters a host for the time of a call.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include <linux/jeebs.h>

#include "flow.hh"
#include "result.hh"
#include "unique_fd.hh"
#include "vip.hh"

namespace jeebs::test {

using namespace std::chrono_literals;
using Bytes = std::vector<uint8_t>;

/** Throws what went wrong. */
void must(const Result<void> &);
/** Runs a shell command in the current namespace; throws if it fails. */
void sh(const std::string &command);
/** Its output. */
std::string output_of(const std::string &command);

class Host {
public:
	Host();
	/** Runs f there; comes back whatever happens. */
	template <class F>
	auto
	in(F f) const
	{
		const Stay stay(*this);
		return f();
	}
	void sh(const std::string &command) const;
	std::string output_of(const std::string &command) const;
	[[nodiscard]] int fd() const { return fd_.get(); }

private:
	struct Stay {
		explicit Stay(const Host &);
		~Stay();
		UniqueFd before;
	};
	UniqueFd fd_;
};

/** A TCP connection from client to the VIP, both ends. */
struct Connection {
	UniqueFd client;
	UniqueFd server;
};

class World {
public:
	World();

	Host net, client, alpha, beta;
	boost::asio::io_context io;

	[[nodiscard]] static IpAddr vip(bool v6);
	[[nodiscard]] static Vip vip_on_eth0(bool v6);
	static constexpr uint16_t port = 22;

	/** The address comes up on a host, which also tells the others. */
	void move_vip_to(const Host &, bool v6);
	/** Listens on VIP:22 there. */
	[[nodiscard]] UniqueFd listen_on(const Host &, bool v6);
	/** Connects the client through a listener of that host. */
	[[nodiscard]] Connection connect(int listener, bool v6);
	/** Power cut: no frame passes any more, in either direction. */
	void cut(const Host &);
	/** The host's port on the switch. */
	[[nodiscard]] std::string port_of(const Host &) const;
};

/** A packet goes to addr and one comes back (a closed TCP port answers). */
bool reaches(const Host &from, const IpAddr &addr,
    std::chrono::milliseconds patience = 2000ms);

/** What MON would author from the descriptor, both offsets 0 now. */
jeebs_tcp_state capture(int fd);

/** n bytes that tell where in a stream they belong. */
Bytes pattern(uint64_t from, size_t n);
/** Writes all of it. */
void put(int fd, const Bytes &);
/** Reads n bytes, or fewer when none comes for `patience`. */
Bytes get(int fd, size_t n, std::chrono::milliseconds patience = 2000ms);
/** Runs io until done() holds or `limit` is over; returns done(). */
bool run_until(boost::asio::io_context &, const std::function<bool()> &done,
    std::chrono::milliseconds limit = 2000ms);

} // namespace jeebs::test
