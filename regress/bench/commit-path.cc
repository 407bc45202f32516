// SPDX-License-Identifier: ISC
// What the way of a record costs: PA's ring, jeebsd of the primary, TLS link,
// jeebsd of the standby and its store, the commit back into the ring. Three
// processes (PA, primary, standby) on one machine, link on loopback; nothing
// but the real code between. Prints one line of JSON.
//
//   build/e2e/commit-path [SECONDS [STREAM-BYTES-PER-RECORD]]
//
// "mb_s" is stream bytes committed, with at most 1 MiB uncommitted as in sshd;
// "rtt_us" the time from a small record's way into the ring to its commit, one
// at a time.
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "../unit/fake-sshd.hh"
#include "../unit/scratch.hh"
#include "export.hh"
#include "link.hh"
#include "log.hh"
#include "replica.hh"
#include "store.hh"

using namespace jeebs;
using namespace jeebs::test;
namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

namespace {

constexpr uint64_t window = 1U << 20;		// uncommitted at most
constexpr uint64_t checkpoint_bytes = 256U << 10;	// as sshd does
constexpr int rtt_samples = 5000;

[[noreturn]] void die(const std::string &why)
{
	std::fprintf(stderr, "commit-path: %s\n", why.c_str());
	std::exit(1);
}

template <class T> T must(Result<T> r)
{
	if (!r)
		die(r.error().what);
	if constexpr (!std::is_void_v<T>)
		return std::move(*r);
}

double seconds(Clock::duration d)
{
	return std::chrono::duration<double>(d).count();
}

double cpu(int who)
{
	rusage u{};
	::getrusage(who, &u);
	return double(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	    double(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

LinkOptions options(uint16_t port, const LinkKey &peer, const char *name)
{
	LinkOptions o;
	o.listen = {asio::ip::address_v4::loopback(), 0};
	o.peer = {asio::ip::address_v4::loopback(), port};
	o.connects = port != 0;
	o.peer_name = name;
	o.peer_pin = peer.pin;
	return o;
}

// Serves until SIGTERM; writes its port to the pipe, then its CPU time.
void standby(const LinkKey &own, const LinkKey &peer, int out)
{
	asio::io_context io;
	Store store;
	std::unique_ptr<Replica> replica;
	Link link(io, own, options(0, peer, "alpha"), Link::Handlers{
	    .up = [&](const PeerHello &) {
		    Buffer b;
		    put_key(b, {reinterpret_cast<const uint8_t *>("key"), 3});
		    link.send(std::move(b));
	    },
	    .down = [&](const std::string &) { io.stop(); },
	    .frame = [&](const FrameView &f) { return replica->frame(f); },
	    .batch_end = [&] { replica->flush(); }});
	replica = std::make_unique<Replica>(store, link);
	link.set_hello({.host = "beta", .version = "bench"});
	must(link.start());
	uint16_t port = link.listen_port();
	if (::write(out, &port, sizeof(port)) != sizeof(port))
		die("pipe");
	io.run();
	double used = cpu(RUSAGE_SELF);
	if (::write(out, &used, sizeof(used)) != sizeof(used))
		die("pipe");
}

void primary(const LinkKey &own, const LinkKey &peer, uint16_t port,
    const std::string &path, int out)
{
	asio::io_context io;
	std::unique_ptr<ExportServer> server;
	bool over = false;
	Link link(io, own, options(port, peer, "beta"), Link::Handlers{
	    .up = nullptr,
	    .down = [&](const std::string &why) { die("link: " + why); },
	    .frame = [&](const FrameView &f) -> Result<void> {
		    if (f.type != FrameType::key)
			    return server->frame(f);
		    server->standby_up("key", 7);
		    return {};
	    },
	    .batch_end = nullptr});
	server = std::make_unique<ExportServer>(io, path, link,
	    nullptr, ExportServer::Handlers{.wanted = nullptr,
	    .opened = nullptr, .changed = nullptr,
	    .closed = [&](const SessionInfo &, bool) { over = true; },
	    .can_move = nullptr, .may_end = nullptr, .may_fin = nullptr,
	    .delivered = nullptr, .rest = nullptr}, 100);
	link.set_hello({.host = "alpha", .version = "bench"});
	must(server->start());
	must(link.start());
	char ready = 1;
	if (::write(out, &ready, 1) != 1)
		die("pipe");
	while (!over)
		io.run_one();
	double used = cpu(RUSAGE_SELF);
	if (::write(out, &used, sizeof(used)) != sizeof(used))
		die("pipe");
}

// A record whose numbers are changed in place: PA seals, but not here.
class Source {
public:
	Source(FakeSshd &sshd, uint32_t stream)
	    : sshd_(sshd), stream_(stream), frame_(make(stream)) {}

	// Offers the next record to the ring; waits for room as sshd does.
	void put(uint64_t acked)
	{
		uint64_t seq = ++sshd_.seq;
		bool checkpoint = seq == 1 || since_ >= checkpoint_bytes;
		since_ = checkpoint ? stream_ : since_ + stream_;
		uint8_t *p = frame_.data() + 4;
		p[6] = checkpoint ? JEEBS_REC_CHECKPOINT : JEEBS_REC_PROGRESS;
		store_be(p + 32, seq);
		store_be(p + 48, sshd_.out_end);
		store_be(p + 56, acked);
		sshd_.out_end += stream_;
		if (!sshd_.write_raw(frame_.bytes()))
			while (!sshd_.flush_ring())
				wait();
	}
	void wait()
	{
		pollfd p{sshd_.commit_fd(), POLLIN, 0};
		if (::poll(&p, 1, 5000) != 1)
			die("no commit in 5 s");
		(void)sshd_.woken();
	}
	void wait_for(uint64_t offset)
	{
		while (sshd_.committed() < offset)
			wait();
	}
	uint32_t stream() const { return stream_; }

private:
	static Buffer make(uint32_t stream)
	{
		Buffer b;
		FieldWriter(b).string(make_record({.seq = 1,
		    .stream_len = stream, .sealed_len = 300}).bytes());
		return b;
	}

	FakeSshd &sshd_;
	uint32_t stream_;
	Buffer frame_;
	uint64_t since_ = 0;
};

template <class Run> pid_t child(Run run)
{
	pid_t pid = ::fork();
	if (pid == -1)
		die("fork");
	if (pid == 0) {
		::prctl(PR_SET_PDEATHSIG, SIGKILL);
		run();
		::_exit(0);
	}
	return pid;
}

template <class T> T from(int fd)
{
	T v{};
	if (::read(fd, &v, sizeof(v)) != sizeof(v))
		die("a child failed");
	return v;
}

} // namespace

int main(int argc, char **argv)
{
	double limit = argc > 1 ? std::atof(argv[1]) : 3;
	int stream = argc > 2 ? std::atoi(argv[2]) : 32768;
	if (limit <= 0 || stream < 1 || stream > 1 << 20)
		die("usage: commit-path [SECONDS [STREAM-BYTES-PER-RECORD]]");
	must(log::set_level("error"));
	ScratchDir dir;
	must(generate_key(dir / "a"));
	must(generate_key(dir / "b"));
	auto a = must(load_key(dir / "a")), b = must(load_key(dir / "b"));
	int sp[2], pp[2];
	if (::pipe(sp) == -1 || ::pipe(pp) == -1)
		die("pipe");
	pid_t sb = child([&] { standby(b, a, sp[1]); });
	auto port = from<uint16_t>(sp[0]);
	auto path = dir / "export.sock";
	pid_t pr = child([&] { primary(a, b, port, path, pp[1]); });
	(void)from<char>(pp[0]);

	FakeSshd sshd(path);
	must(sshd.hello());
	pollfd p{sshd.channel.get(), POLLIN, 0};
	if (::poll(&p, 1, 5000) != 1)
		die("no OFFER in 5 s");
	auto offer = must(sshd.receive());
	sshd.accept(*offer, 1);

	Source small(sshd, 100);
	std::vector<double> rtt;
	for (int i = 0; i < rtt_samples; i++) {
		auto t = Clock::now();
		small.put(sshd.out_end);
		small.wait_for(sshd.out_end);
		rtt.push_back(seconds(Clock::now() - t) * 1e6);
	}
	std::sort(rtt.begin(), rtt.end());

	Source bulk(sshd, static_cast<uint32_t>(stream));
	uint64_t start = sshd.out_end;
	auto t = Clock::now();
	while (seconds(Clock::now() - t) < limit) {
		// The client ACKs what it could be sent, at once.
		bulk.put(std::max(start, sshd.committed()));
		if (sshd.out_end > window + start)
			bulk.wait_for(sshd.out_end - window);
	}
	bulk.wait_for(sshd.out_end);
	double took = seconds(Clock::now() - t);
	double mb = double(sshd.out_end - start) / 1e6;
	double pa_cpu = cpu(RUSAGE_SELF);
	sshd.channel.reset();
	auto primary_cpu = from<double>(pp[0]);
	::waitpid(pr, nullptr, 0);
	auto standby_cpu = from<double>(sp[0]);
	::waitpid(sb, nullptr, 0);
	auto at = [&](double q) { return rtt[size_t(q * (rtt_samples - 1))]; };
	std::printf("{\"record_bytes\": %d, \"mb_s\": %.0f, \"rtt_us\": "
	    "{\"p50\": %.0f, \"p99\": %.0f, \"max\": %.0f}, \"cpu_s\": "
	    "{\"pa\": %.2f, \"primary\": %.2f, \"standby\": %.2f}, "
	    "\"seconds\": %.1f}\n", stream, mb / took, at(.5), at(.99), at(1),
	    pa_cpu, primary_cpu, standby_cpu, took);
	return 0;
}
