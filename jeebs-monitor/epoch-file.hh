// SPDX-License-Identifier: ISC
// The fencing epoch on disk: a line of 20 digits, rewritten in place, so that
// neither a full disk nor a crash in the middle can lose it.
// Owner: the daemon. Synchronous (one fdatasync).
#pragma once

#include <cstdint>
#include <string>

#include "result.hh"
#include "unique_fd.hh"

namespace jeebs {

class EpochFile {
public:
	// Opens or makes the file (epoch 0) and reads it.
	[[nodiscard]] static Result<EpochFile> open(const std::string &path);

	uint64_t value() const { return value_; }
	// Durable when it returns well. On an error value() is the new one all
	// the same, and pending() says that the file is behind.
	[[nodiscard]] Result<void> set(uint64_t);
	bool pending() const { return pending_; }
	const std::string &path() const { return path_; }

private:
	std::string path_;
	UniqueFd fd_;
	uint64_t value_ = 0;
	bool pending_ = false;
};

} // namespace jeebs
