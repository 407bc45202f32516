// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include <sys/socket.h>

#include <optional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "fields.hh"
#include "link.hh"
#include "records.hh"
#include "scratch.hh"
#include "tls.hh"

using namespace jeebs;
using namespace jeebs::test;
namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;

namespace {

LinkKey new_key(const ScratchDir &dir, const std::string &name)
{
	BOOST_REQUIRE(generate_key(dir / name).has_value());
	auto k = load_key(dir / name);
	BOOST_REQUIRE(k.has_value());
	return std::move(*k);
}

// One end and what it saw.
struct End {
	std::unique_ptr<Link> link;
	std::optional<PeerHello> up;
	int ups = 0, downs = 0, batches = 0;
	std::string down;
	std::vector<FakeSink::Taken> frames;
	Result<void> answer{};		// to each frame
	std::function<void()> on_frame;

	void make(asio::io_context &io, const LinkKey &key, LinkOptions o)
	{
		link = std::make_unique<Link>(io, key, o, Link::Handlers{
		    .up = [this](const PeerHello &h) { up = h; ups++; },
		    .down = [this](const std::string &r) {
			    down = r;
			    downs++;
			    up.reset();
		    },
		    .frame = [this](const FrameView &f) {
			    frames.push_back({f.type, Buffer(f.payload)});
			    if (on_frame)
				    on_frame();
			    return answer;
		    },
		    .batch_end = [this] { batches++; }});
	}
};

// Both ends share one thread. Limits are so long that no load makes either of
// them seem silent; what tests a limit sets it.
struct Pair {
	ScratchDir dir;
	asio::io_context io;
	LinkKey alpha_key = new_key(dir, "alpha"), beta_key = new_key(dir, "beta");
	LinkOptions to_beta, to_alpha;
	End alpha, beta;

	Pair()
	{
		tcp::endpoint any(asio::ip::address_v4::loopback(), 0);
		to_beta = {.listen = any, .peer = {}, .accept_from = {},
		    .connects = true,
		    .peer_name = "beta", .peer_pin = beta_key.pin,
		    .retry_min = 10ms, .retry_max = 50ms,
		    .handshake_timeout = 60s, .dead_after = 60s};
		to_alpha = to_beta;
		to_alpha.connects = false;
		to_alpha.peer_name = "alpha";
		to_alpha.peer_pin = alpha_key.pin;
	}
	void start_beta()
	{
		beta.make(io, beta_key, to_alpha);
		beta.link->set_hello({.host = "beta", .version = "1",
		    .instance = 2, .role = PeerRole::standby});
		auto ok = beta.link->start();
		BOOST_REQUIRE_MESSAGE(ok.has_value(), ok.error().what);
		to_beta.peer = {asio::ip::address_v4::loopback(),
		    beta.link->listen_port()};
	}
	void start_alpha()
	{
		alpha.make(io, alpha_key, to_beta);
		alpha.link->set_hello({.host = "alpha", .version = "1",
		    .instance = 1, .epoch = 4, .role = PeerRole::primary});
		BOOST_REQUIRE(alpha.link->start().has_value());
	}
	void start()
	{
		start_beta();
		start_alpha();
	}
	template <class Done>
	bool run_until(Done done, std::chrono::milliseconds limit = 30s)
	{
		auto end = std::chrono::steady_clock::now() + limit;
		while (!done()) {
			if (std::chrono::steady_clock::now() > end)
				return false;
			io.restart();
			io.run_one_for(20ms);
		}
		return true;
	}
	bool both_up()
	{
		return run_until([&] { return alpha.up && beta.up; });
	}
};

Buffer close_frame(uint64_t sid)
{
	Buffer b;
	put_close(b, sid, "x");
	return b;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(replication_link, Pair)

BOOST_AUTO_TEST_CASE(both_ends_learn_who_the_other_is)
{
	start();
	BOOST_REQUIRE(both_up());
	BOOST_TEST(beta.up->host == "alpha");
	BOOST_TEST(beta.up->epoch == 4U);
	BOOST_TEST((beta.up->role == PeerRole::primary));
	BOOST_TEST(alpha.up->instance == 2U);
	BOOST_TEST(alpha.link->peer()->host == "beta");
	BOOST_TEST(alpha.link->is_up());
}

BOOST_AUTO_TEST_CASE(exporters_agree_and_depend_on_label_and_connection)
{
	start();
	BOOST_TEST(!beta.link->exporter("a").has_value());
	BOOST_REQUIRE(both_up());
	auto a = alpha.link->exporter("heartbeat to beta");
	auto b = beta.link->exporter("heartbeat to beta");
	auto c = beta.link->exporter("heartbeat to alpha");
	BOOST_REQUIRE((a && b && c));
	BOOST_TEST((*a == *b));
	BOOST_TEST((*a != *c));
	alpha.link->drop("test");
	BOOST_REQUIRE(run_until([&] { return beta.ups == 2 && alpha.up; }));
	BOOST_TEST((*beta.link->exporter("heartbeat to beta") != *b));
}

BOOST_AUTO_TEST_CASE(frames_arrive_in_order_and_whole)
{
	start();
	BOOST_REQUIRE(both_up());
	std::vector<Buffer> sent;
	for (uint32_t i = 0; i < 300; i++) {
		// Small ones, which share TLS records, and large ones.
		auto rec = make_record({.seq = i + 1,
		    .stream_len = i % 10 == 0 ? i * 5000 : i});
		Buffer b = alpha.link->buffer();
		put_record(b, i, rec.bytes());
		sent.emplace_back(b.bytes());
		BOOST_REQUIRE(alpha.link->send(std::move(b)));
	}
	BOOST_REQUIRE(run_until([&] { return beta.frames.size() == 300; }));
	for (size_t i = 0; i < 300; i++)
		BOOST_REQUIRE(same_bytes(beta.frames[i].payload.bytes(),
		    sent[i].bytes().subspan(frame_header_len)));
	BOOST_TEST(beta.batches > 0);
	BOOST_TEST(beta.batches < 300);
	BOOST_REQUIRE(beta.link->send(close_frame(1)));
	BOOST_REQUIRE(run_until([&] { return alpha.frames.size() == 1; }));
}

BOOST_AUTO_TEST_CASE(a_wrong_pin_on_either_side)
{
	auto stranger = new_key(dir, "stranger");
	for (bool listener : {true, false}) {
		to_alpha.peer_pin = listener ? stranger.pin : alpha_key.pin;
		to_beta.peer_pin = listener ? beta_key.pin : stranger.pin;
		start();
		auto &judge = listener ? beta : alpha;
		BOOST_TEST(run_until([&] {
			return judge.link->stats().last_down.find("public_key") !=
			    std::string::npos;
		}));
		BOOST_TEST(!run_until([&] { return alpha.up || beta.up; }, 200ms));
		BOOST_TEST(alpha.ups == 0);
		BOOST_TEST(beta.ups == 0);
	}
}

BOOST_AUTO_TEST_CASE(a_peer_of_another_name)
{
	to_alpha.peer_name = "gamma";
	start();
	BOOST_TEST(run_until([&] {
		return beta.link->stats().last_down.find("gamma") !=
		    std::string::npos;
	}));
	BOOST_TEST(beta.ups == 0);
}

namespace {

// A client of OpenSSL's own, with a key and no pin; returns what the
// handshake and one read gave, and the error's text.
std::string foreign_handshake(asio::io_context &io, uint16_t port,
    const LinkKey *key, int min_version, int max_version)
{
	std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> ctx(
	    SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
	SSL_CTX_set_min_proto_version(ctx.get(), min_version);
	SSL_CTX_set_max_proto_version(ctx.get(), max_version);
	if (key != nullptr) {
		SSL_CTX_use_certificate(ctx.get(), key->certificate.get());
		SSL_CTX_use_PrivateKey(ctx.get(), key->key.get());
	}
	tcp::socket s(io);
	s.connect({asio::ip::address_v4::loopback(), port});
	s.native_non_blocking(true);
	std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(ctx.get()),
	    SSL_free);
	SSL_set_fd(ssl.get(), s.native_handle());
	SSL_set_connect_state(ssl.get());
	auto end = std::chrono::steady_clock::now() + 30s;
	char byte;
	while (std::chrono::steady_clock::now() < end) {
		ERR_clear_error();
		int r = SSL_read(ssl.get(), &byte, 1);
		if (r == 1)
			return "data";
		int e = SSL_get_error(ssl.get(), r);
		if (e != SSL_ERROR_WANT_READ) {
			auto code = ERR_get_error();
			const char *why = ERR_reason_error_string(code);
			return why == nullptr ? "closed" : why;
		}
		io.restart();
		io.run_one_for(5ms);
	}
	return "nothing";
}

} // namespace

BOOST_AUTO_TEST_CASE(only_tls_1_3_and_only_with_a_certificate)
{
	start_beta();
	auto port = beta.link->listen_port();
	// The right key with TLS 1.3 gets our HELLO: the test can succeed.
	BOOST_TEST(foreign_handshake(io, port, &alpha_key, TLS1_3_VERSION,
	    TLS1_3_VERSION) == "data");
	BOOST_TEST(foreign_handshake(io, port, &alpha_key, TLS1_2_VERSION,
	    TLS1_2_VERSION).find("protocol version") != std::string::npos);
	BOOST_TEST(foreign_handshake(io, port, nullptr, TLS1_3_VERSION,
	    TLS1_3_VERSION).find("certificate required") != std::string::npos);
	auto stranger = new_key(dir, "stranger");
	BOOST_TEST(foreign_handshake(io, port, &stranger, TLS1_3_VERSION,
	    TLS1_3_VERSION) != "data");
	BOOST_TEST(beta.ups == 0);
}

// Whoever isn't the peer's address can't keep the peer out, nor us busy.
BOOST_AUTO_TEST_CASE(strangers_get_no_handshake)
{
	to_alpha.accept_from = asio::ip::make_address("127.0.0.2");
	start();
	tcp::socket s(io);
	s.connect(to_beta.peer);
	char byte;
	bool closed = false;
	s.async_read_some(asio::buffer(&byte, 1), [&](auto ec, size_t) {
		closed = ec == asio::error::eof ||
		    ec == asio::error::connection_reset;
	});
	BOOST_TEST(run_until([&] { return closed; }));
	BOOST_TEST(beta.ups == 0);
	to_alpha.accept_from = asio::ip::address_v4::loopback();
	beta.link->stop();
	start_beta();
	start_alpha();
	BOOST_TEST(run_until([&] { return beta.up && alpha.up; }));
}

BOOST_AUTO_TEST_CASE(the_link_comes_back)
{
	start();
	BOOST_REQUIRE(both_up());
	for (int n = 1; n <= 3; n++) {
		(n % 2 ? alpha : beta).link->drop("test");
		BOOST_REQUIRE(run_until([&] {
			return alpha.ups == n + 1 && beta.ups == n + 1 &&
			    alpha.up && beta.up;
		}));
		BOOST_TEST(alpha.downs == n);
		BOOST_TEST(beta.downs == n);
	}
}

BOOST_AUTO_TEST_CASE(the_connector_waits_for_a_listener)
{
	start_beta();
	auto port = beta.link->listen_port();
	beta.link.reset();
	start_alpha();
	BOOST_TEST(run_until([&] {
		return !alpha.link->stats().last_down.empty();
	}));
	BOOST_TEST(!alpha.up.has_value());
	to_alpha.listen.port(port);
	start_beta();
	BOOST_TEST(both_up());
}

BOOST_AUTO_TEST_CASE(a_new_connection_replaces_the_old_one)
{
	start();
	BOOST_REQUIRE(both_up());
	// The same host again, as after a power cut that beta can't see yet.
	End reborn;
	reborn.make(io, alpha_key, to_beta);
	reborn.link->set_hello({.host = "alpha", .version = "1", .instance = 77});
	alpha.link->stop();
	BOOST_REQUIRE(reborn.link->start().has_value());
	BOOST_REQUIRE(run_until([&] {
		return beta.up && beta.up->instance == 77 && reborn.up;
	}));
	BOOST_TEST(beta.downs == 1);
	reborn.link->stop();
}

BOOST_AUTO_TEST_CASE(a_silent_peer_is_found_dead)
{
	to_alpha.dead_after = 400ms;
	start_beta();
	// A peer that handshakes and then says nothing, and doesn't close.
	tcp::socket s(io);
	s.connect({asio::ip::address_v4::loopback(), beta.link->listen_port()});
	s.native_non_blocking(true);
	auto ctx = TlsContext::create(alpha_key, beta_key.pin);
	BOOST_REQUIRE(ctx.has_value());
	auto tls = Tls::create(*ctx, s.native_handle(), true);
	BOOST_REQUIRE(tls.has_value());
	bool done = false;
	BOOST_REQUIRE(run_until([&] {
		if (!done) {
			auto h = (*tls)->handshake();
			BOOST_REQUIRE(h.has_value());
			done = *h;
			BOOST_REQUIRE((*tls)->flush().has_value());
		}
		return done;
	}));
	Buffer hello;
	put_hello(hello, {.host = "alpha", .version = "1"});
	auto since = std::chrono::steady_clock::now();
	BOOST_REQUIRE((*tls)->write(hello.bytes()).has_value());
	BOOST_REQUIRE((*tls)->flush().has_value());
	BOOST_REQUIRE(run_until([&] { return beta.up.has_value(); }));
	BOOST_REQUIRE(run_until([&] { return beta.downs == 1; }));
	auto took = std::chrono::steady_clock::now() - since;
	BOOST_TEST(beta.down.find("silent") == 0U);
	BOOST_TEST((took >= to_alpha.dead_after));
}

BOOST_AUTO_TEST_CASE(an_idle_link_stays_up)
{
	to_alpha.dead_after = to_beta.dead_after = 2s;
	start();
	BOOST_REQUIRE(both_up());
	// Four pings come in dead_after.
	const uint64_t a = alpha.link->stats().frames_in + 6;
	const uint64_t b = beta.link->stats().frames_in + 6;
	BOOST_TEST(run_until([&] {
		return alpha.downs || beta.downs ||
		    (alpha.link->stats().frames_in >= a &&
		    beta.link->stats().frames_in >= b);
	}));
	BOOST_TEST(alpha.downs == 0);
	BOOST_TEST(beta.downs == 0);
}

BOOST_AUTO_TEST_CASE(a_broken_protocol_ends_the_connection)
{
	start();
	BOOST_REQUIRE(both_up());
	Buffer junk;
	store_be(junk.extend(4), uint32_t{0});
	BOOST_REQUIRE(alpha.link->send(std::move(junk)));
	BOOST_REQUIRE(run_until([&] { return beta.downs == 1; }));
	BOOST_REQUIRE(run_until([&] { return beta.ups == 2 && alpha.up; }));
	beta.answer = fail("no thanks");
	BOOST_REQUIRE(alpha.link->send(close_frame(1)));
	BOOST_REQUIRE(run_until([&] { return beta.downs == 2; }));
	BOOST_TEST(beta.down == "no thanks");
}

BOOST_AUTO_TEST_CASE(handlers_may_drop_the_link)
{
	start();
	BOOST_REQUIRE(both_up());
	beta.on_frame = [&] { beta.link->drop("from inside"); };
	for (uint64_t i = 0; i < 5; i++)
		alpha.link->send(close_frame(i));
	BOOST_REQUIRE(run_until([&] { return beta.downs == 1; }));
	BOOST_TEST(beta.frames.size() == 1U);
	BOOST_TEST(beta.down == "from inside");
}

BOOST_AUTO_TEST_CASE(back_pressure)
{
	to_beta.queue_high = 100000;
	to_beta.queue_low = 10000;
	to_beta.queue_max = 1000000;
	start();
	BOOST_REQUIRE(both_up());
	int drained = 0;
	alpha.link->on_drained = [&] { drained++; };
	auto rec = make_record({.stream_len = 30000});
	auto send = [&] {
		Buffer b;
		put_record(b, 1, rec.bytes());
		return alpha.link->send(std::move(b));
	};
	size_t n = 0;
	while (!alpha.link->congested()) {
		BOOST_REQUIRE(send());
		BOOST_REQUIRE(++n < 10U);
	}
	BOOST_TEST(drained == 0);
	BOOST_REQUIRE(run_until([&] { return beta.frames.size() == n; }));
	BOOST_TEST(!alpha.link->congested());
	BOOST_TEST(drained == 1);
	// Whoever doesn't stop loses the connection rather than bytes of it.
	while (send())
		BOOST_REQUIRE(++n < 100U);
	// Not even one for which there would be room, and not while it sends.
	BOOST_TEST(!alpha.link->send(close_frame(1)));
	BOOST_TEST(alpha.downs == 0);
	BOOST_REQUIRE(run_until([&] { return alpha.downs == 1; }));
	BOOST_TEST(!alpha.link->congested());
}

BOOST_AUTO_TEST_CASE(nothing_is_taken_while_down)
{
	start();
	BOOST_TEST(!alpha.link->send(close_frame(1)));
	BOOST_REQUIRE(both_up());
	BOOST_TEST(beta.frames.empty());
}

BOOST_AUTO_TEST_CASE(a_port_in_use)
{
	start_beta();
	to_alpha.listen.port(beta.link->listen_port());
	End second;
	second.make(io, beta_key, to_alpha);
	auto ok = second.link->start();
	BOOST_REQUIRE(!ok.has_value());
	BOOST_TEST(ok.error().errnum == EADDRINUSE);
}

BOOST_AUTO_TEST_SUITE_END()
