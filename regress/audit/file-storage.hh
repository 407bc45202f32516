// SPDX-License-Identifier: ISC
// A Storage in an unlinked file, so that floods fit. Exits when the disk is full:
// an audit of a part would be none.
#pragma once

#include <string>

#include "content.hh"
#include "unique_fd.hh"

namespace jeebs::audit {

class FileStorage : public Storage {
public:
	// The file is made in dir when there is something to keep.
	explicit FileStorage(std::string dir) : dir_(std::move(dir)) {}
	void write(uint64_t off, std::span<const uint8_t>) override;
	void read(uint64_t off, std::span<uint8_t>) override;

private:
	std::string dir_;
	UniqueFd fd_;
};

} // namespace jeebs::audit
