// SPDX-License-Identifier: ISC
// What the tests of jeebs-wire, -seal, -root and -msg share: owners for
// OpenSSH's structs, host keys, a sample session.
// Owner: the tests. Single-threaded.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

extern "C" {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wattributes"
#include "includes.h"

#include "digest.h"
#include "kex.h"
#include "log.h"
#include "ssherr.h"
#include "sshbuf.h"
#include "sshkey.h"

#include "jeebs-aead.h"
#include "jeebs-chain.h"
#include "jeebs-msg.h"
#include "jeebs-ring.h"
#include "jeebs-root.h"
#pragma GCC diagnostic pop
}

namespace sealed {

using Blob = std::vector<uint8_t>;

struct Free {
	void operator()(sshbuf *p) const { sshbuf_free(p); }
	void operator()(sshkey *p) const { sshkey_free(p); }
	void operator()(jeebs_recovery *p) const { jeebs_recovery_free(p); }
	void operator()(jeebs_chain *p) const { jeebs_chain_free(p); }
	void operator()(jeebs_root *p) const { jeebs_root_free(p); }
};
using BufPtr = std::unique_ptr<sshbuf, Free>;
using KeyPtr = std::unique_ptr<sshkey, Free>;
using RecoveryPtr = std::unique_ptr<jeebs_recovery, Free>;
using ChainPtr = std::unique_ptr<jeebs_chain, Free>;
using RootPtr = std::unique_ptr<jeebs_root, Free>;

// Fails the test, naming the error, unless an SSH_ERR_* code is as expected.
#define SSH_IS(expr, code) do {						\
	int is_ = (expr), want_ = (code);				\
	BOOST_REQUIRE_MESSAGE(is_ == want_, #expr ": "			\
	    << ssh_err(is_) << " instead of " << ssh_err(want_));	\
} while (0)
#define SSH_OK(expr) SSH_IS(expr, 0)

inline BufPtr buf(std::string_view s = {})
{
	BufPtr b(sshbuf_new());
	BOOST_REQUIRE(b != nullptr && sshbuf_put(b.get(), s.data(), s.size()) == 0);
	return b;
}

inline BufPtr buf(const Blob &v)
{
	return buf(std::string_view(reinterpret_cast<const char *>(v.data()),
	    v.size()));
}

inline Blob blob(const sshbuf *b)
{
	return Blob(sshbuf_ptr(b), sshbuf_ptr(b) + sshbuf_len(b));
}

inline std::string text(const sshbuf *b)
{
	return std::string(reinterpret_cast<const char *>(sshbuf_ptr(b)),
	    sshbuf_len(b));
}

// One record from end to end; rec is empty after an error.
inline int seal_whole(jeebs_chain *chain, jeebs_envelope &e,
    std::string_view stream, std::string_view state, Blob &rec)
{
	BufPtr s = buf(state), head = buf(), tail = buf();
	int r = jeebs_chain_seal(chain, &e,
	    reinterpret_cast<const u_char *>(stream.data()), stream.size(),
	    s.get(), head.get(), tail.get());
	rec = blob(head.get());
	if (r == 0)
		rec.insert(rec.end(), stream.begin(), stream.end());
	Blob end = blob(tail.get());
	rec.insert(rec.end(), end.begin(), end.end());
	return r;
}

inline KeyPtr make_key(int type)
{
	sshkey *k = nullptr;
	SSH_OK(sshkey_generate(type, type == KEY_ECDSA ? 256 : 0, &k));
	return KeyPtr(k);
}

// jeebs_own_hostkey: ctx is the one host key of this sshd.
inline int is_own(const sshkey *k, void *ctx)
{
	return sshkey_equal_public(k, static_cast<const sshkey *>(ctx));
}

inline RecoveryPtr make_recovery()
{
	jeebs_recovery *r = nullptr;
	SSH_OK(jeebs_recovery_new(&r));
	return RecoveryPtr(r);
}

// The inside of struct jeebs_recovery, for what only a test may do: look at
// the secret half, and load one that a golden file holds.
struct RecoverySecret {
	int live;
	struct kex kex;
};
struct RecoveryInside {
	RecoverySecret *secret;
	sshbuf *pk;
	u_char id[JEEBS_ID_LEN];
};

inline RecoveryInside &inside(const RecoveryPtr &r)
{
	return *reinterpret_cast<RecoveryInside *>(r.get());
}

// Private and public half, as golden files keep them.
inline Blob recovery_secret(const RecoveryPtr &r)
{
	const struct kex &k = inside(r).secret->kex;
	Blob b(k.mlkem768_client_key,
	    k.mlkem768_client_key + sizeof(k.mlkem768_client_key));
	b.insert(b.end(), k.c25519_client_key,
	    k.c25519_client_key + sizeof(k.c25519_client_key));
	Blob pk = blob(inside(r).pk);
	b.insert(b.end(), pk.begin(), pk.end());
	return b;
}

inline RecoveryPtr load_recovery(const Blob &b)
{
	RecoveryPtr r = make_recovery();
	RecoveryInside &in = inside(r);
	struct kex &k = in.secret->kex;
	u_char digest[SSH_DIGEST_MAX_LENGTH];
	const uint8_t *p = b.data();

	BOOST_REQUIRE_EQUAL(b.size(), sizeof(k.mlkem768_client_key) +
	    sizeof(k.c25519_client_key) + JEEBS_KEM_PK_LEN);
	memcpy(k.mlkem768_client_key, p, sizeof(k.mlkem768_client_key));
	p += sizeof(k.mlkem768_client_key);
	memcpy(k.c25519_client_key, p, sizeof(k.c25519_client_key));
	p += sizeof(k.c25519_client_key);
	sshbuf_reset(in.pk);
	SSH_OK(sshbuf_put(in.pk, p, JEEBS_KEM_PK_LEN));
	SSH_OK(ssh_digest_buffer(SSH_DIGEST_SHA256, in.pk, digest,
	    sizeof(digest)));
	memcpy(in.id, digest, JEEBS_ID_LEN);
	return r;
}

// The public half as a primary gets it.
struct Pub : jeebs_recovery_pub {
	Pub() : jeebs_recovery_pub{} {}
	Pub(const Pub &) = delete;
	Pub &operator=(const Pub &) = delete;
	~Pub() { jeebs_recovery_pub_clear(this); }
};

inline Blob recovery_blob(const RecoveryPtr &r, sshkey *hostkey,
    uint64_t not_after = 2000)
{
	BufPtr b = buf();
	SSH_OK(jeebs_recovery_blob(r.get(), "beta", not_after, hostkey,
	    nullptr, nullptr, b.get()));
	return blob(b.get());
}

inline std::unique_ptr<Pub> make_pub(const RecoveryPtr &r)
{
	KeyPtr k = make_key(KEY_ED25519);
	Blob b = recovery_blob(r, k.get());
	auto pub = std::make_unique<Pub>();
	SSH_OK(jeebs_recovery_verify(b.data(), b.size(), is_own, k.get(), 1000,
	    pub.get()));
	return pub;
}

// The golden files hold these two samples: never change them.
inline jeebs_tcp_state sample_tcp()
{
	jeebs_tcp_state t{};
	t.family = AF_INET;
	t.local_port = 22;
	t.remote_port = 40022;
	t.mss = 1448;
	const uint8_t local[] = { 10, 77, 0, 100 }, remote[] = { 10, 77, 0, 1 };
	memcpy(t.local, local, sizeof(local));
	memcpy(t.remote, remote, sizeof(remote));
	t.snd_base = 0x11223344;
	t.rcv_base = 0xfffffff0;
	t.options = JEEBS_TCP_OPT_WSCALE | JEEBS_TCP_OPT_SACK | JEEBS_TCP_OPT_TS;
	t.snd_wscale = 7;
	t.rcv_wscale = 9;
	t.ts_val = 123456;
	t.snd_wnd = 64240;
	t.max_window = 65535;
	t.rcv_wnd = 65160;
	return t;
}

inline RootPtr sample_root()
{
	RootPtr r(jeebs_root_new());
	BOOST_REQUIRE(r != nullptr);
	for (unsigned i = 0; i < JEEBS_ID_LEN; i++)
		r->record_id[i] = 0xa0 + i;
	r->epoch = 7;
	r->not_after = 1900000000;
	r->host = strdup("alpha");
	SSH_OK(sshbuf_put(r->session_id,
	    "0123456789abcdef0123456789abcdef", 32));
	r->tcp = sample_tcp();
	r->user = strdup("alice");
	r->role = strdup("staff_r");
	r->session_info = strdup("publickey ssh-ed25519 AAAA\n");
	r->uid = 1000;
	r->gid = 1001;
	SSH_OK(sshbuf_put(r->auth_opts, "\1\0opaque", 8));
	r->client_version = strdup("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7");
	r->server_version = strdup("SSH-2.0-OpenSSH_10.0p1 Debian-7+deb13u4");
	r->compat = 0x04000000;
	memset(r->policy, 0x5c, sizeof(r->policy));
	r->fork_version = strdup(JEEBS_FORK_VERSION);
	r->force_pwchange = 1;
	return r;
}

// What a root record holds, opened.
inline Blob root_body(const RecoveryPtr &recovery, const Blob &rec)
{
	const size_t ct_at = JEEBS_ENVELOPE_LEN + 4 + JEEBS_ID_LEN + 4;
	const size_t sealed_at = ct_at + JEEBS_KEM_CT_LEN;
	jeebs_envelope env;
	u_char k[JEEBS_KEY_LEN], root_key[JEEBS_KEY_LEN];
	BufPtr head = buf(rec), plain = buf();
	BufPtr ct = buf(Blob(rec.begin() + ct_at, rec.begin() + sealed_at));

	SSH_OK(jeebs_envelope_get(head.get(), &env));
	SSH_OK(jeebs_decap(recovery.get(), ct.get(), rec.data(),
	    JEEBS_ENVELOPE_LEN, k));
	SSH_OK(jeebs_derive(k, JEEBS_LABEL_ROOT, root_key));
	SSH_OK(jeebs_open_once(root_key, rec.data(), sealed_at,
	    rec.data() + sealed_at, env.sealed_len + JEEBS_TAG_LEN,
	    plain.get()));
	return blob(plain.get());
}

inline Blob flipped(Blob b, size_t bit)
{
	b[bit / 8] ^= 1U << (bit % 8);
	return b;
}

inline Blob cut(const Blob &b, size_t len)
{
	return Blob(b.begin(), b.begin() + len);
}

inline Blob longer(Blob b)
{
	b.push_back(0);
	return b;
}

} // namespace sealed
