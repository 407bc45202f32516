// SPDX-License-Identifier: ISC
// Client packets on the standby: seen (tap), kept (hold), given to the restored
// socket (inject).
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <thread>

#include <poll.h>
#include <sys/socket.h>

#include "hold.hh"
#include "inject.hh"
#include "input-feeder.hh"
#include "lost-acks.hh"
#include "segment.hh"
#include "tap.hh"
#include "tcp-info.hh"
#include "tcp-progress.hh"
#include "tcp-restore.hh"
#include "world.hh"

using namespace jeebs;
using namespace jeebs::test;
namespace data = boost::unit_test::data;

namespace input {

using Bytes = jeebs::test::Bytes;
using Packets = std::vector<Bytes>;

std::unique_ptr<Tap>
start_tap(World &world, const Host &host, Packets &packets)
{
	return host.in([&] {
		auto tap = std::make_unique<Tap>(world.io, TapConfig{"eth0",
		    {World::vip(false), World::vip(true)}, World::port},
		    [&](std::span<const uint8_t> packet) {
			packets.emplace_back(packet.begin(), packet.end());
		    });
		const auto started = tap->start();
		BOOST_REQUIRE_MESSAGE(started.has_value(),
		    (started ? "" : started.error().what));
		return tap;
	});
}

/** Bytes of the client's stream that packets to the VIP carry, end offset. */
uint64_t
end_offset(const Packets &packets, const jeebs_tcp_state &state)
{
	uint64_t end = 0;
	for (const Bytes &packet : packets) {
		const auto s = Segment::parse(packet);
		if (s && s->destination() == IpAddr::from_state(state.family,
		    state.local))
			end = std::max(end, offset_of_seq(state.rcv_base,
			    s->end_seq(), end));
	}
	return end;
}

std::unique_ptr<Injector>
make_injector(const Host &host)
{
	return host.in([&] {
		auto injector = std::make_unique<Injector>();
		const auto ready = injector->prepare();
		BOOST_REQUIRE_MESSAGE(ready.has_value(),
		    (ready ? "" : ready.error().what));
		return injector;
	});
}

UniqueFd
restore_on(const Host &host, const RestoreRequest &request)
{
	return host.in([&] {
		const auto restorer = make_repair_restorer();
		auto fd = restorer->restore(request);
		BOOST_REQUIRE_MESSAGE(fd.has_value(),
		    (fd ? "" : fd.error().what));
		BOOST_REQUIRE(restorer->release(fd->get(),
		    Flow::from_state(request.state)).has_value());
		return std::move(*fd);
	});
}

std::unique_ptr<Hold>
make_hold(World &world)
{
	return world.beta.in([&] {
		auto hold = std::make_unique<Hold>(world.io,
		    HoldConfig{"eth0"});
		const auto installed = hold->install();
		BOOST_REQUIRE_MESSAGE(installed.has_value(),
		    (installed ? "" : installed.error().what));
		return hold;
	});
}

/** A connection to alpha, and what beta holds of it. */
struct HeldConnection {
	explicit HeldConnection(bool v6) : hold(make_hold(world))
	{
		world.move_vip_to(world.alpha, v6);
		const UniqueFd listener = world.listen_on(world.alpha, v6);
		c = world.connect(listener.get(), v6);
		state = capture(c.server.get());
		flow = Flow::from_state(state);
		BOOST_REQUIRE(hold->hold({&flow, 1}).has_value());
	}
	World world;
	std::unique_ptr<Hold> hold;
	Connection c;
	jeebs_tcp_state state{};
	Flow flow;
};

} // namespace input

using namespace input;

BOOST_AUTO_TEST_SUITE(input)

BOOST_DATA_TEST_CASE(tap_sees_input_and_headers_of_output, data::make({false, true}), v6)
{
	World world;
	Packets packets;
	auto tap = start_tap(world, world.beta, packets);
	world.move_vip_to(world.alpha, v6);
	const UniqueFd listener = world.listen_on(world.alpha, v6);
	Connection c = world.connect(listener.get(), v6);
	const jeebs_tcp_state state = capture(c.server.get());
	/* Far more than an MTU at once: aggregated on veth. */
	put(c.client.get(), pattern(0, 60000));
	BOOST_REQUIRE(get(c.server.get(), 60000) == pattern(0, 60000));
	put(c.server.get(), pattern(9, 60000));
	BOOST_REQUIRE(get(c.client.get(), 60000) == pattern(9, 60000));
	tap->drain();

	Bytes up(60000);
	size_t larger_than_mtu = 0, headers = 0;
	uint64_t acked = 0, sent = 0;
	for (const Bytes &packet : packets) {
		const auto h = Segment::parse_headers(packet);
		BOOST_REQUIRE(h.has_value());
		BOOST_REQUIRE(h->payload().empty());
		if (h->has(tcp_syn))
			continue;
		if (h->source() == World::vip(v6)) {
			headers++;
			BOOST_TEST(packet.size() <= 256U);
			sent = std::max(sent, offset_of_seq(state.snd_base,
			    h->seq(), 30000));
			acked = std::max(acked, offset_of_seq(state.rcv_base,
			    h->ack(), 30000));
			continue;
		}
		const auto s = Segment::parse(packet);
		BOOST_REQUIRE(s.has_value());
		BOOST_CHECK(s->checksum_state() != ChecksumState::wrong);
		BOOST_REQUIRE((s->destination() == World::vip(v6)));
		larger_than_mtu += packet.size() > 1500;
		const uint64_t at = offset_of_seq(state.rcv_base, s->seq(),
		    30000);
		BOOST_REQUIRE(at + s->payload().size() <= 60000U);
		std::copy(s->payload().begin(), s->payload().end(),
		    up.begin() + static_cast<long>(at));
	}
	BOOST_TEST(larger_than_mtu > 0U);
	BOOST_TEST(headers > 0U);
	BOOST_TEST((up == pattern(0, 60000)));
	BOOST_TEST(acked == 60000U);
	BOOST_TEST(sent > 0U);
	BOOST_TEST(tap->stats().seen == packets.size());
	BOOST_TEST(tap->stats().dropped == 0U);

	tap->stop();
	put(c.client.get(), pattern(0, 10));
	BOOST_REQUIRE(get(c.server.get(), 10).size() == 10U);
	tap->drain();
	run_until(world.io, [] { return false; }, 10ms);
	BOOST_TEST(tap->stats().seen == packets.size());
	world.beta.in([&] { BOOST_REQUIRE(tap->start().has_value()); });
	put(c.client.get(), pattern(0, 10));
	BOOST_TEST(run_until(world.io, [&] {
		return tap->stats().seen > packets.size() - 1; }));
}

BOOST_AUTO_TEST_CASE(tap_errors_name_the_interface)
{
	World world;
	Tap tap(world.io, TapConfig{"nosuch0", {World::vip(false)}, 22},
	    [](auto) {});
	const auto started = tap.start();
	BOOST_REQUIRE(!started.has_value());
	BOOST_TEST(started.error().what.find("nosuch0") != std::string::npos);
}

BOOST_DATA_TEST_CASE(a_burst_loses_nothing, data::make({false, true}), v6)
{
	World world;
	Packets packets;
	world.move_vip_to(world.alpha, v6);
	const UniqueFd listener = world.listen_on(world.alpha, v6);
	Connection c = world.connect(listener.get(), v6);
	const jeebs_tcp_state state = capture(c.server.get());
	auto tap = start_tap(world, world.beta, packets);
	/* 400 keystrokes that nobody reads from the ring meanwhile. */
	for (uint64_t i = 0; i < 400; i++) {
		put(c.client.get(), pattern(i, 1));
		BOOST_REQUIRE(get(c.server.get(), 1).size() == 1U);
	}
	tap->drain();
	BOOST_TEST(tap->stats().dropped == 0U);
	BOOST_TEST(end_offset(packets, state) == 400U);
}

BOOST_DATA_TEST_CASE(tapped_bytes_reach_the_restored_socket,
    data::make({false, true}), v6)
{
	World world;
	/* The strictest reverse path filter that an administrator may have. */
	world.beta.sh("sysctl -qw net.ipv4.conf.all.rp_filter=1 "
	    "net.ipv4.conf.default.rp_filter=1 "
	    "net.ipv6.conf.default.disable_ipv6=1");
	Packets packets;
	auto injector = make_injector(world.beta);
	auto tap = start_tap(world, world.beta, packets);
	world.move_vip_to(world.alpha, v6);
	const UniqueFd listener = world.listen_on(world.alpha, v6);
	Connection c = world.connect(listener.get(), v6);
	jeebs_tcp_state state = capture(c.server.get());
	put(c.server.get(), pattern(0, 4000));
	BOOST_REQUIRE(get(c.client.get(), 4000) == pattern(0, 4000));

	/*
	 * The kernel ACKed 30000 bytes, which the client will never send again;
	 * the record says that 1000 were consumed, and that 3000 of our 4000
	 * are ACKed. Then it dies, and 500 more are sent into the void.
	 */
	put(c.client.get(), pattern(0, 30000));
	BOOST_REQUIRE(get(c.server.get(), 30000) == pattern(0, 30000));
	world.cut(world.alpha);
	put(c.client.get(), pattern(30000, 500));
	tap->drain();
	BOOST_REQUIRE(run_until(world.io, [&] {
		return end_offset(packets, state) == 30500; }));
	BOOST_REQUIRE(run_until(world.io, [&] { tap->drain(); return true; }));
	tap->stop();

	world.move_vip_to(world.beta, v6);
	const UniqueFd fd = restore_on(world.beta,
	    {state, 3000, 1000, state.ts_val + 1000});
	const Seq32 snd = seq_of_offset(state.snd_base, 3000);
	for (const Bytes &packet : packets) {
		const auto s = Segment::parse(packet);
		if (s && s->destination() == World::vip(v6) &&
		    !s->has(tcp_syn))
			BOOST_REQUIRE(injector->inject(packet, snd,
			    snd).has_value());
	}
	/* The first 29000 were ACKed: nobody but us has them any more. */
	BOOST_TEST((get(fd.get(), 29500) == pattern(1000, 29500)));
	put(fd.get(), pattern(3000, 6000));
	BOOST_TEST((get(c.client.get(), 5000) == pattern(4000, 5000)));
	put(c.client.get(), pattern(30500, 20000));
	BOOST_TEST((get(fd.get(), 20000) == pattern(30500, 20000)));
	BOOST_TEST(injector->stats().refused == 0U);

	/* Nobody sees the device: no address of global scope, no route. */
	const std::string seen = world.beta.output_of(
	    "ip -o addr show dev " + injector->name() + " scope global; "
	    "ip route show dev " + injector->name() + "; "
	    "ip -6 route show dev " + injector->name());
	BOOST_TEST(seen == "");
}

/*
 * The client ACKed 400 kB more than the record has, and all that it says now lies
 * beyond what the restored socket sends of itself.
 */
BOOST_DATA_TEST_CASE(a_client_ahead_of_its_socket, data::make({false, true}) *
    data::make({false, true}), v6, busy)
{
	constexpr size_t ahead = 400000;
	World world;
	auto injector = make_injector(world.beta);
	world.move_vip_to(world.alpha, v6);
	const UniqueFd listener = world.listen_on(world.alpha, v6);
	Connection c = world.connect(listener.get(), v6);
	jeebs_tcp_state state = capture(c.server.get());
	put(c.server.get(), pattern(0, 4000));
	BOOST_REQUIRE(get(c.client.get(), 4000) == pattern(0, 4000));
	put(c.client.get(), pattern(0, 10));
	BOOST_REQUIRE(get(c.server.get(), 10) == pattern(0, 10));
	BOOST_REQUIRE(refresh_tcp_state(c.server.get(), state).has_value());
	std::thread writer([&c] {
		put(c.server.get(), pattern(4000, ahead)); });
	BOOST_TEST((get(c.client.get(), ahead) == pattern(4000, ahead)));
	writer.join();
	world.cut(world.alpha);

	world.move_vip_to(world.beta, v6);
	const StreamEdges start{4000, 4000 + ahead, 10};
	TapInput facts;
	facts.add(Flow::from_state(state), state.snd_base, state.rcv_base, start);
	auto tap = world.beta.in([&] {
		auto t = std::make_unique<Tap>(world.io, TapConfig{"eth0",
		    {World::vip(v6)}, World::port}, [&](auto packet) {
			if (const auto s = Segment::parse(packet); s &&
			    s->destination() == World::vip(v6))
				facts.client(*s);
		});
		must(t->start());
		return t;
	});
	const UniqueFd fd = restore_on(world.beta,
	    {state, 4000, 10, state.ts_val + 1000});
	const int big = 4 << 20;
	BOOST_REQUIRE(setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, &big,
	    sizeof(big)) == 0);
	/* A device without a place for a packet: TCP counts it, and sends it again. */
	const std::string drop = v6 ? "ip6tables -w " : "iptables -w ";
	const std::string rule = " OUTPUT -p tcp --sport 22 -j DROP";
	if (busy)
		world.beta.sh(drop + "-A" + rule);
	put(fd.get(), pattern(4000, ahead + 3000));
	if (busy) {
		BOOST_TEST(tcp_progress(fd.get())->sent == 0U);
		world.beta.sh(drop + "-D" + rule);
	}
	/* It has answered to all that TCP sends without an ACK. */
	BOOST_REQUIRE(run_until(world.io, [&] {
		tap->drain();
		const TapFacts *f = facts.facts(Flow::from_state(state));
		return f->client_seen && f->client_ack == 4000 + ahead;
	}, 6000ms));
	BOOST_TEST(get(c.client.get(), 1, 300ms).empty());
	BOOST_TEST(tcp_progress(fd.get())->acked == 0U);
	BOOST_TEST(tcp_progress(fd.get())->sent < ahead);

	bool idle = false;
	LostAcks acks(world.io, facts, *injector, {
	    .drain = [&] { tap->drain(); }, .idle = [&] { idle = true; }});
	acks.add(LostAcks::Peer::target, state,
	    SharedFd(UniqueFd(dup(fd.get())), "user"), start);
	BOOST_TEST(run_until(world.io, [&] { return idle; }));
	BOOST_TEST(!acks.watching());
	BOOST_TEST(facts.size() == 0U);
	BOOST_TEST((get(c.client.get(), 3000) ==
	    pattern(4000 + ahead, 3000)));
	BOOST_TEST(get(c.client.get(), 1, 10ms).empty());
	put(c.client.get(), pattern(10, 3000));
	BOOST_TEST((get(fd.get(), 3000) == pattern(10, 3000)));
}

BOOST_AUTO_TEST_CASE(broken_packets_are_refused)
{
	World world;
	auto injector = make_injector(world.beta);
	SegmentFields fields;
	fields.source = *IpAddr::parse("10.9.0.1");
	fields.destination = World::vip(false);
	Bytes packet = build_segment(fields);
	BOOST_TEST(injector->inject(packet, Seq32(0), Seq32(0)).has_value());
	packet.back() ^= 1;
	BOOST_TEST(!injector->inject(packet, Seq32(0), Seq32(0)).has_value());
	BOOST_TEST(!injector->inject({}, Seq32(0), Seq32(0)).has_value());
	BOOST_TEST(injector->stats().refused == 2U);
	BOOST_TEST(injector->stats().injected == 1U);
	world.beta.in([] {
		Injector bad("../x");
		BOOST_TEST(bad.prepare().error().errnum == EINVAL);
	});
}

BOOST_DATA_TEST_CASE(held_until_the_socket_lives, data::make({false, true}),
    v6)
{
	HeldConnection h(v6);
	auto &[world, hold, c, state, flow] = h;
	auto injector = make_injector(world.beta);
	BOOST_REQUIRE(hold->hold({&flow, 1}).has_value());
	world.cut(world.alpha);
	put(c.client.get(), pattern(0, 5000));

	/* VIP and listener up, no socket yet: unguarded this is a reset. */
	world.move_vip_to(world.beta, v6);
	const UniqueFd listener2 = world.listen_on(world.beta, v6);
	/* The client's pauses double: it may have sent just before. */
	BOOST_REQUIRE(run_until(world.io, [&] {
		return hold->stats().held > 0; }, 10000ms));
	/* New connections pass meanwhile. */
	Connection fresh = world.connect(listener2.get(), v6);
	put(fresh.client.get(), pattern(5, 100));
	BOOST_TEST((get(fresh.server.get(), 100) == pattern(5, 100)));

	const UniqueFd fd = restore_on(world.beta,
	    {state, 0, 0, state.ts_val + 1000});
	hold->drain();
	const Seq32 snd = seq_of_offset(state.snd_base, 0);
	const auto packets = hold->take(flow);
	BOOST_TEST(!packets.empty());
	BOOST_TEST(hold->take(flow).empty());
	for (const Bytes &packet : packets) {
		BOOST_CHECK(Segment::parse(packet)->checksum_state() ==
		    ChecksumState::valid);
		BOOST_REQUIRE(injector->inject(packet, snd, snd).has_value());
	}
	BOOST_REQUIRE(hold->release({&flow, 1}).has_value());
	BOOST_TEST((get(fd.get(), 5000) == pattern(0, 5000)));
	const uint64_t held = hold->stats().held;
	put(fd.get(), pattern(0, 40000));
	BOOST_TEST((get(c.client.get(), 40000) == pattern(0, 40000)));
	put(c.client.get(), pattern(5000, 40000));
	BOOST_TEST((get(fd.get(), 40000) == pattern(5000, 40000)));
	run_until(world.io, [] { return false; }, 10ms);
	BOOST_TEST(hold->stats().held == held);
	BOOST_TEST(hold->stats().dropped == 0U);
	BOOST_TEST(hold->stats().overruns == 0U);
}

// Its listener would take the 4-tuple, and the session with it.
BOOST_DATA_TEST_CASE(a_new_connection_waits_for_the_held_one, data::make({false,
    true}), v6)
{
	HeldConnection h(v6);
	auto &[world, hold, c, state, flow] = h;
	sockaddr_storage local{}, remote{};
	socklen_t length = sizeof(local);
	BOOST_REQUIRE(getsockname(c.client.get(),
	    reinterpret_cast<sockaddr *>(&local), &length) == 0);
	length = sizeof(remote);
	BOOST_REQUIRE(getpeername(c.client.get(),
	    reinterpret_cast<sockaddr *>(&remote), &length) == 0);
	world.cut(world.alpha);
	world.move_vip_to(world.beta, v6);
	const UniqueFd listener2 = world.listen_on(world.beta, v6);
	BOOST_REQUIRE(abort_connection(c.client.get()).has_value());
	c.client.reset();
	UniqueFd again;
	world.client.in([&] {
		again.reset(socket(v6 ? AF_INET6 : AF_INET,
		    SOCK_STREAM | SOCK_NONBLOCK, 0));
		BOOST_REQUIRE(bind(again.get(),
		    reinterpret_cast<sockaddr *>(&local), length) == 0);
		BOOST_REQUIRE(connect(again.get(),
		    reinterpret_cast<sockaddr *>(&remote), length) == -1);
	});
	pollfd incoming{listener2.get(), POLLIN, 0};
	BOOST_REQUIRE(run_until(world.io, [&] {
		return hold->stats().dropped > 0; }, 10000ms));
	BOOST_TEST(poll(&incoming, 1, 0) == 0);
	BOOST_REQUIRE(hold->release({&flow, 1}).has_value());
	BOOST_TEST(run_until(world.io, [&] {
		return poll(&incoming, 1, 0) == 1; }, 10000ms));
}

// A peer that is gone says so at the first word; what it had sent before comes first.
BOOST_DATA_TEST_CASE(resets_wait, data::make({false, true}), v6)
{
	HeldConnection h(v6);
	auto &[world, hold, c, state, flow] = h;
	world.cut(world.alpha);
	world.move_vip_to(world.beta, v6);
	const UniqueFd fd = restore_on(world.beta,
	    {state, 0, 0, state.ts_val + 1000});
	hold->pass_but_resets({&flow, 1});
	put(fd.get(), pattern(0, 1000));
	put(c.client.get(), pattern(0, 1000));
	Bytes all;
	run_until(world.io, [&] {
		const Bytes some = get(fd.get(), 65536, 0ms);
		all.insert(all.end(), some.begin(), some.end());
		return all.size() >= 1000;
	}, 10000ms);
	BOOST_TEST((all == pattern(0, 1000)));
	BOOST_TEST(hold->stats().held == 0U);
	BOOST_REQUIRE(abort_connection(c.client.get()).has_value());
	c.client.reset();
	BOOST_REQUIRE(run_until(world.io, [&] {
		return hold->stats().dropped > 0; }, 10000ms));
	BOOST_TEST(tcp_progress(fd.get()).value().open);
	hold->pass_resets({&flow, 1});
	put(fd.get(), pattern(0, 1));
	BOOST_TEST(run_until(world.io, [&] {
		return !tcp_progress(fd.get()).value().open; }, 10000ms));
}

BOOST_AUTO_TEST_CASE(what_waits_while_much_is_sent_is_given)
{
	constexpr size_t up = 1000000, down = 3000000, piece = 16384;
	World world;
	world.move_vip_to(world.alpha, false);
	const UniqueFd listener = world.listen_on(world.alpha, false);
	Connection c = world.connect(listener.get(), false);
	/* Its window stays small: an ACK is old soon. */
	const int room = 65536;
	BOOST_REQUIRE(setsockopt(c.client.get(), SOL_SOCKET, SO_RCVBUF, &room,
	    sizeof(room)) == 0);
	jeebs_tcp_state state = capture(c.server.get());
	const Flow flow = Flow::from_state(state);
	std::deque<InputPiece> pieces;
	for (uint64_t at = 0; at < up; at += piece) {
		const Bytes bytes = pattern(at, std::min(piece, up - at));
		put(c.client.get(), bytes);
		BOOST_REQUIRE(get(c.server.get(), bytes.size()) == bytes);
		SegmentFields f = fields_to_local(flow);
		f.seq = seq_of_offset(state.rcv_base, at);
		f.window = 1000;
		f.payload = bytes;
		pieces.push_back({at, at + bytes.size(),
		    Buffer(build_segment(f))});
	}
	BOOST_REQUIRE(refresh_tcp_state(c.server.get(), state).has_value());
	world.cut(world.alpha);

	const auto injector = make_injector(world.beta);
	world.move_vip_to(world.beta, false);
	const UniqueFd fd = restore_on(world.beta, {state, 0, 0,
	    state.ts_val + 1000, up});
	std::vector<Flow> safe;
	uint64_t asked = 0;
	InputFeeder feeder(world.io, *injector, [&](std::span<const Flow> fed) {
		safe.insert(safe.end(), fed.begin(), fed.end());
	});
	feeder.add(flow, SharedFd(UniqueFd(dup(fd.get())), "u"), 0,
	    seq_of_offset(state.snd_base, 0), InputFeed(std::move(pieces)),
	    [&](uint64_t, uint64_t received) { asked = received; });
	BOOST_TEST(feeder.unsafe(flow));
	/* Nobody reads from it yet. */
	for (uint64_t at = 0; at < down; at += piece) {
		const Bytes bytes = pattern(at, piece);
		put(fd.get(), bytes);
		BOOST_REQUIRE(get(c.client.get(), piece) == bytes);
		run_until(world.io, [] { return false; }, 0ms);
	}
	Bytes all;
	run_until(world.io, [&] {
		const Bytes some = get(fd.get(), 65536, 0ms);
		all.insert(all.end(), some.begin(), some.end());
		return all.size() >= up;
	}, 10000ms);
	BOOST_TEST((all == pattern(0, up)));
	run_until(world.io, [&] { return !safe.empty(); }, 10000ms);
	BOOST_TEST((safe == std::vector{flow}));
	BOOST_TEST(asked == up);
	BOOST_TEST(!feeder.unsafe(flow));
}

BOOST_AUTO_TEST_CASE(without_hold_it_is_a_reset)
{
	World world;
	world.move_vip_to(world.alpha, false);
	const UniqueFd listener = world.listen_on(world.alpha, false);
	Connection c = world.connect(listener.get(), false);
	world.cut(world.alpha);
	world.move_vip_to(world.beta, false);
	put(c.client.get(), pattern(0, 1));
	pollfd p{c.client.get(), POLLIN, 0};
	BOOST_REQUIRE(poll(&p, 1, 1000) == 1);
	BOOST_TEST((p.revents & POLLERR));
}

BOOST_AUTO_TEST_CASE(hold_is_bounded_and_leaves_nothing)
{
	World world;
	const auto rules = [&] {
		return world.beta.output_of("nft list tables | grep jeebs; "
		    "iptables -t raw -S | grep NFQUEUE; "
		    "ip6tables -t raw -S | grep NFQUEUE");
	};
	HoldConfig config{"eth0"};
	config.bytes_per_flow = 3000;
	auto hold = world.beta.in([&] {
		/* A run that was killed leaves its rules. */
		BOOST_REQUIRE(Hold(world.io, config).install().has_value());
		auto h = std::make_unique<Hold>(world.io, config);
		BOOST_REQUIRE(h->install().has_value());
		return h;
	});
	const std::string once = rules();
	world.beta.in([&] { BOOST_REQUIRE(hold->install().has_value()); });
	BOOST_TEST(rules() == once);
	BOOST_TEST((hold->backend() == "nft" || hold->backend() == "iptables"));

	world.move_vip_to(world.beta, false);
	const UniqueFd listener = world.listen_on(world.beta, false);
	Connection c = world.connect(listener.get(), false);
	const Flow flow = Flow::from_state(capture(c.server.get()));
	BOOST_REQUIRE(hold->hold({&flow, 1}).has_value());
	put(c.client.get(), pattern(0, 14000));
	BOOST_REQUIRE(run_until(world.io, [&] {
		return hold->stats().dropped > 0; }));
	size_t kept = 0;
	for (const Bytes &packet : hold->take(flow))
		kept += packet.size();
	BOOST_TEST(kept > 0U);
	BOOST_TEST(kept <= 3000U);
	/* A reader that died mid-way: nothing passes, nothing is answered. */
	world.beta.in([&] { BOOST_REQUIRE(hold->remove().has_value()); });
	BOOST_TEST(rules() == "");
	world.beta.in([&] { BOOST_REQUIRE(hold->remove().has_value()); });
	BOOST_TEST((get(c.server.get(), 14000) == pattern(0, 14000)));
}

BOOST_AUTO_TEST_SUITE_END()
