// SPDX-License-Identifier: ISC
// What a standby must have after some whole frames, by PROTOCOL.link alone:
// nothing here calls jeebsd's code.
// Owner: cut. Single-threaded.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "link-run.hh"

namespace jeebs::cut {

// The 4-tuple of a TCP state (PROTOCOL.jeebs 8): family, ports, addresses.
inline Blob flow_of(Bytes tcp)
{
	Blob b(tcp.begin() + 1, tcp.begin() + 6);
	b.insert(b.end(), tcp.begin() + 8, tcp.begin() + 40);
	return b;
}

// The sequence number of the first byte that it received.
inline uint32_t rcv_base_of(Bytes tcp)
{
	return PEEK_U32(tcp.data() + 44);
}

// A packet of an INPUT frame: where its bytes are in its sender's stream.
struct Packet {
	Bytes all, payload;
	uint64_t begin, end;	// a FIN counts as one

	Packet(uint64_t offset, Bytes ip) : all(ip), begin(offset)
	{
		Fields f{ip};
		const bool v6 = ip[0] >> 4 == 6;
		const size_t ip_len = v6 ? 40 : 4U * (ip[0] & 15);
		const size_t total = v6 ? 40U + PEEK_U16(ip.data() + 4) :
		    PEEK_U16(ip.data() + 2);
		must(total <= ip.size() && (v6 ? ip[6] : ip[9]) == 6);
		(void)f.take(ip_len);
		const Bytes tcp = f.left.first(total - ip_len);
		payload = tcp.subspan(4U * (tcp[12] >> 4));
		end = begin + payload.size() + (tcp[13] & 1);
	}
};

// What one peer sent, in INPUT frames.
struct Stream {
	uint32_t rcv_base = 0;
	std::vector<Packet> packets;	// as they came

	// From `from` to here each byte was in one.
	uint64_t to(uint64_t from) const
	{
		for (bool more = true; more;) {
			more = false;
			for (const Packet &p : packets)
				if (p.begin <= from && p.end > from) {
					from = p.end;
					more = true;
				}
		}
		return from;
	}
	// These bytes; a FIN is none.
	static Blob bytes(const std::vector<const Packet *> &of, uint64_t from,
	    uint64_t to)
	{
		std::map<uint64_t, uint8_t> at;
		for (const Packet *p : of)
			for (size_t i = 0; i < p->payload.size(); i++)
				if (p->begin + i >= from && p->begin + i < to)
					at[p->begin + i] = p->payload[i];
		Blob b;
		for (const auto &[offset, byte] : at)
			b.push_back(byte);
		return b;
	}
};

struct Life {	// an incarnation on the link
	uint64_t sid;
	const Incarnation *of;
	std::string user;
	Bytes root, tcp;
	std::vector<Bytes> records;
	uint64_t acked = 0;
	std::optional<uint64_t> cover;

	// Of the last record; there is one.
	Envelope last() const { return Envelope(records.back()); }
};

struct Forward {
	uint64_t sid;
	Bytes tcp;
	std::optional<uint64_t> cover;
	std::shared_ptr<Stream> stream;
	uint64_t taken = 0;
};

struct Session {	// of one 4-tuple
	std::optional<Life> active, pending;
	Stream stream;

	// The one that would be adopted, or is to be.
	const Life &shown() const { return active ? *active : *pending; }
};

class Model {
public:
	// The next whole frame.
	void frame(const Frame &);

	std::map<Blob, Session> sessions;	// by 4-tuple
	std::map<uint64_t, Forward> forwards;	// by id
	size_t inputs = 0;	// INPUT frames of this connection
	// The link was lost, and there is another.
	void new_connection() { inputs = 0; }

private:
	void open(Fields, const Incarnation *);
	void record(Fields);
	void forward(Fields);
	void close(uint64_t id);
	void forget(std::optional<Life> &l)
	{
		if (l)
			std::erase_if(forwards, [&l](const auto &f) {
				return f.second.sid == l->sid;
			});
		l.reset();
	}
	// The incarnation or the forward of this number.
	template <class OfLife, class OfForward>
	void with(uint64_t id, OfLife life, OfForward of_forward)
	{
		for (auto &[flow, s] : sessions)
			for (auto *l : {&s.active, &s.pending})
				if (*l && (*l)->sid == id)
					life(s, **l);
		if (auto f = forwards.find(id); f != forwards.end())
			of_forward(f->second);
	}
};

inline void Model::open(Fields f, const Incarnation *of)
{
	Life l{.sid = f.num(8), .of = of, .user = {}, .root = f.string(),
	    .tcp = f.string(), .records = {}, .cover = {}};
	const Bytes user = f.string();
	l.user.assign(user.begin(), user.end());
	Session &s = sessions[flow_of(l.tcp)];
	forget(s.pending);
	if (s.stream.rcv_base != rcv_base_of(l.tcp))
		s.stream = {rcv_base_of(l.tcp), {}};
	s.pending = std::move(l);
}

// The first one of an incarnation ends the one before.
inline void Model::record(Fields f)
{
	const uint64_t sid = f.num(8);
	for (auto &[flow, s] : sessions) {
		if (s.pending && s.pending->sid == sid) {
			forget(s.active);
			s.active = std::move(s.pending);
			s.pending.reset();
		} else if (!s.active || s.active->sid != sid || s.pending) {
			continue;
		}
		s.active->records.push_back(f.left);
		s.active->acked = std::max(s.active->acked,
		    s.active->last().acked_off);
	}
}

inline void Model::forward(Fields f)
{
	Forward n{.sid = f.num(8), .tcp = {}, .cover = {}, .stream = {}};
	const uint64_t id = f.num(8);
	bool known = false;

	n.tcp = f.string();
	with(n.sid, [&known](Session &, Life &) { known = true; },
	    [](Forward &) {});
	if (!known)
		return;
	// Incarnations of one connection share what its target sent.
	for (const auto &[other, o] : forwards)
		if (flow_of(o.tcp) == flow_of(n.tcp) &&
		    o.stream->rcv_base == rcv_base_of(n.tcp))
			n.stream = o.stream;
	if (!n.stream)
		n.stream = std::make_shared<Stream>(Stream{
		    rcv_base_of(n.tcp), {}});
	forwards.emplace(id, std::move(n));
}

inline void Model::close(uint64_t id)
{
	if (forwards.erase(id) > 0)
		return;
	for (auto it = sessions.begin(); it != sessions.end(); ++it) {
		Session &s = it->second;
		if ((!s.active || s.active->sid != id) &&
		    (!s.pending || s.pending->sid != id))
			continue;
		forget(s.active);
		forget(s.pending);
		sessions.erase(it);
		return;
	}
}

inline void Model::frame(const Frame &frame)
{
	Fields f{frame.payload};

	switch (frame.kind) {
	case k_open:
		return open(f, frame.of);
	case k_record:
		return record(f);
	case k_forward:
		return forward(f);
	case k_tcp: {
		const uint64_t id = f.num(8);
		const Bytes tcp = f.string();
		return with(id, [tcp](Session &, Life &l) { l.tcp = tcp; },
		    [tcp](Forward &o) { o.tcp = tcp; });
	}
	case k_cover: {
		const uint64_t id = f.num(8), from = f.num(8);
		return with(id, [from](Session &, Life &l) { l.cover = from; },
		    [from](Forward &o) { o.cover = from; });
	}
	case k_taken: {
		const uint64_t id = f.num(8), to = f.num(8);
		return with(id, [](Session &, Life &) {}, [to](Forward &o) {
			o.taken = std::max(o.taken, to);
		});
	}
	case k_input: {
		const uint64_t id = f.num(8), offset = f.num(8);
		const Packet p(offset, f.left);
		inputs++;
		return with(id, [&p](Session &s, Life &) {
			s.stream.packets.push_back(p);
		}, [&p](Forward &o) { o.stream->packets.push_back(p); });
	}
	case k_close:
		return close(f.num(8));
	default:
		return;
	}
}

} // namespace jeebs::cut
