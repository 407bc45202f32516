// SPDX-License-Identifier: ISC
// The standby's part of forwards: of each connection of a session to a target its
// TCP state, and what the target sent. The bytes for the target are in the
// session's records, which only sshd-adopt can open.
// Owner: Store. No I/O, single-threaded.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "flow.hh"
#include "frame.hh"
#include "held-input.hh"
#include "result.hh"

namespace jeebs {

// A copy, stays valid.
struct StoredForward {
	uint64_t id = 0;
	uint64_t sid = 0;	// of the session's incarnation
	Flow flow;		// remote: the target
	jeebs_tcp_state tcp{};
	std::chrono::steady_clock::time_point tcp_at{};
	std::optional<uint64_t> covered_from;
	size_t held_bytes = 0;
};

class ForwardStore {
public:
	using SteadyTime = std::chrono::steady_clock::time_point;
	struct Limits {
		size_t forward_bytes = 32U << 20;	// of packets of one
		size_t forward_packets = 65536;
		// Of all; where it is exceeded it is by those who hold more
		// than their share, equal for each user.
		size_t total_bytes = 256U << 20;
		size_t session_forwards = JEEBS_MAX_FORWARDS;
	};

	ForwardStore() = default;
	explicit ForwardStore(Limits l) : limits_(l) {}

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
	std::vector<Flow> flows_of(uint64_t sid) const;
	// Whatever the target believes delivered beyond `from` is here.
	bool whole(uint64_t id, uint64_t from) const;
	// Its packets; valid until the next call that isn't const.
	std::vector<Bytes> inputs(uint64_t id) const;
	size_t size() const { return all_.size(); }
	size_t bytes() const { return bytes_; }

private:
	struct Entry {
		StoredForward f;
		std::string user;
		HeldInput held;
	};
	void account(Entry &, size_t before);

	Limits limits_;
	std::unordered_map<uint64_t, Entry> all_;
	std::unordered_map<std::string, size_t> user_bytes_;
	size_t bytes_ = 0;
};

} // namespace jeebs
