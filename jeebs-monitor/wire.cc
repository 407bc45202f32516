// SPDX-License-Identifier: ISC
#include "wire.hh"

#include <fmt/format.h>

#include "sshbuf.hh"

namespace jeebs {

Result<jeebs_envelope> get_record_envelope(Bytes rec)
{
	SshbufPtr b(sshbuf_from(rec.data(), rec.size()));
	jeebs_envelope env{};
	int r = b == nullptr ? SSH_ERR_ALLOC_FAIL :
	    jeebs_envelope_get(b.get(), &env);
	if (r != 0)
		return fail(fmt::format("record's envelope: {}", ssh_err(r)));
	if (env.type == JEEBS_REC_ROOT) {
		if (rec.size() > JEEBS_MAX_ROOT)
			return fail("root record too long");
	} else if (sshbuf_len(b.get()) !=
	    size_t{env.stream_len} + env.sealed_len + JEEBS_TAG_LEN) {
		return fail("record's length isn't what its envelope says");
	}
	return env;
}

Result<jeebs_tcp_state> get_tcp_state(Bytes in)
{
	SshbufPtr b(sshbuf_from(in.data(), in.size()));
	jeebs_tcp_state st{};
	int r = b == nullptr ? SSH_ERR_ALLOC_FAIL : jeebs_tcp_get(b.get(), &st);
	if (r != 0)
		return fail(fmt::format("TCP state: {}", ssh_err(r)));
	if (sshbuf_len(b.get()) != 0)
		return fail("TCP state: trailing bytes");
	return st;
}

Result<void> put_tcp_state(Buffer &out, const jeebs_tcp_state &st)
{
	SshbufPtr b(sshbuf_new());
	int r = b == nullptr ? SSH_ERR_ALLOC_FAIL : jeebs_tcp_put(b.get(), &st);
	if (r != 0)
		return fail(fmt::format("TCP state: {}", ssh_err(r)));
	out.append({sshbuf_ptr(b.get()), sshbuf_len(b.get())});
	return {};
}

std::string hex_id(const uint8_t id[JEEBS_ID_LEN])
{
	std::string s;
	for (size_t i = 0; i < JEEBS_ID_LEN; i++)
		s += fmt::format("{:02x}", id[i]);
	return s;
}

} // namespace jeebs
