// SPDX-License-Identifier: ISC
// A service LAN by hand for the auditor's tests: two hosts with their commit
// logs, a client, and whatever frames they emit. Time goes on by 1 ms with each
// line and each frame.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include "auditor.hh"
#include "neighbor.hh"
#include "segment.hh"

namespace jeebs::test {

enum Who : size_t { alpha, beta, client };

struct AuditLan {
	static constexpr uint32_t client_isn = 1000, base = 0xfffffff0;
	static constexpr uint16_t client_port = 5000;

	audit::Auditor auditor;
	audit::Stamp now = 1'000'000'000'000;
	IpAddr vip = IpAddr::parse("10.77.0.100").value();
	IpAddr other = IpAddr::parse("10.77.0.3").value();

	explicit AuditLan(audit::AuditOptions o = {}) : auditor(2, std::move(o))
	{
		for (Who w : {alpha, beta}) {
			line(w, fmt::format("start host={} peer=x epoch=1 "
			    "lease=500000000 port=22", name(w)));
			line(w, fmt::format("vip addr=10.77.0.100 mac={}",
			    mac(w).to_string()));
			line(w, "gate closed");
		}
	}

	static const char *name(Who w) { return w == alpha ? "alpha" : "beta"; }
	static MacAddr mac(Who w)
	{
		return {{2, 0, 0, 0, 0, static_cast<uint8_t>(w + 1)}};
	}
	static std::string flow()
	{
		return "flow=10.77.0.100:22/10.77.0.3:5000 base=4294967280";
	}

	static std::string to_target()
	{
		return "flow=10.77.0.100:40000/10.77.0.3:7000";
	}

	// An event in w's log.
	void line(Who w, const std::string &text)
	{
		auto e = audit::parse_event(std::to_string(tick()) + " " + text);
		BOOST_REQUIRE_MESSAGE(e.has_value(), text);
		auditor.event(w, *e);
	}
	audit::Stamp tick() { return now += 1'000'000; }
	void wait_ms(int64_t ms) { now += ms * 1'000'000; }

	void frame(Who from, uint16_t type, std::span<const uint8_t> packet)
	{
		std::vector<uint8_t> f(14 + packet.size());
		auto m = mac(from).bytes;
		std::copy(m.begin(), m.end(), f.begin() + 6);
		f[12] = static_cast<uint8_t>(type >> 8);
		f[13] = static_cast<uint8_t>(type);
		std::copy(packet.begin(), packet.end(), f.begin() + 14);
		auditor.packet(audit::parse_packet(tick(), f));
	}
	void claim(Who from, const IpAddr &addr)
	{
		for (const auto &f : announcement_frames(addr, mac(from)))
			auditor.packet(audit::parse_packet(tick(), f));
	}
	// From the server's side, at a stream offset.
	void server(Who from, int64_t off, std::string_view text,
	    uint8_t flags = tcp_ack, uint32_t ack = client_isn + 1)
	{
		SegmentFields f;
		f.source = vip;
		f.destination = other;
		f.source_port = 22;
		f.destination_port = client_port;
		f.seq = Seq32(base + static_cast<uint32_t>(off));
		f.ack = Seq32(ack);
		f.flags = flags;
		f.payload = {reinterpret_cast<const uint8_t *>(text.data()),
		    text.size()};
		frame(from, 0x0800, build_segment(f));
	}
	// To the target of a forward.
	void forward(Who from, int64_t off, std::string_view text,
	    uint8_t flags = tcp_ack, uint32_t ack = 1)
	{
		SegmentFields f;
		f.source = vip;
		f.destination = other;
		f.source_port = 40000;
		f.destination_port = 7000;
		f.seq = Seq32(base + static_cast<uint32_t>(off));
		f.ack = Seq32(ack);
		f.flags = flags;
		f.payload = {reinterpret_cast<const uint8_t *>(text.data()),
		    text.size()};
		frame(from, 0x0800, build_segment(f));
	}
	void from_client(uint8_t flags, uint32_t seq, uint32_t ack)
	{
		SegmentFields f;
		f.source = other;
		f.destination = vip;
		f.source_port = client_port;
		f.destination_port = 22;
		f.seq = Seq32(seq);
		f.ack = Seq32(ack);
		f.flags = flags;
		frame(client, 0x0800, build_segment(f));
	}

	// w serves: epoch, VIPs, and nothing limits it.
	void serve(Who w, unsigned epoch)
	{
		line(w, fmt::format("state name=primary-alone epoch={}", epoch));
		line(w, "vips up");
		line(w, "gate open");
	}
	// The lab cuts w's power.
	void dark(Who w)
	{
		audit::Event e;
		e.kind = audit::EventKind::dark;
		e.time = tick();
		e.text = name(w);
		auditor.event(2, e);
	}
	void lease(Who w, unsigned ms)
	{
		line(w, fmt::format("gate lease={}", ms * 1'000'000ULL));
	}
	void connect(Who w, uint32_t isn = client_isn)
	{
		from_client(tcp_syn, isn, 0);
		server(w, -1, "", tcp_syn | tcp_ack);
		from_client(tcp_ack, isn + 1, base);
	}
	// A session of alpha, protected by beta from offset 10 on, 20 held.
	void protected_session()
	{
		serve(alpha, 2);
		connect(alpha);
		server(alpha, 0, "0123456789");
		line(alpha, "session n=1 " + flow() + " rcv=1001");
		line(alpha, "state name=primary-protected epoch=2");
		lease(alpha, 500);
		line(alpha, "offer sid=ab " + flow() + " epoch=2");
		line(beta, "open sid=ab " + flow() + " rcv=1001");
		line(alpha, "protect sid=ab from=10");
		hold(20);
	}
	void hold(uint64_t out, uint64_t in = 0)
	{
		line(beta, fmt::format("held sid=ab epoch=2 seq=1 out={} in={}",
		    out, in));
	}
	void take_over(unsigned epoch = 3, uint64_t out = 20)
	{
		serve(beta, epoch);
		line(beta, fmt::format("adopt {} epoch={} from=10 out={}",
		    flow(), epoch, out));
	}

	// The rules of all findings, in order: "commit ending".
	std::string found() const
	{
		std::string s;
		for (const auto &f : auditor.findings().all()) {
			BOOST_TEST_MESSAGE(f.line());
			s += (s.empty() ? "" : " ");
			s += audit::to_string(f.rule);
		}
		return s;
	}
};

} // namespace jeebs::test
