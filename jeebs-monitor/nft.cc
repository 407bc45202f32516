// SPDX-License-Identifier: ISC
#include "nft.hh"

#include <algorithm>
#include <cctype>

#include <net/if.h>
#include <nftables/libnftables.h>

namespace jeebs {

Nft::Nft() : context_(nft_ctx_new(NFT_CTX_DEFAULT))
{
	if (context_) {
		nft_ctx_buffer_error(context_.get());
		nft_ctx_buffer_output(context_.get());
	}
}

void
Nft::Deleter::operator()(nft_ctx *context) const
{
	nft_ctx_free(context);
}

Result<void>
Nft::run(const std::string &commands)
{
	if (!context_)
		return fail("cannot start libnftables", ENOMEM);
	errno = 0;
	const int r = nft_run_cmd_from_buffer(context_.get(),
	    commands.c_str());
	const int errnum = errno;
	std::string message = nft_ctx_get_error_buffer(context_.get());
	if (r == 0)
		return {};
	const size_t line = message.find('\n');
	if (line != std::string::npos)
		message.resize(line);
	return fail("nft: " + message, errnum);
}

std::string
nft_identifier(const std::string &name)
{
	std::string id = name;
	std::replace_if(id.begin(), id.end(), [](unsigned char c) {
		return !std::isalnum(c); }, '_');
	return id;
}

bool
is_interface_name(const std::string &name)
{
	return !name.empty() && name.size() < IFNAMSIZ && name != "." &&
	    name != ".." && std::all_of(name.begin(), name.end(),
	    [](unsigned char c) {
		return c > ' ' && c < 0x7f && c != '/' && c != '"' &&
		    c != '\\' && c != ':'; });
}

} // namespace jeebs
