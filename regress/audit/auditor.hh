// SPDX-License-Identifier: ISC
// Joins a capture of the service LAN with the commit logs of its hosts and
// checks the invariants (README.md). Everything is fed in order of time, an
// event before a packet of the same moment: what a log allows it allows before
// it is done, what it forbids it forbids afterwards.
// No I/O but the contents' storage; single-threaded.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "connection.hh"
#include "event.hh"
#include "finding.hh"
#include "host.hh"

namespace jeebs::audit {

struct AuditOptions {
	StorageFactory storage = [] { return std::make_unique<MemoryStorage>(); };
};

class Auditor {
public:
	// logs: how many hosts there are.
	Auditor(size_t logs, AuditOptions = {});

	// log: index of the host whose line it is. `dark` names its host itself.
	void event(size_t log, const Event &);
	void packet(const Packet &);
	// Something was wrong with the recording.
	void bad_evidence(Stamp, const std::string &subject,
	    const std::string &text);
	// Nothing comes any more.
	void finish();

	const Findings &findings() const { return findings_; }
	Summary &summary() { return summary_; }

private:
	using Connections = std::vector<std::unique_ptr<Connection>>;
	// What a sid names.
	struct Incarnation {
		Connection *c = nullptr;
		// Its offset 0 among what the peer has sent: that of a forward
		// is where a host has adopted it.
		int64_t begin = 0;

		uint64_t offset(uint64_t own) const
		{
			return static_cast<uint64_t>(std::max<int64_t>(0,
			    static_cast<int64_t>(own) + begin));
		}
	};

	void session_event(size_t log, const Event &);
	void begins_to_serve(size_t log, const Event &);
	void held(size_t log, const Event &);
	void forward_event(size_t log, const Event &);
	void adopt(size_t log, const Event &, Connection &, uint64_t out);
	void strand(size_t host);
	void lose(size_t log);
	void forget(size_t log);
	Connection *named(const Event &);

	void as_vip(const Packet &, size_t host);
	void claim(const Packet &, size_t host);
	// Returns whether it can only repeat what has been emitted.
	bool forward_segment(const Packet &, size_t host);
	bool server_segment(const Packet &, size_t host);
	void handshake(const Packet &, size_t host);
	bool contents(const Packet &, size_t host, Connection &);
	void against_commits(const Packet &, size_t host, const Connection &,
	    uint64_t end);
	void acknowledges(const Packet &, size_t host, Connection &);
	void ending(const Packet &, size_t host, const Connection &);
	void one_emitter(const Packet &, size_t host, Connection &);
	void client_segment(const Packet &);

	size_t host_of(const MacAddr &) const;
	// Another host that serves in a newer epoch; nobody if there is none.
	size_t rival(size_t host) const;
	Connection *find(const Flow &, uint32_t seq);
	Connection &create(const Flow &);
	std::string name(size_t host) const;
	void add(Rule, const Packet &, const Connection &, std::string text);

	AuditOptions options_;
	Findings findings_;
	Summary summary_;
	std::vector<Host> hosts_;
	std::set<IpAddr> vips_;
	uint16_t port_ = 0;
	std::map<Flow, Connections> flows_;	// newest last
	std::map<uint64_t, Incarnation> by_sid_;
};

} // namespace jeebs::audit
