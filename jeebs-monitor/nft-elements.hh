// SPDX-License-Identifier: ISC
// NftElements: changes of nftables' sets, without nft(8)'s language: that takes
// a millisecond and more for what the kernel does in some microseconds.
// Synchronous, any one thread. Needs CAP_NET_ADMIN.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "flow.hh"
#include "result.hh"

struct mnl_socket;
struct nlmsghdr;

namespace jeebs {

// Keys of set elements as the kernel has them.
// type ifname
[[nodiscard]] std::vector<uint8_t> nft_key(const std::string &interface);
// type ipv4_addr . inet_service . ipv4_addr . inet_service, or ipv6_addr;
// local end first
[[nodiscard]] std::vector<uint8_t> nft_key(const Flow &);

// One transaction (linux/netfilter/nf_tables.h): changes in the order of the
// calls, all of them or none.
class NftChange {
public:
	using Milliseconds = std::chrono::milliseconds;

	// family: NFPROTO_*.
	NftChange(uint8_t family, std::string table);

	NftChange &flush(const std::string &set);
	// An element that is there stays as it is. Without a timeout: for good.
	NftChange &add(const std::string &set, std::span<const uint8_t> key,
	    std::optional<Milliseconds> timeout = std::nullopt);
	// One that isn't there is an error.
	NftChange &remove(const std::string &set, std::span<const uint8_t> key);

private:
	friend class NftElements;
	nlmsghdr *begin(uint16_t type, uint16_t flags,
	    const std::string &set);
	void element(uint16_t type, uint16_t flags, const std::string &set,
	    std::span<const uint8_t> key, std::optional<Milliseconds> timeout);

	uint8_t family_;
	std::string table_;
	std::vector<uint8_t> messages_;	// whole ones, sequence numbers unset
};

class NftElements {
public:
	// In the network namespace of the caller, for good.
	NftElements();
	~NftElements();
	NftElements(const NftElements &) = delete;
	NftElements &operator=(const NftElements &) = delete;

	// The error has the kernel's errno.
	[[nodiscard]] Result<void> run(const NftChange &);

private:
	struct Closer {
		void operator()(mnl_socket *) const;
	};
	std::unique_ptr<mnl_socket, Closer> socket_;
	uint32_t sequence_ = 0;
};

} // namespace jeebs
