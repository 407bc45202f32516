// SPDX-License-Identifier: ISC
// Nft: commands in nft(8)'s language, by libnftables; each call is one
// transaction. Synchronous, any one thread. Needs CAP_NET_ADMIN.
#pragma once

#include <memory>
#include <string>

#include "result.hh"

struct nft_ctx;

namespace jeebs {

class Nft {
public:
	Nft();

	/** All of the commands, or none. The error has nft's own message. */
	[[nodiscard]] Result<void> run(const std::string &commands);

private:
	struct Deleter {
		void operator()(nft_ctx *) const;
	};
	std::unique_ptr<nft_ctx, Deleter> context_;
};

/** The name as part of an nft identifier: other bytes become '_'. */
[[nodiscard]] std::string nft_identifier(const std::string &name);

/** True if the name is a legal interface name and safe inside quotes. */
[[nodiscard]] bool is_interface_name(const std::string &name);

} // namespace jeebs
