// SPDX-License-Identifier: ISC
// Any bytes as a heartbeat, as they came and with key id and tag made right:
// what is accepted has sane fields, and not twice.
// fuzzes: heartbeat.cc
#include <openssl/hmac.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "heartbeat.hh"
#include "target.hh"

using namespace jeebs;

namespace {

constexpr size_t signed_len = heartbeat_len - heartbeat_tag_len;
constexpr size_t key_id_at = 16, key_id_len = 8;

HeartbeatKey
key()
{
	HeartbeatKey k;
	k.fill(7);
	return k;
}

void
check(HeartbeatCodec &c, std::span<const uint8_t> in)
{
	auto h = c.decode(0, in);
	if (!h)
		return;
	if (h->state < RoleState::starting ||
	    h->state > RoleState::taking_over ||
	    (h->flags & ~hb_all_flags) != 0 || h->counter == 0 ||
	    in.size() != heartbeat_len)
		abort();
	if (c.decode(0, in))
		abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	HeartbeatCodec c(0, 1), peer(1, 1);

	c.set_key(key());
	peer.set_key(key());
	check(c, {data, len});
	if (len != heartbeat_len)
		return 0;
	std::vector<uint8_t> p(data, data + len);
	auto sample = peer.encode(Heartbeat{});
	std::copy_n(sample->begin() + key_id_at, key_id_len,
	    p.begin() + key_id_at);
	uint8_t md[EVP_MAX_MD_SIZE];
	unsigned int n = 0;
	HeartbeatKey k = key();
	HMAC(EVP_sha256(), k.data(), static_cast<int>(k.size()), p.data(),
	    signed_len, md, &n);
	std::copy_n(md, heartbeat_tag_len, p.begin() + signed_len);
	check(c, p);
	return 0;
}
