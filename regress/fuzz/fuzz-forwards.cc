// SPDX-License-Identifier: ISC
// Any bytes as what a hostile PA sends on its forward socket, with any number of
// descriptors: nothing of it gets further than its own session's forwards.
// Messages: descriptors (0 to 3), length, bytes. Needs no privilege: nothing is
// kept, since jeebsd couldn't read a connection's sequence numbers.
// fuzzes: forwards.cc commit-log.cc forwards-copy.cc forwards-pa.cc unread-input.cc msg.cc shared-fd.cc
// fuzzes: tcp-descriptor.cc tcp-info.cc tcp-progress.cc frame.cc wire.cc flow.cc log.cc jeebs-tcp.c
// fuzzes: input-gate.cc input-commit.cc packet-queue.cc queue-rules.cc rcu-fence.cc nft.cc nft-elements.cc spawn.cc segment.cc
#include <unistd.h>

#include <boost/asio/io_context.hpp>

#include "forwards.hh"
#include "log.hh"
#include "target.hh"

using namespace jeebs;

namespace {

struct Sink : FrameSink {
	bool up = true;
	bool is_up() const override { return up; }
	bool congested() const override { return false; }
	Buffer buffer() override { return {}; }
	bool send(Buffer) override { return true; }
	const PeerHello *peer() const override { return nullptr; }
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const bool quiet = (log::logger().set_level(
	    spdlog::level::off), true);
	(void)quiet;
	boost::asio::io_context io;
	Sink sink;
	ForwardTable table;
	Shares shares(4);
	uint64_t id = 0;
	auto f = std::make_shared<Forwards>(Forwards::Parts{.io = io,
	    .sink = sink, .gate = nullptr, .table = table, .shares = shares,
	    .wanted = [](const Flow &) { return true; },
	    .may_end = [](const Flow &, bool) { return true; },
	    .may_fin = [](const Flow &) {},
	    .rest = [](const Flow &) { return InputFeeder::Rest{}; },
	    .new_id = [&id] { return ++id; }, .recorded = [] {}}, "user");
	auto pa = f->socket();
	must(pa.has_value());
	f->start(1);
	Bytes in(data, len);
	while (in.size() >= 3) {
		const size_t n = std::min<size_t>(in[1] << 8 | in[2],
		    in.size() - 3);
		const int some[] = {STDERR_FILENO, pa->get(), STDERR_FILENO};
		if (n != 0)
			(void)send_message(pa->get(), in[3],
			    in.subspan(4, n - 1),
			    std::span<const int>(some, in[0] % 4));
		in = in.subspan(3 + n);
		io.poll();
		io.restart();
		must(f->size() == 0 && table.owners.empty() &&
		    table.by_id.empty());
	}
	f->abandon();
	io.poll();
	return 0;
}
