// SPDX-License-Identifier: ISC
// The end of each session's way: it goes on here, or is reset.
#include "adoptions.hh"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "commit-log.hh"
#include "log.hh"
#include "tcp-progress.hh"

namespace jeebs {

namespace {

std::string
name_of(const StoredSession &s)
{
	return commit_log::name_of(s.flow, s.tcp.snd_base);
}

// Its client may believe delivered what isn't here.
bool
watched(const StoredSession &s)
{
	return !s.ended && !s.covered();
}

} // namespace

void
Adoptions::go_all()
{
	auto batch = std::exchange(ready_, {});
	std::vector<Flow> flows, unsafe;
	Time start = BootClock::now();

	for (const RunPtr &r : batch) {
		far_.release(r->far);
		go(*r);
	}
	p_.net.tap_drain();
	p_.net.drain_hold();
	for (const RunPtr &r : batch) {
		if (r->lives)
			give(*r);
		auto all = far_.flows(r->s.flow);
		all.push_back(r->s.flow);
		for (const Flow &f : all)
			(feeder_.unsafe(f) ? unsafe : flows).push_back(f);
	}
	p_.net.release(flows);
	p_.net.pass_but_resets(unsafe);
	report_->span("go", start, BootClock::now());
	for (const RunPtr &r : batch) {
		if (!r->lives) {
			end_asking(*r);
			done_with(r);
			continue;
		}
		report_->adopted++;
		log::info("session of {} from {} {}, {} bytes sent again",
		    log::printable(r->s.user), r->s.flow.remote_name(),
		    r->s.ended ? "had ended" : "adopted", r->plan.unacked);
		far_.end_others(r->s.flow, r->far);
		if (watched(r->s))
			watcher_.add(r->s.flow, r->s.user, std::move(r->tcp),
			    {r->plan.acked, r->s.out_end, r->s.in_off});
		done_with(r);
	}
	maybe_finish();
}

void
Adoptions::go(Run &r)
{
	commit_log::line("adopt {} epoch={} from={} out={}", name_of(r.s),
	    report_->epoch, r.plan.acked, r.s.out_end);
	if (auto ok = p_.restorer.release(r.tcp.get(), r.s.flow); !ok)
		return lose(r, ok.error().what);
	if (auto ok = r.job->go(); !ok)
		lose(r, "GO: " + ok.error().what);
}

// Its sshd is gone, or can't be given what it needs: nobody else would end it.
void
Adoptions::lose(Run &r, const std::string &why)
{
	log::error("session from {} reset: {}", r.s.flow.remote_name(), why);
	report_->failed.push_back({r.s.user, r.s.flow.remote_name(), why});
	commit_log::line("reset {} why={}", name_of(r.s), log::printable(why));
	r.lives = false;
	p_.net.unprotect(r.s.flow);
	if (auto ok = abort_connection(r.tcp.get()); !ok)
		log::warning("session from {}: reset: {}",
		    r.s.flow.remote_name(), ok.error().what);
	far_.abort(r.far);
}

// A peer that is past a reset's number takes no notice of it, nor of none at all
// (RFC 5961 section 3.2). It answers a question, and the kernel, which knows no such
// connection, answers that with a reset. Once its flow is released.
void
Adoptions::end_asking(const Run &r)
{
	far_.end_others(r.s.flow, {});
	ask(r);
}

void
Adoptions::give(Run &r)
{
	take_held(r);
	// It makes a client that is silent say where it stands, and this host's
	// connection tracking know the connection before what it is fed.
	ask(r);
	feed(r);
	if (!r.lives)
		return;
	if (behind(r))
		lost_acks_.add(LostAcks::Peer::client, r.s.tcp,
		    watched(r.s) ? r.tcp.copy() : std::move(r.tcp),
		    {r.plan.acked, r.s.out_end, r.plan.in_off});
	far_.go(r.far);
}

void
Adoptions::feed(Run &r)
{
	auto all = packets(r);
	auto plan = plan_input(r.s.flow, r.s.tcp.rcv_base, r.s.in_off, all,
	    r.s.held_packets, client_acks(r.s));
	std::deque<InputPiece> pieces;

	for (const auto &p : plan.order)
		pieces.push_back({p.begin, p.end, Buffer(all[p.index])});
	r.held.clear();
	if (pieces.empty())
		return;
	log::debug("session from {}: {} packets to inject, bytes {} to {}",
	    r.s.flow.remote_name(), pieces.size(), r.s.in_off, plan.known_to);
	// A copy only where it is needed: descriptors may be short.
	SharedFd tcp;
	if (watched(r.s) || behind(r))
		tcp = r.tcp.copy();
	if (!tcp && !watched(r.s))
		tcp = std::move(r.tcp);
	if (!tcp)
		return lose(r, std::string("its input is lost: ") +
		    strerror(errno));
	feeder_.add(r.s.flow, std::move(tcp), r.s.in_off,
	    seq_of_offset(r.s.tcp.snd_base, r.plan.acked),
	    InputFeed(std::move(pieces)),
	    p_.ack_probe.ask_later(r.s.tcp, r.plan.acked, r.plan.in_off,
	    r.plan.ts_val));
}

// What can't be saved ends at once.
void
Adoptions::reset(const RunPtr &r, const std::string &reason)
{
	log::error("session of {} from {} can't be adopted, reset: {}",
	    log::printable(r->s.user), r->s.flow.remote_name(), reason);
	report_->failed.push_back({r->s.user, r->s.flow.remote_name(),
	    reason});
	commit_log::line("reset {} why={}", name_of(r->s),
	    log::printable(reason));
	r->job.reset();
	far_.drop(r->far);
	Result<void> ok;
	if (!r->tcp) {
		r->plan.acked = std::max(r->plan.acked, r->s.acked_off);
		r->plan.in_off = r->s.in_off;
		ok = restore(*r);
	}
	// Its sshd may have come as far as to register here.
	p_.net.unprotect(r->s.flow);
	if (ok)
		ok = p_.restorer.release(r->tcp.get(), r->s.flow);
	if (ok)
		ok = abort_connection(r->tcp.get());
	if (!ok)
		log::warning("session from {}: reset: {}",
		    r->s.flow.remote_name(), ok.error().what);
	p_.net.release({&r->s.flow, 1});
	p_.net.release(far_.flows(r->s.flow));
	end_asking(*r);
	done_with(r);
	maybe_finish();
}

void
Adoptions::done_with(const RunPtr &r)
{
	r->over = true;
	r->tcp.reset();
	r->job.reset();
	left_--;
	hooks_.let_go(r->s.flow);
	for (const Flow &f : far_.flows(r->s.flow))
		hooks_.let_go(f);
}

void
Adoptions::maybe_finish()
{
	if (!running_ || left_ > 0)
		return;
	running_ = false;
	ports_.clear();
	hooks_.finished();
}

} // namespace jeebs
