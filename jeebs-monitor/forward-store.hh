// SPDX-License-Identifier: ISC
// The standby's part of forwards: of each connection of a session to a target its
// TCP state, and what the target sent. The bytes for the target are in the
// session's records, which only sshd-adopt can open.
// Owner: Store. No I/O, single-threaded.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "flow.hh"
#include "frame.hh"
#include "held-input.hh"
#include "result.hh"

namespace jeebs {

struct ForwardLimits {
	size_t forward_bytes = 32U << 20;	// of packets of one
	size_t forward_packets = 65536;
	// Of all; where it is exceeded it is by those who hold more than their
	// share, equal for each user.
	size_t total_bytes = 256U << 20;
	size_t session_forwards = JEEBS_MAX_FORWARDS;
	size_t forwards = 65536;	// in all
};

// A copy, stays valid.
struct StoredForward {
	uint64_t id = 0;
	uint64_t sid = 0;	// of the session's incarnation
	Flow flow;		// remote: the target
	jeebs_tcp_state tcp{};
	std::chrono::steady_clock::time_point tcp_at{};
	std::optional<uint64_t> covered_from;
};

class ForwardStore {
public:
	using SteadyTime = std::chrono::steady_clock::time_point;
	explicit ForwardStore(ForwardLimits l = {}) : limits_(l) {}

	// user: the session's.
	[[nodiscard]] Result<void> open(const ForwardFrame &,
	    const std::string &user, SteadyTime now);
	bool has(uint64_t id) const { return all_.contains(id); }

	// Unknown ids are ignored: these cross with DROP.
	void tcp(const TcpFrame &, SteadyTime now);
	void cover(const CoverFrame &);
	void taken(const TakenFrame &);
	// An error means that the forward has been dropped.
	[[nodiscard]] Result<void> input(const InputFrame &);
	void close(uint64_t id);
	void close_session(uint64_t sid);
	void clear();

	std::optional<StoredForward> find(uint64_t id) const;
	std::vector<Flow> flows() const;
	std::vector<StoredForward> of_session(uint64_t sid) const;
	// Whatever the target believes delivered beyond `from` is here.
	bool whole(uint64_t id, uint64_t from) const;
	// From an offset to this one every byte is here.
	uint64_t held_to(uint64_t id, uint64_t from) const;
	// Its packets; valid until the next call that isn't const.
	std::vector<Bytes> inputs(uint64_t id) const;
	size_t size() const { return all_.size(); }
	size_t bytes() const { return bytes_; }

private:
	// What a target sent, one for the incarnations of a connection: while
	// a new one has no record yet the old one may have to be adopted, with
	// packets that came since.
	struct Stream {
		uint32_t rcv_base = 0;
		std::string user;
		HeldInput held;
		bool broken = false;	// something isn't here
	};
	struct Entry {
		StoredForward f;
		std::shared_ptr<Stream> stream;
	};
	void account(Stream &, size_t before);

	ForwardLimits limits_;
	std::unordered_map<uint64_t, Entry> all_;
	// Of each session (sid) the ids.
	std::unordered_map<uint64_t, std::unordered_set<uint64_t>> of_;
	std::unordered_map<Flow, std::weak_ptr<Stream>> streams_;
	std::unordered_map<std::string, size_t> user_bytes_;
	size_t bytes_ = 0;
};

} // namespace jeebs
