// SPDX-License-Identifier: ISC
// Any bytes as what jeebsd gets from sshd-adopt (keys) and from its workers
// (READY or FAILED): one answer for a job, keys within bounds, nothing leaks.
// Only as root: jeebsd believes nobody else.
// fuzzes: adopt-client.cc msg.cc shared-fd.cc log.cc jeebs-msg.c
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "adopt-client.hh"
#include "descriptors.hh"
#include "jeebs-wire.h"
#include "log.hh"
#include "msg.hh"
#include "target.hh"

using namespace jeebs;

namespace {

// sshd-adopt's socket.
struct Server {
	char dir[32] = "/tmp/jeebs-fuzz.XXXXXX";
	std::string path;
	UniqueFd listener;

	Server()
	{
		sockaddr_un sun{};
		if (::geteuid() != 0) {
			std::fprintf(stderr, "fuzz-adopt-answer: only as "
			    "root\n");
			std::exit(1);
		}
		log::logger().set_level(spdlog::level::off);
		must(::mkdtemp(dir) != nullptr);
		path = std::string(dir) + "/adopt.sock";
		sun.sun_family = AF_UNIX;
		path.copy(sun.sun_path, path.size());
		listener.reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC,
		    0));
		must(::bind(listener.get(), reinterpret_cast<sockaddr *>(&sun),
		    sizeof(sun)) == 0 && ::listen(listener.get(), 4) == 0);
	}
	~Server()
	{
		::unlink(path.c_str());
		::rmdir(dir);
	}
};

void send(int sock, Bytes b, unsigned fds)
{
	const int some[] = {STDERR_FILENO, STDERR_FILENO, STDERR_FILENO};
	if (!b.empty())
		(void)send_message(sock, b[0], b.subspan(1),
		    std::span<const int>(some, fds % 4));
}

// The worker's end of the job that client asked for.
UniqueFd job_socket(int server)
{
	auto m = receive_message(server);
	must(m && *m && (*m)->type == JEEBS_MSG_ADOPT && (*m)->fds.size() == 3);
	return std::move((*m)->fds[2]);
}

void turn(boost::asio::io_context &io)
{
	io.poll();
	io.restart();
}

// Messages: descriptors and flags (16: to the job, not the client), length,
// bytes.
void play(Bytes in, boost::asio::io_context &io, AdoptClient &client,
    int server)
{
	AdoptRequest q;
	unsigned answers = 0;
	q.from = "from";
	q.to = "to";
	q.tcp = q.records = STDERR_FILENO;
	auto job = client.adopt(q, std::chrono::hours(1),
	    [&answers](Result<AdoptReady>) { must(++answers == 1); });
	must(job.has_value());
	UniqueFd worker = job_socket(server);
	while (in.size() >= 3 && client.connected()) {
		const size_t n = std::min<size_t>(in[1] << 8 | in[2],
		    in.size() - 3);
		send(in[0] & 16 ? worker.get() : server, in.subspan(3, n),
		    in[0]);
		in = in.subspan(3 + n);
		turn(io);
		must(client.key().size() <= JEEBS_MAX_MSG);
	}
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const Server s;
	static boost::asio::io_context io;
	const NoLeaks check;
	{
		AdoptClient client(io, s.path, {});
		client.start();
		UniqueFd server(::accept4(s.listener.get(), nullptr, nullptr,
		    SOCK_CLOEXEC));
		must(client.connected() && server);
		play({data, len}, io, client, server.get());
	}
	turn(io);
	return 0;
}
