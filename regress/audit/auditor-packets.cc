// SPDX-License-Identifier: ISC
// What the LAN showed, judged by what the logs say.
#include <algorithm>

#include <fmt/format.h>

#include "auditor.hh"

namespace jeebs::audit {

void
Auditor::add(Rule rule, const Packet &p, const Connection &c, std::string text)
{
	findings_.add(rule, p.time, c.flow.to_string(), std::move(text));
}

size_t
Auditor::host_of(const MacAddr &mac) const
{
	for (size_t i = 0; i < hosts_.size(); i++)
		if (hosts_[i].macs.contains(mac))
			return i;
	return nobody;
}

size_t
Auditor::rival(size_t host) const
{
	const Host &h = hosts_[host];

	for (size_t i = 0; i < hosts_.size(); i++) {
		const Host &o = hosts_[i];
		if (i != host && o.serving && (o.serving_epoch >
		    h.serving_epoch || (o.serving_epoch == h.serving_epoch &&
		    o.serving_since > h.serving_since)))
			return i;
	}
	return nobody;
}

void
Auditor::packet(const Packet &p)
{
	summary_.frames++;
	if (p.kind == PacketKind::other)
		return;
	if (vips_.contains(p.source)) {
		summary_.from_vip++;
		size_t host = host_of(p.from);
		if (host == nobody)
			findings_.add(Rule::claim, p.time,
			    p.source.to_string(), fmt::format("{}, which is "
			    "none of the hosts, speaks as it",
			    p.from.to_string()));
		else
			as_vip(p, host);
	} else if (p.kind == PacketKind::tcp && vips_.contains(p.destination) &&
	    p.destination_port == port_) {
		client_segment(p);
	}
}

// Lease and epoch are every frame's affair.
void
Auditor::as_vip(const Packet &p, size_t host)
{
	const Host &h = hosts_[host];
	Rule rule = Rule::lease, older = Rule::epoch;
	std::string what = fmt::format("a packet to {}",
	    p.destination.to_string());
	bool repeats = false;

	if (p.kind == PacketKind::claim) {
		rule = older = Rule::claim;
		what = "a claim";
		claim(p, host);
	} else if (p.kind == PacketKind::broken) {
		bad_evidence(p.time, p.source.to_string(), fmt::format(
		    "a packet of {} to {} can't be understood", h.name,
		    p.destination.to_string()));
	} else if (p.kind == PacketKind::tcp && p.source_port == port_) {
		Flow flow{p.source, p.destination, p.source_port,
		    p.destination_port};
		what = fmt::format("seq {}, {} bytes, flags {:#x} of {}",
		    p.seq, p.length, p.flags, flow.to_string());
		repeats = server_segment(p, host);
	} else if (p.kind == PacketKind::tcp) {
		what = fmt::format("seq {}, {} bytes, flags {:#x} to {} port "
		    "{}", p.seq, p.length, p.flags, p.destination.to_string(),
		    p.destination_port);
		repeats = forward_segment(p, host);
	}
	std::string subject = p.source.to_string() + " by " + h.name;
	if (auto why = h.silenced(p.time); !why.empty()) {
		findings_.add(rule, p.time, subject, fmt::format(
		    "emitted {}, but {}", what, why));
		return;
	}
	size_t other = rival(host);
	if (other == nobody)
		return;
	if (h.gate == Gate::leased && repeats) {
		summary_.stale++;
		return;
	}
	const Host &o = hosts_[other];
	findings_.add(older, p.time, subject, fmt::format("emitted {} in epoch "
	    "{}, but {} serves in epoch {} since {}", what, h.serving_epoch,
	    o.name, o.serving_epoch, to_text(o.serving_since)));
}

void
Auditor::claim(const Packet &p, size_t host)
{
	summary_.claims++;
	if (!hosts_[host].macs.contains(p.claimant))
		findings_.add(Rule::claim, p.time, p.source.to_string(),
		    fmt::format("{} says that it is at {}, which isn't its "
		    "own address", name(host), p.claimant.to_string()));
}

bool
Auditor::server_segment(const Packet &p, size_t host)
{
	Flow flow{p.source, p.destination, p.source_port, p.destination_port};

	summary_.segments++;
	if (p.has(syn)) {
		handshake(p, host);
		return false;
	}
	bool ends = p.has(fin) || p.has(rst);
	Connection *c = find(flow, p.seq);
	// A reset of what was never a connection says only that.
	if (c == nullptr || !c->base) {
		if (p.has(rst)) {
			summary_.endings++;
			return false;
		}
		c = c == nullptr ? &create(flow) : c;
		c->base = p.seq;
	}
	if (c->owner == nobody)
		c->owner = host;
	bool repeats = p.length == 0 || contents(p, host, *c);
	if (ends)
		ending(p, host, *c);
	if (p.length > 0 || ends)
		one_emitter(p, host, *c);
	if (p.has(ack) && !p.has(rst))
		acknowledges(p, host, *c);
	if (host != c->owner && (p.length > 0 || p.has(fin)) && c->ended.empty()
	    && !(repeats && !ends))
		add(Rule::owner, p, *c, fmt::format("{} emits bytes {} to {}"
		    "{}, but {} owns the connection", name(host),
		    c->offset(p.seq), c->offset(p.seq) + p.length,
		    p.has(fin) ? " and FIN" : "", name(c->owner)));
	return repeats && !ends;
}

// To the target of a forward, in whose contents hosts must agree, too. True if it
// says nothing that wasn't said before.
bool
Auditor::forward_segment(const Packet &p, size_t host)
{
	Flow flow{p.source, p.destination, p.source_port, p.destination_port};
	Connection *c = find(flow, p.seq);

	if (p.has(syn)) {
		if (c == nullptr || !c->base || *c->base != p.seq + 1) {
			c = &create(flow);
			c->base = p.seq + 1;
			c->owner = host;
		}
		return false;
	}
	if (c == nullptr)
		return false;	// it began before the capture, or never
	const bool repeats = p.length == 0 || contents(p, host, *c);
	if (p.length > 0 || p.has(fin))
		one_emitter(p, host, *c);
	if (p.has(ack) && !p.has(rst))
		acknowledges(p, host, *c);
	return repeats && !p.has(fin) && !p.has(rst);
}

// SYN and ACK: where the server's stream begins.
void
Auditor::handshake(const Packet &p, size_t host)
{
	Flow flow{p.source, p.destination, p.source_port, p.destination_port};
	auto it = flows_.find(flow);
	Connection &c = it == flows_.end() ? create(flow) :
	    *it->second.back();

	if (c.base && *c.base == p.seq + 1)
		return;
	// Until a byte is out another host may answer the client's next SYN.
	if (c.base && (c.content.end() > 0 || c.ever_gated))
		return add(Rule::content, p, c, fmt::format("{} answers a SYN "
		    "with {} as its first number, {} had {}", name(host),
		    p.seq, name(c.owner), *c.base - 1));
	c.base = p.seq + 1;
	c.owner = host;
	c.handshake = true;
}

// True if every byte has been emitted before.
bool
Auditor::contents(const Packet &p, size_t host, Connection &c)
{
	int64_t off = c.offset(p.seq);

	if (p.payload.size() < p.length) {
		add(Rule::evidence, p, c, fmt::format("only {} of {} bytes "
		    "were captured", p.payload.size(), p.length));
		return false;
	}
	if (off < 0) {
		add(Rule::content, p, c, fmt::format("{} emits {} bytes from "
		    "{} before the beginning of the stream on", name(host),
		    p.length, -off));
		return false;
	}
	auto at = static_cast<uint64_t>(off);
	auto seen = c.content.emit(at, p.payload, p.time, host);
	summary_.bytes += p.length;
	summary_.bytes_again += seen.again;
	if (seen.clash)
		add(Rule::content, p, c, fmt::format("byte {} (seq {}) was "
		    "{:#04x} when {} emitted it at {}, and is {:#04x} from {}",
		    seen.clash->off, *c.base +
		    static_cast<uint32_t>(seen.clash->off), seen.clash->was,
		    name(seen.clash->host), to_text(seen.clash->time),
		    seen.clash->is, name(host)));
	against_commits(p, host, c, at + p.length);
	return seen.fresh == 0;
}

void
Auditor::against_commits(const Packet &p, size_t host, const Connection &c,
    uint64_t end)
{
	if (!c.gated)
		return;
	summary_.checked_against_commits++;
	if (end <= c.may_send_to())
		return;
	add(Rule::commit, p, c, fmt::format("{} emits bytes up to {}, {}",
	    name(host), end, c.held_at == 0 ?
	    std::string("and no standby has held any") :
	    fmt::format("but those up to {} are held since {}, and no more",
	    c.held, to_text(c.held_at))));
}

void
Auditor::acknowledges(const Packet &p, size_t host, Connection &c)
{
	if (!c.rcv || host != c.owner)
		return;
	const int64_t upto = c.input_offset(p.ack_number);
	c.acknowledged = std::max(c.acknowledged, static_cast<uint64_t>(
	    std::max<int64_t>(0, upto)));
	if (!c.covered_from)
		return;
	summary_.acknowledgments++;
	uint64_t held = c.may_acknowledge_to();
	if (upto > static_cast<int64_t>(held))
		add(Rule::input, p, c, fmt::format("{} acknowledges the "
		    "peer's bytes up to {}, but those up to {} are held",
		    name(host), upto, held));
}

void
Auditor::ending(const Packet &p, size_t host, const Connection &c)
{
	const char *what = p.has(rst) ? "RST" : "FIN";

	summary_.endings++;
	if (!c.ended.empty())
		return;
	if (host == c.owner && c.gated)
		add(Rule::ending, p, c, fmt::format("{} emits {}, but the "
		    "session is protected and no log says that it has ended",
		    name(host), what));
	else if ((host != c.owner || c.stranded) && c.holder != nobody)
		add(Rule::ending, p, c, fmt::format("{} emits {}, but {} owns "
		    "the connection and {} holds what it takes to go on",
		    name(host), what, name(c.owner), name(c.holder)));
}

void
Auditor::one_emitter(const Packet &p, size_t host, Connection &c)
{
	uint64_t epoch = hosts_[host].serving_epoch;
	auto [it, first] = c.emitters.emplace(epoch, host);

	if (!first && it->second != host)
		add(Rule::epoch, p, c, fmt::format("{} and {} both emit for it "
		    "in epoch {}", name(it->second), name(host), epoch));
}

void
Auditor::client_segment(const Packet &p)
{
	Flow flow{p.destination, p.source, p.destination_port, p.source_port};
	auto it = flows_.find(flow);

	if (p.has(syn)) {
		// Ports may be used again.
		if (it != flows_.end() &&
		    it->second.back()->client_isn == p.seq)
			return;
		Connection &c = create(flow);
		c.client_isn = p.seq;
		c.rcv = p.seq + 1;
		return;
	}
	if (it == flows_.end() || !p.has(ack))
		return;
	Connection &c = *it->second.back();
	if (!c.base)
		return;
	int64_t off = c.offset(p.ack_number);
	// What a client can't have means nothing here.
	if (off > 0 && off < static_cast<int64_t>(c.content.end()) + (1 << 26))
		c.acked = std::max(c.acked, static_cast<uint64_t>(off));
}

} // namespace jeebs::audit
