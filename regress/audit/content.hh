// SPDX-License-Identifier: ISC
// What a server emitted at each offset of one connection: kept in full, so that
// whatever is emitted again, in whatever segments and however late, is compared
// byte by byte. Owner: a Connection. Single-threaded.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "packet.hh"

namespace jeebs::audit {

// Where the bytes are; reads only what was written.
class Storage {
public:
	virtual ~Storage() = default;
	virtual void write(uint64_t off, std::span<const uint8_t>) = 0;
	virtual void read(uint64_t off, std::span<uint8_t>) = 0;
};
using StorageFactory = std::function<std::unique_ptr<Storage>()>;

class MemoryStorage : public Storage {
public:
	void write(uint64_t off, std::span<const uint8_t>) override;
	void read(uint64_t off, std::span<uint8_t>) override;

private:
	std::vector<uint8_t> bytes_;
};

class Content {
public:
	explicit Content(std::unique_ptr<Storage> s) : storage_(std::move(s)) {}

	struct Clash {
		uint64_t off = 0;	// of the first byte that differs
		uint8_t was = 0, is = 0;
		Stamp time = 0;		// when and by which host it was first
		size_t host = 0;
	};
	struct Seen {
		uint64_t fresh = 0;	// bytes never emitted before
		uint64_t again = 0;	// bytes compared
		std::optional<Clash> clash;
	};
	Seen emit(uint64_t off, std::span<const uint8_t>, Stamp, size_t host);

	// After the last byte ever emitted.
	uint64_t end() const;
	// How many bytes before `upto` were never emitted.
	uint64_t missing(uint64_t upto) const;

private:
	struct Piece {
		uint64_t end;
		Stamp time;
		size_t host;
	};
	void compare(uint64_t off, std::span<const uint8_t>, const Piece &,
	    Seen &);

	std::unique_ptr<Storage> storage_;
	std::map<uint64_t, Piece> pieces_;	// by start, disjoint
};

} // namespace jeebs::audit
