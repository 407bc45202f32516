// SPDX-License-Identifier: ISC
// Error values for everything that can fail at run time.
// Owner: whoever calls. No state, any thread.
#pragma once

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace jeebs {

/** What failed, as one line for the log; errnum is an errno value or 0. */
struct Error {
	std::string what;
	int errnum = 0;
};

template <class T> using Result = tl::expected<T, Error>;

/** An error to return from a function that returns any Result. */
[[nodiscard]] inline tl::unexpected<Error>
fail(std::string what, int errnum = 0)
{
	return tl::unexpected<Error>(Error{std::move(what), errnum});
}

/** "WHAT: strerror(errnum)"; errnum defaults to the caller's errno. */
[[nodiscard]] inline tl::unexpected<Error>
fail_errno(const std::string &what, int errnum = errno)
{
	return fail(what + ": " + std::strerror(errnum), errnum);
}

} // namespace jeebs
