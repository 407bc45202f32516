// SPDX-License-Identifier: ISC
// jeebsd's end of sshd-adopt's socket: takes the recovery keys of this host,
// and hands sessions over. Reconnects by itself for ever.
// Owner: the daemon; event loop's thread only.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "result.hh"
#include "unique_fd.hh"

namespace jeebs {

// What ADOPT says of one session; descriptors stay the caller's.
struct AdoptRequest {
	uint64_t job = 0;	// any number, for logs
	uint64_t acked = 0;	// offset A
	uint64_t in_off = 0;	// the socket's next byte to receive
	std::string from, to;	// host that died, this host
	std::string user;	// the session's
	uint64_t failed_at = 0;	// unix seconds
	int tcp = -1;		// in repair mode
	int records = -1;	// memfd
};

// A forward that the session can go on with: what READY says of it.
struct AdoptForward {
	uint32_t channel = 0;
	uint64_t id = 0;
	uint64_t data_off = 0, data_end = 0;	// what the target may lack
	uint64_t taken = 0;	// the socket's next byte to receive
	bool ended = false;	// FIN follows the data
};

struct AdoptReady {
	uint64_t out_end = 0;
	std::vector<AdoptForward> forwards;
};

class AdoptClient {
public:
	struct Handlers {
		// A signed recovery key; again at every rotation and at each
		// new connection.
		std::function<void(std::string key)> key;
		// sshd-adopt is gone: its keys open nothing any more.
		std::function<void()> lost;
	};
	// READY, or why not. Called once.
	using Answer = std::function<void(Result<AdoptReady>)>;

	// One session that is being handed over. Destroying it closes the job
	// socket: a worker that has no GO yet gives up.
	class Job {
	public:
		virtual ~Job() = default;
		// After READY: the target of a forward, in repair mode; it has
		// acknowledged what lies before acked.
		[[nodiscard]] virtual Result<void> target(uint32_t channel,
		    uint64_t acked, int fd) = 0;
		// After these: the worker may write.
		[[nodiscard]] virtual Result<void> go() = 0;
	};

	AdoptClient(boost::asio::io_context &, std::string path, Handlers);
	~AdoptClient();
	AdoptClient(const AdoptClient &) = delete;
	AdoptClient &operator=(const AdoptClient &) = delete;

	void start();
	bool connected() const;
	// The key of the connection that is up, or "".
	const std::string &key() const;

	// The answer comes from the io_context, at the latest after timeout.
	[[nodiscard]] Result<std::unique_ptr<Job>> adopt(const AdoptRequest &,
	    std::chrono::milliseconds timeout, Answer);

private:
	struct Impl;
	std::shared_ptr<Impl> impl_;
};

} // namespace jeebs
