// SPDX-License-Identifier: ISC
// The standby's records, in memory: for each session what an adoption needs,
// trimmed to what the primary's own socket has seen ACKed: of what is sniffed
// on the LAN nothing is dropped. No I/O but the adoption file. Owner: the
// daemon, through Replica; event loop's thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "buffer.hh"
#include "chain.hh"
#include "flow.hh"
#include "forward-store.hh"
#include "frame.hh"
#include "held-input.hh"
#include "result.hh"
#include "shares.hh"
#include "tapinput.hh"
#include "unique_fd.hh"

namespace jeebs {

using SteadyTime = std::chrono::steady_clock::time_point;

struct StoreLimits {
	// Records of one session, and what its client sent.
	size_t session_bytes = 64U << 20;
	size_t held_packets = 65536;	// of one session's client
	// Records of all, and their packets. Where these are exceeded, it is by
	// those who hold more than their share, equal for each user or session;
	// twice as much is the end for everybody.
	size_t total_bytes = 1U << 30;
	size_t input_total_bytes = 256U << 20;
	size_t sessions = 10000;	// a user gets a share (Shares)
	size_t input_bytes = 4U << 20;		// tapped packets of one session
	size_t input_packets = 8192;
	ForwardLimits forwards;
};

// What the store knows of one session: a copy, stays valid.
struct StoredSession {
	uint64_t sid = 0;
	Flow flow;
	std::string user;	// as MON said; not verified
	uint64_t epoch = 0;
	std::array<uint8_t, JEEBS_ID_LEN> record_id{};
	jeebs_tcp_state tcp{};
	SteadyTime tcp_at{};	// when tcp arrived
	bool adoptable = false;	// has a checkpoint
	bool ended = false;	// an END record is in: only bytes are owed
	uint64_t seq = 0;	// of the last record
	uint64_t first_off = 0;	// stream offset of the first byte held
	uint64_t acked_off = 0;	// ACKed, by the newest record
	uint64_t out_end = 0;	// offset after the last byte held
	uint64_t in_off = 0;	// client's bytes consumed
	// All that the client believes delivered beyond this is held.
	std::optional<uint64_t> covered_from;
	uint64_t held_to = 0;	// from in_off to here every byte is held
	size_t records = 0, bytes = 0;
	size_t held_packets = 0, held_bytes = 0;
	size_t input_packets = 0, input_bytes = 0;	// tapped

	// Whatever the client believes delivered is here.
	bool covered() const
	{
		return covered_from && held_to >= *covered_from;
	}
};

// What the client may acknowledge.
inline AckRange client_acks(const StoredSession &s)
{
	return ack_range(s.tcp.snd_base, s.acked_off, s.out_end,
	    s.tcp.max_window);
}

class Store {
public:
	explicit Store(StoreLimits = {});

	// A new incarnation. One of the same flow that is there stays adoptable
	// until this one's first checkpoint is in, then it is gone.
	[[nodiscard]] Result<void> open(const OpenFrame &, SteadyTime now);

	// Takes one record. An error means that the session has been dropped:
	// the primary must be told (DROP).
	[[nodiscard]] Result<CommitEntry> record(const RecordFrame &);

	// Unknown sids are ignored here: these cross with DROP.
	void tcp(const TcpFrame &, SteadyTime now);
	void cover(const CoverFrame &);
	// Keeps a packet that the primary waits for. An error means that the
	// session has been dropped, as for records.
	[[nodiscard]] Result<void> input(const InputFrame &);
	void close(uint64_t sid);
	void clear();

	// Keeps a client's packet (a whole IP packet) from the LAN if it carries
	// payload that the session's last record hasn't consumed and that isn't
	// held; the oldest go first when it is too much. False if it is no
	// stored session's, or nothing new.
	bool tapped(Bytes ip_packet);

	// Packets kept for a session, those that the primary sent first; valid
	// until the next call.
	std::vector<Bytes> inputs(uint64_t sid) const;

	// What comes from here on comes by another link.
	void link_lost() { links_++; }

	std::vector<StoredSession> sessions() const;
	// Of each, the sid of its newest incarnation, which the primary knows it by.
	std::vector<uint64_t> newest() const;
	// Root record of that incarnation, valid until the next call; empty if there
	// is no such session.
	Bytes root(uint64_t sid) const;
	std::optional<Flow> flow_of(uint64_t sid) const;
	// Where the incarnation that would be adopted stands, if there is one.
	std::optional<StreamEdges> edges(const Flow &) const;
	// Of these sessions; those of an incarnation go with it.
	ForwardStore &forwards() { return forwards_; }
	// Of any incarnation of a session.
	std::vector<StoredForward> forwards_of(const Flow &session) const;

	// By the sid of the incarnation that would be adopted, or one to be.
	[[nodiscard]] Result<StoredSession> find(uint64_t sid) const;
	[[nodiscard]] Result<StoredSession> find(const Flow &) const;

	// A sealed memfd, at offset 0, as JEEBS_MSG_ADOPT wants it: root, then
	// every record from the first one kept.
	[[nodiscard]] Result<UniqueFd> adoption_file(uint64_t sid) const;

	size_t size() const { return flows_.size(); }
	size_t bytes() const { return bytes_; }

private:
	struct Record {
		Buffer data;
		uint64_t out_off;
	};
	struct Incarnation {
		uint64_t sid;
		RecordChain chain;
		Buffer root;
		jeebs_tcp_state tcp;
		SteadyTime tcp_at;
		std::string user;
		std::deque<Record> records;	// ends at chain.seq()
		std::deque<uint64_t> checkpoints;	// seq of those kept
		size_t bytes;		// root and records
		uint64_t acked;		// by the newest record
		std::optional<uint64_t> covered_from;
		uint64_t link;		// by which it came
	};
	struct Packet {
		uint64_t end_off;	// stream offset after its payload
		Buffer data;
	};
	struct Entry {
		Entry(const Flow &f, std::string u, Shares::Place p)
		    : flow(f), user(std::move(u)), place(std::move(p)) {}
		Flow flow;
		std::string user;	// of the first incarnation
		Shares::Place place;
		std::unique_ptr<Incarnation> active;	// adopted if it must be
		std::unique_ptr<Incarnation> pending;	// no checkpoint yet
		uint32_t rcv_base = 0;
		HeldInput held;
		std::deque<Packet> inputs;
		size_t input_bytes = 0;
	};
	using Entries = std::map<Flow, Entry>;

	Entry *entry(uint64_t sid);
	const Incarnation *incarnation(uint64_t sid) const;
	StoredSession describe(const Entry &, const Incarnation &) const;
	void trim(Entry &);
	void trim_inputs(Entry &);
	void account(const std::string &user, size_t added, size_t removed);
	void account(Incarnation &, size_t added, size_t removed);
	void account_held(Entry &, size_t before);
	bool too_much(const std::string &user, size_t more) const;
	void forget(std::unique_ptr<Incarnation> &);
	void erase(Entry &);

	StoreLimits limits_;
	ForwardStore forwards_;
	Shares shares_;
	Entries flows_;
	std::unordered_map<uint64_t, Entries::iterator> by_sid_;
	std::unordered_map<std::string, size_t> user_bytes_;
	size_t bytes_ = 0;
	uint64_t links_ = 0;	// lost so far
	size_t input_total_ = 0;
};

} // namespace jeebs
