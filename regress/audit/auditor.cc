// SPDX-License-Identifier: ISC
// What the logs say; auditor-packets.cc has what the LAN showed.
#include "auditor.hh"

#include <algorithm>

#include <fmt/format.h>

namespace jeebs::audit {

Auditor::Auditor(size_t logs, AuditOptions o)
    : options_(std::move(o)), hosts_(logs)
{
}

std::string
Auditor::name(size_t host) const
{
	return host == nobody ? "nobody" : hosts_[host].name;
}

void
Auditor::bad_evidence(Stamp t, const std::string &subject,
    const std::string &text)
{
	findings_.add(Rule::evidence, t, subject, text);
}

Connection &
Auditor::create(const Flow &flow)
{
	summary_.connections++;
	auto &all = flows_[flow];
	all.push_back(std::make_unique<Connection>(flow, options_.storage()));
	return *all.back();
}

Connection *
Auditor::find(const Flow &flow, uint32_t seq)
{
	auto it = flows_.find(flow);
	if (it == flows_.end())
		return nullptr;
	auto &all = it->second;
	// The newest, unless the number fits an earlier one only.
	if (!all.back()->plausible(seq))
		for (auto c = all.rbegin(); c != all.rend(); ++c)
			if ((*c)->plausible(seq))
				return c->get();
	return all.back().get();
}

// The connection that a line names.
Connection *
Auditor::named(const Event &e)
{
	auto it = flows_.find(e.flow);

	if (it != flows_.end()) {
		auto &all = it->second;
		for (auto c = all.rbegin(); c != all.rend(); ++c)
			if (!e.base || !(*c)->base || *(*c)->base == *e.base)
				return c->get();
		bad_evidence(e.time, e.flow.to_string(), fmt::format("a log "
		    "says that its stream begins at {}, the capture says {}",
		    *e.base, *all.back()->base));
	}
	if (!e.base)
		return nullptr;
	// Older than the capture.
	Connection &c = create(e.flow);
	c.base = e.base;
	return &c;
}

void
Auditor::event(size_t log, const Event &e)
{
	if (e.kind == EventKind::dark) {
		for (size_t i = 0; i < hosts_.size(); i++)
			if (hosts_[i].name == e.text) {
				hosts_[i].apply(e);
				strand(i);
			}
		return;
	}
	Host &h = hosts_[log];
	if (e.kind == EventKind::start && !h.name.empty() && h.name != e.text)
		bad_evidence(e.time, h.name, "its log goes on as that of " +
		    e.text);
	h.apply(e);
	switch (e.kind) {
	case EventKind::start:
		port_ = e.port;
		lose(log);
		for (auto &[flow, all] : flows_)
			for (auto &c : all)
				c->named &= c->owner != log;
		break;
	case EventKind::vip:
		vips_.insert(e.address);
		break;
	case EventKind::vips:
		if (e.up)
			begins_to_serve(log, e);
		break;
	case EventKind::void_all:
		lose(log);
		break;
	case EventKind::forget:
		forget(log);
		break;
	case EventKind::held:
	case EventKind::input:
		held(log, e);
		break;
	case EventKind::lost:
		if (auto it = by_sid_.find(e.sid); it != by_sid_.end() &&
		    it->second.c->holder == log) {
			it->second.c->holder = nobody;
			it->second.c->loses_input();
		}
		break;
	case EventKind::cover:
		if (auto it = by_sid_.find(e.sid); it != by_sid_.end()) {
			if (!it->second.c->covered_from)
				summary_.covered++;
			it->second.c->covered_from = it->second.offset(e.in);
		} else {
			bad_evidence(e.time, h.name, fmt::format("session "
			    "{:x} is covered and was never offered", e.sid));
		}
		break;
	case EventKind::protect: {
		auto it = by_sid_.find(e.sid);
		if (it == by_sid_.end())
			return bad_evidence(e.time, h.name, fmt::format(
			    "session {:x} is protected and was never offered",
			    e.sid));
		Connection &c = *it->second.c;
		if (!c.gated)
			c.free_to = e.out;
		if (!c.ever_gated)
			summary_.protected_connections++;
		c.gated = c.ever_gated = true;
		break;
	}
	case EventKind::forward:
	case EventKind::go_on:
		forward_event(log, e);
		break;
	case EventKind::open:
	case EventKind::offer:
	case EventKind::session:
	case EventKind::unprotect:
	case EventKind::over:
	case EventKind::adopt:
	case EventKind::reset:
		session_event(log, e);
		break;
	default:
		break;
	}
}

void
Auditor::session_event(size_t log, const Event &e)
{
	Connection *c = named(e);

	if (c == nullptr)
		return bad_evidence(e.time, e.flow.to_string(),
		    "in the log of " + name(log) + ", and nowhere else");
	if (!c->base)
		c->base = e.base;
	if (e.rcv && !c->rcv)
		c->rcv = e.rcv;
	switch (e.kind) {
	case EventKind::open:
	case EventKind::offer:
		by_sid_[e.sid] = {c, 0};
		if (e.kind == EventKind::offer)
			c->covered_from.reset();
		break;
	case EventKind::session:
		if (c->owner == nobody)
			c->owner = log;
		c->named = true;
		break;
	case EventKind::unprotect:
		c->gated = false;
		c->covered_from.reset();
		break;
	case EventKind::over:
		c->ended = fmt::format("{} says that it is over", name(log));
		c->gated = false;
		c->covered_from.reset();
		break;
	case EventKind::reset:
		c->ended = fmt::format("{} reset it: {}", name(log), e.text);
		c->gated = false;
		c->holder = nobody;
		break;
	case EventKind::adopt:
		adopt(log, e, *c, e.out);
		break;
	default:
		break;
	}
}

// Of a connection to a target. What it is sent is in records, which only sshd can
// open: how much of that is held is known when a host goes on.
void
Auditor::forward_event(size_t log, const Event &e)
{
	auto it = flows_.find(e.flow);
	if (it == flows_.end())
		return;		// it began before the capture
	Connection &c = *it->second.back();
	if (e.kind == EventKind::go_on) {
		const int64_t end = c.base ? c.offset(e.end) : 0;
		return adopt(log, e, c, end < 0 ? 0 :
		    static_cast<uint64_t>(end));
	}
	if (!c.rcv)
		c.rcv = e.rcv;
	c.named |= c.owner == log;
	by_sid_[e.sid] = {&c, c.input_offset(*e.rcv)};
}

void
Auditor::held(size_t log, const Event &e)
{
	auto it = by_sid_.find(e.sid);

	if (it == by_sid_.end())
		return bad_evidence(e.time, name(log), fmt::format("holds "
		    "session {:x}, of which there was no beginning", e.sid));
	Connection &c = *it->second.c;
	summary_.commits++;
	if (e.kind == EventKind::input) {
		// Without a record a session can't be adopted.
		if (c.flow.local_port != port_)
			c.holder = log;
		return c.input.add(it->second.offset(e.in),
		    it->second.offset(e.out));
	}
	c.held_in = std::max(c.held_in, e.in);
	c.holder = log;
	if (e.out <= c.held)
		return;
	c.held = e.out;
	c.held_at = e.time;
}

void
Auditor::begins_to_serve(size_t log, const Event &e)
{
	const Host &h = hosts_[log];

	for (const Host &o : hosts_)
		if (&o != &h && o.serving && o.serving_epoch >=
		    h.serving_epoch)
			findings_.add(Rule::epoch, e.time, h.name, fmt::format(
			    "takes the VIPs in epoch {}, and {} serves in "
			    "epoch {} since {}", h.serving_epoch, o.name,
			    o.serving_epoch, to_text(o.serving_since)));
}

// Whatever the dead host had emitted must be among what goes on here.
void
Auditor::adopt(size_t log, const Event &e, Connection &c, uint64_t out)
{
	summary_.adoptions++;
	for (const auto &[epoch, host] : c.emitters)
		if (host != log && epoch >= e.epoch)
			findings_.add(Rule::epoch, e.time, c.flow.to_string(),
			    fmt::format("adopted by {} in epoch {}, and {} "
			    "had emitted for it in epoch {}", name(log),
			    e.epoch, name(host), epoch));
	if (c.content.end() > out)
		findings_.add(Rule::commit, e.time, c.flow.to_string(),
		    fmt::format("adopted by {} with the bytes up to {}, and {} "
		    "had emitted up to {}", name(log), out, name(c.owner),
		    c.content.end()));
	c.owner = log;
	c.holder = nobody;
	c.gated = c.stranded = false;
	c.named = true;
	c.covered_from.reset();
}

// Its sessions live on only in what the other one holds.
void
Auditor::strand(size_t host)
{
	for (auto &[flow, all] : flows_)
		for (auto &c : all)
			if (c->owner == host) {
				c->stranded = true;
				c->gated = false;
			}
}

// That host holds nothing any more.
void
Auditor::lose(size_t log)
{
	for (auto &[flow, all] : flows_)
		for (auto &c : all)
			if (c->holder == log) {
				c->holder = nobody;
				c->loses_input();
			}
}

void
Auditor::forget(size_t log)
{
	for (auto &[flow, all] : flows_)
		for (auto &c : all) {
			if (c->owner != log || c->named || !c->gated)
				continue;
			c->ended = fmt::format("{} has forgotten it", name(log));
			c->gated = false;
			c->covered_from.reset();
		}
}

void
Auditor::finish()
{
	if (summary_.segments == 0 || summary_.log_lines == 0)
		bad_evidence(0, "nothing was checked", fmt::format("{} segments "
		    "of servers, {} lines of commit logs", summary_.segments,
		    summary_.log_lines));
	for (auto &[flow, all] : flows_)
		for (auto &c : all) {
			uint64_t end = c->content.end();
			// A FIN counts as one.
			uint64_t lack = c->acked > end + 1 ? c->acked - end : 0;
			lack += c->content.missing(std::min(c->acked, end));
			if (c->handshake && lack > 0)
				bad_evidence(0, flow.to_string(), fmt::format(
				    "the client acknowledged {} bytes that "
				    "aren't in the capture", lack));
		}
}

} // namespace jeebs::audit
