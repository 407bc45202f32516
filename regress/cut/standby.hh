// SPDX-License-Identifier: ISC
// A standby at the end of a link that is cut: jeebsd's own Link, Replica and Store,
// wired as Daemon::link_frame() wires them, and a primary that sends bytes.
// Owner: cut. Single-threaded.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <stdlib.h>
#include <unistd.h>

#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>

#include "link.hh"
#include "replica.hh"
#include "session-run.hh"
#include "store.hh"
#include "tls.hh"

namespace jeebs::cut {

// Spoils what is about to be given to the Replica; false keeps it from there. For
// proofs that a cut can be found wrong.
using Fault = std::function<bool(FrameView &)>;

class Standby {
public:
	explicit Standby(FrameSink &sink, uint64_t epoch, Fault fault)
	    : replica_(store, sink, {{}, {}, [epoch] { return epoch; }, {}}),
	      fault_(std::move(fault)) {}

	// Those of Daemon, but for what has nothing to do with the Store.
	Link::Handlers handlers()
	{
		Link::Handlers h;
		h.frame = [this](const FrameView &f) { return frame(f); };
		h.batch_end = [this] { replica_.flush(); };
		h.down = [this](const std::string &) {
			replica_.link_down();
			downs++;
		};
		return h;
	}

	Store store;
	int downs = 0;

private:
	Result<void> frame(const FrameView &f)
	{
		if (f.type == FrameType::role) {
			auto r = get_role(f.payload);
			return r ? Result<void>{} :
			    tl::unexpected(r.error());
		}
		// Any other that isn't a standby's it refuses.
		FrameView given = f;
		if (fault_ && !fault_(given))
			return {};
		return replica_.frame(given);
	}

	Replica replica_;
	Fault fault_;
};

// The link's two ends, on this host.
class Ends {
public:
	Ends()
	{
		char dir[] = "/tmp/jeebs-cut.XXXXXXXXXX";
		must(mkdtemp(dir) != nullptr);
		const std::string file = std::string(dir) + "/key";
		must(generate_key(file).has_value());
		auto key = load_key(file);
		must(key.has_value() && unlink(file.c_str()) == 0 &&
		    rmdir(dir) == 0);
		key_ = std::move(*key);
		auto tls = TlsContext::create(key_, key_.pin);
		must(tls.has_value());
		tls_ = std::make_unique<TlsContext>(std::move(*tls));
		link_ = std::make_unique<Link>(io_, key_, options(),
		    Link::Handlers{
		    .up = {},
		    .down = [this](const std::string &r) { now_.down(r); },
		    .frame = [this](const FrameView &f) {
			return now_.frame(f);
		    },
		    .batch_end = [this] { now_.batch_end(); }});
		link_->set_hello({.host = "beta", .version = "1",
		    .instance = 2, .role = PeerRole::standby});
		must(link_->start().has_value());
	}
	// The standby's end, for its Replica.
	FrameSink &sink() { return *link_; }

	// One connection: the standby gets these bytes and their end, with them or
	// once it has done with them: only then it can answer. What it said is
	// returned.
	Buffer give(Standby &s, Bytes bytes, bool end_later);

private:
	using Clock = std::chrono::steady_clock;

	LinkOptions options() const
	{
		LinkOptions o;
		o.listen = {boost::asio::ip::address_v4::loopback(), 0};
		o.peer_name = "alpha";
		o.peer_pin = key_.pin;
		// Longer than any load makes either end seem silent.
		o.handshake_timeout = o.dead_after = std::chrono::minutes(1);
		return o;
	}
	int connect() const;
	void turn(Clock::time_point until)
	{
		io_.restart();
		if (io_.poll() == 0 && Clock::now() > until)
			die("the link stands still");
	}

	LinkKey key_;
	std::unique_ptr<TlsContext> tls_;
	boost::asio::io_context io_;
	std::unique_ptr<Link> link_;
	Link::Handlers now_;
};

inline int Ends::connect() const
{
	sockaddr_in to{};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	to.sin_family = AF_INET;
	to.sin_port = htons(link_->listen_port());
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(fd != -1);
	if (::connect(fd, reinterpret_cast<sockaddr *>(&to), sizeof(to)) == -1 &&
	    errno != EINPROGRESS)
		die(fmt::format("connect: {}", strerror(errno)));
	return fd;
}

inline Buffer Ends::give(Standby &s, Bytes bytes, bool end_later)
{
	const auto until = Clock::now() + std::chrono::seconds(50);
	const UniqueFd fd(connect());
	Buffer said;

	now_ = s.handlers();
	auto tls = Tls::create(*tls_, fd.get(), true);
	must(tls.has_value());
	for (;;) {
		auto done = (*tls)->handshake();
		auto sent = (*tls)->flush();
		if (!done || !sent)
			die("handshake: " + (done ? sent : tl::make_unexpected(
			    done.error())).error().what);
		if (*done)
			break;
		turn(until);
	}
	must((*tls)->write(bytes).has_value());
	for (;;) {
		auto sent = (*tls)->flush();
		if (!sent)
			die("the standby ended the link: " +
			    sent.error().what);
		if (*sent)
			break;
		turn(until);
	}
	for (bool more = end_later; more; more = io_.poll() > 0)
		io_.restart();
	must(shutdown(fd.get(), SHUT_WR) == 0);
	while ((*tls)->read(said, 1 << 20).has_value())
		turn(until);
	return said;
}

} // namespace jeebs::cut
