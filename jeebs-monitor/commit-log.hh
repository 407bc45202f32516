// SPDX-License-Identifier: ISC
// The commit log: for an audit afterwards, what this host held, allowed and
// forbade, and when (regress/audit/README.md has the lines). Off unless
// [audit] commit-log names a file. What allows something is written before
// that is done, what forbids it afterwards; each line is with the kernel when
// the call returns.
// Owner: the process, like log.hh's logger; event loop's thread only.
#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>

#include "flow.hh"
#include "result.hh"

namespace jeebs::commit_log {

// Appends to path from here on, mode 0600. Needs no privileges afterwards.
[[nodiscard]] Result<void> open(const std::string &path);
void close();
bool on();

// "NANOSECONDS WORD ..." of one event, kept until flush().
void add(std::string_view event);
// Writes what was added, in one write(2). A log that can't be written is given
// up, with an error in the other one: no session waits for an audit.
void flush();

template <class... A>
void line(fmt::format_string<A...> f, A &&...a)
{
	if (!on())
		return;
	add(fmt::format(f, std::forward<A>(a)...));
	flush();
}

// "flow=10.0.0.1:22/10.0.0.9:5000 base=…": local end first; base is the
// sequence number of the server's offset 0. Empty while the log is off.
std::string name_of(const Flow &);
std::string name_of(const Flow &, uint32_t snd_base);

} // namespace jeebs::commit_log
