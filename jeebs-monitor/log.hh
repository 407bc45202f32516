// SPDX-License-Identifier: ISC
// One line per event on stderr; the service manager stamps and keeps them.
// Owner: the process (the one global). Call from the event loop's thread only,
// except for the heartbeat thread, which may log too: the sink is locked.
#pragma once

#include <string>
#include <string_view>

#include <spdlog/spdlog.h>

#include "result.hh"

namespace jeebs::log {

// The logger; messages go nowhere but stderr.
spdlog::logger &logger();

// Sets the level by name: debug, info, warning or error. An unknown name is an
// error and changes nothing.
[[nodiscard]] Result<void> set_level(std::string_view name);

// Escapes control characters as \xNN and bytes above 0x7e likewise, so that a
// text that a peer chose can't forge a log line. Cuts after limit characters.
std::string printable(std::string_view text, size_t limit = 200);

template <class... A>
void debug(fmt::format_string<A...> f, A &&...a)
{
	logger().debug(f, std::forward<A>(a)...);
}

template <class... A>
void info(fmt::format_string<A...> f, A &&...a)
{
	logger().info(f, std::forward<A>(a)...);
}

template <class... A>
void warning(fmt::format_string<A...> f, A &&...a)
{
	logger().warn(f, std::forward<A>(a)...);
}

template <class... A>
void error(fmt::format_string<A...> f, A &&...a)
{
	logger().error(f, std::forward<A>(a)...);
}

} // namespace jeebs::log
