// SPDX-License-Identifier: ISC
// Plays jeebsd towards a real sshd and a real sshd-adopt on one host: takes
// sessions at export.sock, keeps every record, and hands sshd-adopt whatever
// the test wants. Owner: the test. Single-threaded; waits, and throws
// std::runtime_error when what must come doesn't.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "fields.hh"
#include "jeebs-wire.h"
#include "msg.hh"
#include "ring.hh"
#include "unique_fd.hh"
#include "wire.hh"

namespace jeebs::attack {

using Record = std::vector<uint8_t>;

template <class T> T must(Result<T> r)
{
	if (!r)
		throw std::runtime_error(r.error().what);
	if constexpr (!std::is_void_v<T>)
		return std::move(*r);
}

inline void must(bool ok, const char *what)
{
	if (!ok)
		throw std::runtime_error(std::string(what) + ": " +
		    std::strerror(errno));
}

// The next message, within ms; nothing at the end of the channel.
inline std::optional<HostMessage> next_message(int fd, int ms)
{
	pollfd p{fd, POLLIN, 0};
	auto end = std::chrono::steady_clock::now() +
	    std::chrono::milliseconds(ms);
	for (;;) {
		auto left = std::chrono::ceil<std::chrono::milliseconds>(
		    end - std::chrono::steady_clock::now()).count();
		if (left <= 0 || ::poll(&p, 1, static_cast<int>(left)) == 0)
			throw std::runtime_error("no message in time");
		auto m = receive_message(fd);
		if (!m && m.error().errnum == EPIPE)
			return std::nullopt;
		must(m.has_value(), "receive_message");
		if (*m)
			return std::move(**m);
	}
}

// What a standby would hold of one incarnation.
struct Chain {
	Record root;
	std::vector<Record> records;	// first a checkpoint
	uint64_t first_off = 0, out_end = 0, in_off = 0;
};

// A session of the real sshd.
struct Victim {
	UniqueFd channel, tcp, forwards;
	std::string user;
	std::unique_ptr<Ring> ring;
	UniqueFd kick;
	Chain chain;
};

struct Answer {
	bool ready = false;
	uint64_t out_end = 0;
	std::string reason;	// of a FAILED, or "ended"
	UniqueFd job;
};

class FakeJeebsd {
public:
	explicit FakeJeebsd(const std::string &dir)
	    : listener_(make_listener(dir + "/export.sock")),
	      adopt_path_(dir + "/adopt.sock") {}

	// Connects to sshd-adopt and takes its recovery key.
	void connect_adopt()
	{
		for (int i = 0;; i++) {
			sockaddr_un sun = address(adopt_path_);
			adopt_.reset(::socket(AF_UNIX,
			    SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
			if (::connect(adopt_.get(),
			    reinterpret_cast<sockaddr *>(&sun), sizeof(sun)) == 0)
				break;
			must(i < 100, "connect to adopt.sock");
			::usleep(100'000);
		}
		auto m = next_message(adopt_.get(), 10000);
		must(m && m->type == JEEBS_MSG_KEY, "KEY of sshd-adopt");
		FieldReader r(m->fields.bytes(), "KEY");
		Bytes key = r.string(JEEBS_MAX_RECOVERY);
		key_.assign(key.begin(), key.end());
		must(r.finish());
	}

	// One more connection to sshd-adopt, which nobody reads.
	UniqueFd knock() const
	{
		sockaddr_un sun = address(adopt_path_);
		UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC |
		    SOCK_NONBLOCK, 0));
		(void)::connect(fd.get(), reinterpret_cast<sockaddr *>(&sun),
		    sizeof(sun));
		return fd;
	}

	// The next session that registers.
	Victim accept()
	{
		pollfd p{listener_.get(), POLLIN, 0};
		must(::poll(&p, 1, 10000) == 1, "no session registers");
		Victim v;
		v.channel.reset(::accept4(listener_.get(), nullptr, nullptr,
		    SOCK_CLOEXEC | SOCK_NONBLOCK));
		auto m = next_message(v.channel.get(), 5000);
		must(m && m->type == JEEBS_MSG_HELLO && m->fds.size() == 1,
		    "HELLO");
		FieldReader r(m->fields.bytes(), "HELLO");
		(void)r.num<uint32_t>();
		(void)r.text(JEEBS_MAX_NAME);
		v.user = r.text(JEEBS_MAX_NAME);
		(void)r.string(JEEBS_TCP_LEN);
		(void)r.num<uint64_t>();
		(void)r.num<uint8_t>();
		must(r.finish());
		v.tcp = std::move(m->fds[0]);
		return v;
	}

	// A new incarnation of the session, with n records.
	void protect(Victim &v, uint64_t epoch, size_t n)
	{
		auto ring = must(Ring::create());
		Buffer b;
		FieldWriter(b).u64(epoch).string(key_);
		int pair[2];
		must(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
		    pair) == 0, "socketpair");
		v.forwards = UniqueFd(pair[0]);
		UniqueFd theirs(pair[1]);
		int fds[] = {ring.memfd(), ring.producer_kick(),
		    ring.producer_commit(), theirs.get()};
		must(send_message(v.channel.get(), JEEBS_MSG_OFFER, b.bytes(),
		    fds));
		ring.offered();
		auto m = next_message(v.channel.get(), 5000);
		must(m.has_value(), "the session ended");
		must(m->type == JEEBS_MSG_ROOT, "ROOT");
		FieldReader r(m->fields.bytes(), "ROOT");
		Bytes root = r.string(JEEBS_MAX_ROOT);
		must(r.finish());
		v.chain = {};
		v.chain.root.assign(root.begin(), root.end());
		v.kick = ring.take_kick();
		v.ring = std::make_unique<Ring>(std::move(ring));
		take(v, n);
	}

	// Takes and commits until the chain has n records.
	void take(Victim &v, size_t n)
	{
		while (v.chain.records.size() < n)
			if (!take_one(v, 10000))
				throw std::runtime_error("no record in time");
	}

	// Takes and commits one record if it comes within ms.
	bool take_one(Victim &v, int ms)
	{
		Buffer b;
		while (!must(v.ring->read_record(b))) {
			v.ring->wake();
			pollfd p{v.kick.get(), POLLIN, 0};
			if (::poll(&p, 1, ms) != 1)
				return false;
			Ring::drain_tokens(v.kick.get());
		}
		auto env = must(get_record_envelope(b.bytes()));
		auto &c = v.chain;
		if (c.records.empty())
			c.first_off = env.out_off;
		c.out_end = env.out_off + env.stream_len;
		c.in_off = env.in_off;
		c.records.emplace_back(b.data(), b.data() + b.size());
		v.ring->commit(c.out_end, env.seq);
		v.ring->wake();
		return true;
	}

	// ADOPT; the answer, within 10 seconds.
	Answer adopt(uint64_t acked, int tcp, int records)
	{
		UniqueFd job = ask(acked, tcp, records);
		return answer(std::move(job));
	}
	UniqueFd ask(uint64_t acked, int tcp, int records)
	{
		int pair[2];
		must(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
		    pair) == 0, "socketpair");
		UniqueFd mine(pair[0]), theirs(pair[1]);
		Buffer b;
		// No in_off: nobody here asks the session for it.
		FieldWriter(b).u64(1).u64(acked).u64(0).text("alpha", 100)
		    .text("beta", 100).u64(1700000000);
		int fds[] = {tcp, records, theirs.get()};
		must(send_message(adopt_.get(), JEEBS_MSG_ADOPT, b.bytes(),
		    fds));
		return mine;
	}
	static Answer answer(UniqueFd job)
	{
		Answer a;
		auto m = next_message(job.get(), 10000);
		a.job = std::move(job);
		if (!m) {
			a.reason = "ended";
			return a;
		}
		FieldReader r(m->fields.bytes(), "answer");
		if (m->type == JEEBS_MSG_READY) {
			a.ready = true;
			a.out_end = r.num<uint64_t>();
			must(r.num<uint32_t>() == 0, "forwards of nobody");
		} else {
			a.reason = r.text(JEEBS_MAX_REASON);
		}
		must(r.finish());
		return a;
	}

	// Any message to sshd-adopt. False if it has hung up.
	bool say(uint8_t type, Bytes fields, std::span<const int> fds)
	{
		return send_message(adopt_.get(), type, fields, fds).has_value();
	}
	// Has sshd-adopt hung up on us?
	bool adopt_hung_up()
	{
		pollfd p{adopt_.get(), POLLIN, 0};
		return ::poll(&p, 1, 2000) == 1 &&
		    !next_message(adopt_.get(), 2000);
	}
	int adopt_fd() const { return adopt_.get(); }

private:
	static sockaddr_un address(const std::string &path)
	{
		sockaddr_un sun{};
		sun.sun_family = AF_UNIX;
		path.copy(sun.sun_path, sizeof(sun.sun_path) - 1);
		return sun;
	}
	static UniqueFd make_listener(const std::string &path)
	{
		auto sun = address(path);
		UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
		(void)::unlink(path.c_str());
		must(::bind(fd.get(), reinterpret_cast<sockaddr *>(&sun),
		    sizeof(sun)) == 0 && ::listen(fd.get(), 8) == 0,
		    path.c_str());
		return fd;
	}

	UniqueFd listener_, adopt_;
	std::string adopt_path_;
	Record key_;	// the recovery key, signed
};

constexpr int all_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

// The file of an adoption with these bytes.
inline UniqueFd memfd_of(const Record &bytes, int seals = all_seals)
{
	UniqueFd fd(::memfd_create("attack", MFD_CLOEXEC | MFD_ALLOW_SEALING));
	must(fd && ::write(fd.get(), bytes.data(), bytes.size()) ==
	    static_cast<ssize_t>(bytes.size()) &&
	    ::fcntl(fd.get(), F_ADD_SEALS, seals) == 0, "memfd");
	return fd;
}

// Root and records as PROTOCOL.jeebs section 11 has them. starts gets the
// offset of each in the file.
inline Record file_of(const Record &root, const std::vector<Record> &records,
    std::vector<size_t> *starts = nullptr)
{
	Record out;
	auto put = [&](const Record &r) {
		uint8_t len[4];
		store_be(len, static_cast<uint32_t>(r.size()));
		if (starts != nullptr)
			starts->push_back(out.size());
		out.insert(out.end(), len, len + 4);
		out.insert(out.end(), r.begin(), r.end());
	};
	put(root);
	for (const auto &r : records)
		put(r);
	return out;
}

} // namespace jeebs::attack
