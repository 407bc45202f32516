// SPDX-License-Identifier: ISC
// An ExportServer with sshds that are played (fake-sshd.hh) and a link that only
// notes what is sent.
// Owner: the test. Single-threaded.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include "export.hh"
#include "fake-sshd.hh"
#include "scratch.hh"

namespace jeebs::test {

using namespace std::chrono_literals;

struct ExportPrimary {
	ScratchDir dir;
	std::string path = dir / "export.sock";
	boost::asio::io_context io;
	FakeSink sink;
	std::vector<std::string> events;
	bool wanted = true, ruled = true, leaves_by_vip = true;
	static constexpr size_t places = 100;
	std::unique_ptr<ExportServer> server;

	ExportPrimary()
	{
		auto log = [this](const char *what) {
			return [this, what](const SessionInfo &i) {
				events.push_back(std::string(what) + " " +
				    std::to_string(i.id));
				return ruled;
			};
		};
		server = std::make_unique<ExportServer>(io, path, sink, nullptr,
		    ExportServer::Handlers{
		    .wanted = [this](const Flow &) { return wanted; },
		    .opened = log("opened"), .changed = log("changed"),
		    .closed = [this](const SessionInfo &i, bool reused) {
			events.push_back("closed " + std::to_string(i.id) +
			    (reused ? ", reused" : ""));
		    }, .can_move = [this](const Flow &) {
			return leaves_by_vip;
		    }, .may_end = {},
		    .may_fin = {}, .delivered = {}, .rest = {}}, places);
		auto ok = server->start();
		BOOST_REQUIRE_MESSAGE(ok.has_value(), ok.error().what);
	}

	template <class Done> bool run_until(Done done)
	{
		auto end = std::chrono::steady_clock::now() + 20s;
		while (!done()) {
			if (std::chrono::steady_clock::now() > end)
				return false;
			io.restart();
			io.run_one_for(10ms);
		}
		return true;
	}
	// Runs all that is ready now.
	void settle()
	{
		io.restart();
		io.poll();
	}
	HostMessage message(FakeSshd &s)
	{
		std::optional<HostMessage> got;
		BOOST_REQUIRE(run_until([&] {
			auto m = s.receive();
			BOOST_REQUIRE_MESSAGE(m.has_value(), m.error().what);
			got = std::move(*m);
			return got.has_value();
		}));
		return std::move(*got);
	}
	bool hung_up(FakeSshd &s)
	{
		return run_until([&] {
			auto m = s.receive();
			return !m && m.error().errnum == EPIPE;
		});
	}
	FakeSink::Taken frame()
	{
		BOOST_REQUIRE(run_until([&] { return !sink.sent.empty(); }));
		return sink.take();
	}
	SessionInfo only()
	{
		auto all = server->sessions();
		BOOST_REQUIRE(all.size() == 1U);
		return all[0];
	}
	void registered(FakeSshd &s)
	{
		auto n = server->sessions().size();
		BOOST_REQUIRE(s.hello().has_value());
		BOOST_REQUIRE(run_until([&] {
			return server->sessions().size() == n + 1;
		}));
	}
	// From OFFER to OPEN; returns the sid.
	uint64_t opened(FakeSshd &s, uint8_t id)
	{
		auto offer = message(s);
		BOOST_REQUIRE(offer.type == JEEBS_MSG_OFFER);
		s.accept(offer, id);
		auto f = frame();
		BOOST_REQUIRE((f.type == FrameType::open));
		auto o = get_open(f.payload.bytes());
		BOOST_REQUIRE(o.has_value());
		BOOST_TEST(same_bytes(o->root, make_root(id).bytes()));
		return o->sid;
	}
	void checkpointed(FakeSshd &s, uint64_t sid, uint32_t bytes = 100)
	{
		BOOST_REQUIRE(s.write(JEEBS_REC_CHECKPOINT, bytes));
		auto f = frame();
		BOOST_REQUIRE((f.type == FrameType::record));
		BOOST_TEST(get_record(f.payload.bytes())->sid == sid);
		BOOST_REQUIRE(commit(sid, s.seq, s.out_end).has_value());
	}
	Result<void> commit(uint64_t sid, uint64_t seq, uint64_t out_end)
	{
		Buffer b;
		CommitEntry e{sid, seq, out_end};
		put_commit(b, std::span(&e, 1));
		return feed(b);
	}
	Result<void> feed(const Buffer &b)
	{
		FrameView f;
		BOOST_REQUIRE(*next_frame(b.bytes(), f) == b.size());
		return server->frame(f);
	}
	Result<void> closed(uint64_t sid)
	{
		Buffer b;
		put_closed(b, sid);
		return feed(b);
	}
	bool has_fin(FakeSshd &s)
	{
		char c;
		return ::recv(s.tcp.client.get(), &c, 1, MSG_DONTWAIT) == 0;
	}

	// Descriptors are closed by another thread.
	bool fin_comes(FakeSshd &s)
	{
		return run_until([&] { return has_fin(s); });
	}
};

// Of a DETACH.
inline std::string reason(const HostMessage &m)
{
	FieldReader r(m.fields.bytes(), "reason");
	return r.text(JEEBS_MAX_REASON);
}

} // namespace jeebs::test
