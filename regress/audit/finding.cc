// SPDX-License-Identifier: ISC
#include "finding.hh"

#include <algorithm>

#include <fmt/format.h>

#include "host.hh"

namespace jeebs::audit {

const char *
to_string(Rule r)
{
	switch (r) {
	case Rule::content:
		return "content";
	case Rule::commit:
		return "commit";
	case Rule::input:
		return "input";
	case Rule::owner:
		return "owner";
	case Rule::lease:
		return "lease";
	case Rule::epoch:
		return "epoch";
	case Rule::ending:
		return "ending";
	case Rule::claim:
		return "claim";
	case Rule::evidence:
		return "evidence";
	}
	return "?";
}

std::string
Finding::line() const
{
	auto s = fmt::format("{} {}: {}: {}", to_text(time), to_string(rule),
	    subject, text);
	if (repeated > 0)
		s += fmt::format(" (and {} more)", repeated);
	return s;
}

std::string
Summary::text() const
{
	return fmt::format(
	    "{} frames, {} of them as a VIP, {} TCP segments of servers\n"
	    "{} connections, {} of them protected at some time, {} adoptions\n"
	    "{} bytes of contents, {} of them emitted again and compared\n"
	    "{} segments held against {} commits\n"
	    "{} acknowledgments held against the input of {} connections\n"
	    "{} FIN and RST, {} segments of hosts that no longer serve, "
	    "{} claims\n"
	    "{} lines of commit logs, {} torn by a crash\n",
	    frames, from_vip, segments, connections, protected_connections,
	    adoptions, bytes, bytes_again, checked_against_commits, commits,
	    acknowledgments, covered, endings, stale, claims, log_lines, torn_lines);
}

void
Findings::add(Rule rule, Stamp time, std::string subject, std::string text)
{
	auto it = std::find_if(all_.begin(), all_.end(),
	    [&](const Finding &f) {
		return f.rule == rule && f.subject == subject;
	});
	if (it != all_.end())
		it->repeated++;
	else
		all_.push_back({rule, time, std::move(subject),
		    std::move(text)});
}

bool
Findings::has(Rule r) const
{
	return std::any_of(all_.begin(), all_.end(),
	    [r](const Finding &f) { return f.rule == r; });
}

} // namespace jeebs::audit
