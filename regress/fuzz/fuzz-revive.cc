// SPDX-License-Identifier: ISC
// Any bytes as the objects of a record that are read in the user's process: a
// channel, the counters, a key exchange under way, the part of a group exchange,
// the connection of a forward. Each is taken or refused; none ends the process.
// fuzzes: jeebs-packet.inc jeebs-channels.inc jeebs-kex.inc jeebs-kexgexs.inc
// fuzzes: jeebs-target.c
// with: main.c
#include "no-leak-check.hh"
#include "sealed-input.hh"

namespace {

void put_keys(sshbuf *m)
{
	const uint8_t zero[64] = {};
	sshbuf *b = sshbuf_new();
	must(b != nullptr &&
	    sshbuf_put_cstring(b, "aes128-ctr") == 0 &&
	    sshbuf_put_u32(b, 1) == 0 && sshbuf_put_u32(b, 16) == 0 &&
	    sshbuf_put_string(b, zero, 16) == 0 &&
	    sshbuf_put_string(b, zero, 16) == 0 &&
	    sshbuf_put_cstring(b, "hmac-sha2-256") == 0 &&
	    sshbuf_put_u32(b, 1) == 0 && sshbuf_put_string(b, zero, 32) == 0 &&
	    sshbuf_put_u32(b, 0) == 0 && sshbuf_put_cstring(b, "none") == 0 &&
	    sshbuf_put_stringb(m, b) == 0);
	sshbuf_free(b);
}

// A session as it is after jeebs_adopt_keystate().
ssh *session()
{
	ssh *s = ssh_packet_set_connection(nullptr, -1, -1);
	sshbuf *m = sshbuf_new();
	must(s != nullptr && m != nullptr);
	ssh_packet_set_server(s);
	channel_init_channels(s);
	must(sshbuf_put_u32(m, 32) == 0 &&
	    sshbuf_put_cstring(m, "ssh-ed25519") == 0);
	for (int i = 0; i < 4; i++)
		must(sshbuf_put_u32(m, 0) == 0);
	for (int i = 0; i < 5; i++)
		must(sshbuf_put_cstring(m, "x") == 0);
	must(sshbuf_put_u32(m, 0) == 0);
	put_keys(m);
	put_keys(m);
	must(sshbuf_put_u64(m, 0) == 0 && sshbuf_put_u32(m, 0) == 0);
	for (int i = 0; i < 2; i++)
		must(sshbuf_put_u32(m, 0) == 0 && sshbuf_put_u64(m, 0) == 0 &&
		    sshbuf_put_u32(m, 0) == 0 && sshbuf_put_u64(m, 0) == 0);
	must(sshbuf_put_cstring(m, "") == 0 && sshbuf_put_cstring(m, "") == 0);
	for (int i = 0; i < 3; i++)
		must(sshbuf_put_u32(m, 0) == 0);
	must(ssh_packet_set_state(s, m) == 0);
	sshbuf_free(m);
	return s;
}

// What was taken is what would be said of it.
void group_exchange(ssh *s, sshbuf *in)
{
	sshbuf *before = sshbuf_fromb(in), *after = sshbuf_new();
	must(before != nullptr && after != nullptr);
	s->kex->kex_type = KEX_DH_GEX_SHA256;
	if (jeebs_kexgex_import(s, in) == 0) {
		must(jeebs_kexgex_export(s, after) == 0);
		must(sshbuf_len(after) + sshbuf_len(in) == sshbuf_len(before));
		must(memcmp(sshbuf_ptr(before), sshbuf_ptr(after),
		    sshbuf_len(after)) == 0);
	}
	sshbuf_free(before);
	sshbuf_free(after);
}

// What was taken is offered to jeebsd, as is; and what the target is said to have
// acknowledged lies in what there is for it.
void forward(ssh *s, uint8_t channel, sshbuf *in)
{
	constexpr uint64_t some = 64;
	const uint8_t zero[some] = {};
	sshbuf *body = sshbuf_fromb(in), *data = sshbuf_from(zero, some);
	sshbuf *record = sshbuf_new(), *ready = sshbuf_new();
	jeebs_state *out = jeebs_state_new(), *state = jeebs_state_new();
	uint64_t id, from;
	must(body != nullptr && data != nullptr && record != nullptr &&
	    ready != nullptr && out != nullptr && state != nullptr);
	jeebs_state_begin(out, record, 1);
	must(jeebs_state_put(out, JEEBS_TAG_FORWARD, channel, in) == 0 &&
	    jeebs_state_put(out, JEEBS_TAG_FORWARD_EARLY, channel, data) == 0 &&
	    jeebs_state_grow(out, JEEBS_TAG_FORWARD_DATA, channel, data, 0,
	    some) == 0 && jeebs_state_end(out) == 0 &&
	    jeebs_state_apply(state, record, 1) == 0);
	if (jeebs_target_list(s, state, ready) == 0) {
		uint32_t n, number;
		must(sshbuf_get_u32(ready, &n) == 0 && n == 1 &&
		    sshbuf_get_u32(ready, &number) == 0 && number == channel);
		must(sshbuf_get_u64(body, &id) == 0 &&
		    sshbuf_get_u64(body, &from) == 0 &&
		    sshbuf_get_u64(ready, &id) == 0 && id != 0);
		must(jeebs_target_take(channel, from - 1, -1) != 0);
		must(jeebs_target_take(channel, from + some + 1, -1) != 0);
		must(jeebs_target_take(channel, from + some, -1) == 0);
	}
	jeebs_target_forget();
	for (sshbuf *b : {body, data, record, ready})
		sshbuf_free(b);
	jeebs_state_free(out);
	jeebs_state_free(state);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	quiet();
	if (len < 2)
		return 0;
	ssh *s = session();
	sshbuf *in = sshbuf_from(data + 2, len - 2);
	must(in != nullptr);
	switch (data[0] % 5) {
	case 0:
		if (jeebs_channel_import(s, data[1], in) == 0)
			must(sshbuf_len(in) == 0);
		(void)jeebs_channel_revived(s, data[1]);
		break;
	case 1:
		if (jeebs_packet_set_counters(s, in) == 0)
			must(sshbuf_len(in) == 0);
		break;
	case 2:
		(void)jeebs_packet_set_kex(s, in);
		break;
	case 3:
		group_exchange(s, in);
		break;
	case 4:
		forward(s, data[1], in);
		break;
	}
	sshbuf_free(in);
	channel_free_all(s);
	ssh_packet_close(s);
	free(s);
	return 0;
}
