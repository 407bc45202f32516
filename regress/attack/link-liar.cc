// SPDX-License-Identifier: ISC
// A peer of the link with the true key that lies:
//
//   link-liar KEYFILE PIN HOST PEER connect|listen ADDRESS PORT LIE...
//
// For each lie a new connection as HOST to PEER. Says "LIE: ended: REASON" when
// the other end dropped it, or "LIE: ignored" when it was still up 300 ms later.
#include <cstdio>
#include <stdexcept>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "fields.hh"
#include "frame.hh"
#include "key.hh"
#include "link.hh"

using namespace jeebs;
namespace asio = boost::asio;

namespace {

Buffer raw(uint32_t length, uint8_t type, size_t payload)
{
	Buffer b;
	FieldWriter(b).u32(length).u8(type);
	std::memset(b.extend(payload), 'x', payload);
	return b;
}

Buffer lie(const std::string &what)
{
	Buffer b;

	if (what == "unknown-type")
		return raw(1, 99, 0);
	if (what == "no-type")
		return raw(0, 0, 0);
	if (what == "too-long")
		return raw(0x7fffffff, 4, 100);
	if (what == "trailing")
		return raw(2, 12, 1);
	if (what == "second-hello")
		put_hello(b, {.host = "x", .version = "1"});
	else if (what == "commit")
		put_commit(b, std::vector<CommitEntry>{{1, 1ULL << 62,
		    1ULL << 62}});
	else if (what == "closed")
		put_closed(b, 4711);
	else if (what == "drop")
		put_drop(b, 4711, "because");
	else if (what == "key")
		put_key(b, Bytes(reinterpret_cast<const uint8_t *>("nonsense"),
		    8));
	else if (what == "resign-older-epoch")
		put_resign(b, 0, "forged");
	else if (what == "takeover-older-epoch")
		put_role(b, 0, PeerRole::primary);
	else if (what == "record-of-unknown")
		return raw(1 + 8 + 100, 4, 108);
	else if (what == "close-of-unknown")
		put_close(b, 4711, "forged");
	else if (what == "open-nonsense")
		return raw(1 + 200, 3, 200);
	else
		throw std::runtime_error(what + ": no such lie");
	return b;
}

std::string tell(const LinkKey &key, LinkOptions o, const std::string &host,
    const std::string &what)
{
	asio::io_context io;
	asio::steady_timer patience(io), limit(io);
	std::string result = "no connection";
	Link *self = nullptr;
	Link::Handlers h;

	h.up = [&](const PeerHello &) {
		self->send(lie(what));
		patience.expires_after(std::chrono::milliseconds(300));
		patience.async_wait([&](auto ec) {
			if (ec)
				return;
			result = "ignored";
			io.stop();
		});
	};
	h.down = [&](const std::string &why) {
		result = "ended: " + why;
		io.stop();
	};
	Link link(io, key, o, h);
	self = &link;
	link.set_hello({.host = host, .version = JEEBS_FORK_VERSION,
	    .instance = 1, .epoch = 0,
	    .role = o.connects ? PeerRole::primary : PeerRole::standby});
	if (auto ok = link.start(); !ok)
		throw std::runtime_error(ok.error().what);
	limit.expires_after(std::chrono::seconds(5));
	limit.async_wait([&](auto) { io.stop(); });
	io.run();
	if (result == "no connection")
		result += ": " + link.stats().last_down;
	return result;
}

} // namespace

int main(int argc, char **argv)
try {
	if (argc < 9)
		throw std::runtime_error("usage: see the head of the source");
	auto key = load_key(argv[1]);
	if (!key)
		throw std::runtime_error(key.error().what);
	LinkOptions o;
	asio::ip::tcp::endpoint where(asio::ip::make_address(argv[6]),
	    static_cast<uint16_t>(std::stoi(argv[7])));
	o.connects = std::string_view(argv[5]) == "connect";
	(o.connects ? o.peer : o.listen) = where;
	o.peer_pin = argv[2];
	o.peer_name = argv[4];
	for (int i = 8; i < argc; i++) {
		auto result = tell(*key, o, argv[3], argv[i]);
		std::printf("%s: %s\n", argv[i], result.c_str());
		std::fflush(stdout);
	}
} catch (const std::exception &e) {
	std::fprintf(stderr, "link-liar: %s\n", e.what());
	return 2;
}
