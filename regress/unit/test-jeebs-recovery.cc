// SPDX-License-Identifier: ISC
// Recovery keys, their signatures, and the keys derived with them.
#include "sealed.hh"

#include <sys/wait.h>

#include <cstdio>
#include <unistd.h>

using namespace sealed;

namespace {

const u_char test_key[JEEBS_KEY_LEN] = { 1, 2, 3, 4 };

int verify(const Blob &b, sshkey *k, uint64_t now = 1000)
{
	Pub pub;
	int r = jeebs_recovery_verify(b.data(), b.size(), is_own, k, now, &pub);
	if (r != 0)
		BOOST_TEST((pub.pk == nullptr && pub.host == nullptr));
	return r;
}

// How often is the complement of needle in this process's writable memory?
// Complemented, so that the needle doesn't find itself.
int copies(const uint8_t *needle, size_t len)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	int found = 0;

	while (maps != nullptr && fgets(line, sizeof(line), maps) != nullptr) {
		unsigned long from, to;
		char mode[5];
		if (sscanf(line, "%lx-%lx %4s", &from, &to, mode) != 3 ||
		    mode[0] != 'r' || mode[1] != 'w' ||
		    to - from > (256UL << 20))
			continue;
		const auto *p = reinterpret_cast<const uint8_t *>(from);
		for (size_t i = 0; i + len <= to - from; i++) {
			size_t n = 0;
			while (n < len && p[i + n] == uint8_t(~needle[n]))
				n++;
			found += n == len;
		}
	}
	if (maps != nullptr)
		fclose(maps);
	return found;
}

// sshsig logs each of the thousands of signatures that are meant to fail.
struct QuietOpenSsh {
	QuietOpenSsh()
	{
		log_init("run-unit", SYSLOG_LEVEL_QUIET, SYSLOG_FACILITY_USER, 1);
	}
};
BOOST_TEST_GLOBAL_FIXTURE(QuietOpenSsh);

} // namespace

BOOST_AUTO_TEST_SUITE(jeebs_recovery_)

BOOST_AUTO_TEST_CASE(recovery_key_round_trip)
{
	KeyPtr k = make_key(KEY_ED25519);
	RecoveryPtr r = make_recovery();
	Blob b = recovery_blob(r, k.get());
	Pub pub;
	SSH_OK(jeebs_recovery_verify(b.data(), b.size(), is_own, k.get(), 1999,
	    &pub));
	BOOST_TEST(memcmp(pub.id, jeebs_recovery_id(r.get()),
	    JEEBS_ID_LEN) == 0);
	BOOST_TEST(sshbuf_len(pub.pk) == size_t{JEEBS_KEM_PK_LEN});
	BOOST_TEST(std::string(pub.host) == "beta");
	BOOST_TEST(std::string(pub.fork_version) == JEEBS_FORK_VERSION);
	BOOST_TEST(pub.not_after == 2000U);
	BOOST_TEST(b.size() < size_t{JEEBS_MAX_RECOVERY});
}

BOOST_AUTO_TEST_CASE(recovery_key_signed_by_each_kind_of_host_key)
{
	RecoveryPtr r = make_recovery();
	for (int type : { KEY_ED25519, KEY_ECDSA, KEY_RSA }) {
		sshkey *p = nullptr;
		SSH_OK(sshkey_generate(type, type == KEY_RSA ? 2048 :
		    type == KEY_ECDSA ? 521 : 0, &p));
		KeyPtr k(p);
		SSH_OK(verify(recovery_blob(r, k.get()), k.get()));
	}
}

BOOST_AUTO_TEST_CASE(recovery_key_signed_through_an_agent)
{
	// the agent has the private key, we only the public one
	static sshkey *secret;
	KeyPtr k = make_key(KEY_ED25519);
	secret = k.get();
	auto signer = [](sshkey *, u_char **sig, size_t *len,
	    const u_char *data, size_t dlen, const char *alg, const char *,
	    const char *, u_int, void *) -> int {
		return sshkey_sign(secret, sig, len, data, dlen, alg, nullptr,
		    nullptr, 0);
	};
	sshkey *p = nullptr;
	SSH_OK(sshkey_from_private(k.get(), &p));
	KeyPtr pub(p);
	RecoveryPtr r = make_recovery();
	BufPtr b = buf();
	SSH_OK(jeebs_recovery_blob(r.get(), "beta", 2000, pub.get(), signer,
	    nullptr, b.get()));
	SSH_OK(verify(blob(b.get()), pub.get()));
}

// MON signs for PA what is as long as an exchange hash, or a proof of its own
// that begins with a length: what is signed here is neither.
BOOST_AUTO_TEST_CASE(what_is_signed_is_nothing_that_pa_can_have_signed)
{
	static sshkey *secret;
	static Blob tosign;
	KeyPtr k = make_key(KEY_ED25519);
	secret = k.get();
	auto signer = [](sshkey *, u_char **sig, size_t *len,
	    const u_char *data, size_t dlen, const char *alg, const char *,
	    const char *, u_int, void *) -> int {
		tosign.assign(data, data + dlen);
		return sshkey_sign(secret, sig, len, data, dlen, alg, nullptr,
		    nullptr, 0);
	};
	RecoveryPtr r = make_recovery();
	auto pub = make_pub(r);
	auto root = sample_root();
	BufPtr b = buf();
	u_char key[JEEBS_KEY_LEN];
	for (bool recovery : { true, false }) {
		if (recovery)
			SSH_OK(jeebs_recovery_blob(r.get(), "beta", 2000,
			    k.get(), signer, nullptr, b.get()));
		else
			SSH_OK(jeebs_root_seal(root.get(), pub.get(), k.get(),
			    signer, nullptr, b.get(), key));
		BOOST_TEST(tosign.size() > size_t{64});
		BOOST_TEST(std::string(tosign.begin(), tosign.begin() + 6) ==
		    "SSHSIG");
	}
}

BOOST_AUTO_TEST_CASE(recovery_key_expires)
{
	KeyPtr k = make_key(KEY_ED25519);
	Blob b = recovery_blob(make_recovery(), k.get());
	SSH_OK(verify(b, k.get(), 1999));
	SSH_IS(verify(b, k.get(), 2000), SSH_ERR_KEY_REVOKED);

	// made now by a host whose clock is an hour slow, or fast
	const uint64_t now = 1800000000;
	for (int64_t skew : { -3600, 3600 })
		SSH_OK(verify(recovery_blob(make_recovery(), k.get(),
		    now + skew + JEEBS_RECOVERY_LIFETIME), k.get(), now));
}

BOOST_AUTO_TEST_CASE(recovery_key_of_another_host_is_refused)
{
	KeyPtr k = make_key(KEY_ED25519), other = make_key(KEY_ED25519);
	SSH_IS(verify(recovery_blob(make_recovery(), other.get()), k.get()),
	    SSH_ERR_KEY_NOT_FOUND);
}

BOOST_AUTO_TEST_CASE(recovery_key_is_strict)
{
	KeyPtr k = make_key(KEY_ECDSA);
	Blob b = recovery_blob(make_recovery(), k.get());
	SSH_OK(verify(b, k.get()));
	for (size_t n = 0; n < b.size(); n++)
		BOOST_REQUIRE_NE(verify(cut(b, n), k.get()), 0);
	SSH_IS(verify(longer(b), k.get()), SSH_ERR_UNEXPECTED_TRAILING_DATA);
	for (size_t bit = 0; bit < b.size() * 8; bit++)
		BOOST_REQUIRE_MESSAGE(verify(flipped(b, bit), k.get()) != 0,
		    "bit " << bit << " flipped, accepted");
	SSH_IS(verify(Blob(JEEBS_MAX_RECOVERY + 1), k.get()),
	    SSH_ERR_INVALID_FORMAT);
}

BOOST_AUTO_TEST_CASE(recovery_key_needs_a_decent_host_name)
{
	KeyPtr k = make_key(KEY_ED25519);
	RecoveryPtr r = make_recovery();
	for (const std::string &name : { std::string(), std::string("a\nb"),
	    std::string(JEEBS_MAX_NAME + 1, 'x') }) {
		BufPtr b = buf();
		SSH_IS(jeebs_recovery_blob(r.get(), name.c_str(), 2000,
		    k.get(), nullptr, nullptr, b.get()),
		    SSH_ERR_INVALID_FORMAT);
	}
}

BOOST_AUTO_TEST_CASE(signature_for_another_purpose_is_refused)
{
	KeyPtr k = make_key(KEY_ED25519);
	BufPtr msg = buf("message"), sig = buf();
	SSH_OK(jeebs_sign(msg.get(), "one@jeebs", k.get(), nullptr, nullptr,
	    sig.get()));
	Blob s = blob(sig.get());
	auto check = [&](const Blob &b, const char *ns) {
		return jeebs_verify(b.data(), b.size(),
		    sshbuf_ptr(msg.get()), sshbuf_len(msg.get()), ns, is_own,
		    k.get());
	};
	SSH_OK(check(s, "one@jeebs"));
	SSH_IS(check(s, "two@jeebs"), SSH_ERR_INVALID_FORMAT);

	// sshsig itself takes a version of 0 and SHA-256
	Blob old = s;
	old[9] = 0;
	SSH_IS(check(old, "one@jeebs"), SSH_ERR_INVALID_FORMAT);
	sshbuf *p = nullptr;
	SSH_OK(sshsig_signb(k.get(), "sha256", nullptr, nullptr, msg.get(),
	    "one@jeebs", &p, nullptr, nullptr));
	BufPtr weak(p);
	SSH_IS(check(blob(weak.get()), "one@jeebs"), SSH_ERR_INVALID_FORMAT);
}

// sshbuf_get_cstring() overlooks a NUL at a string's end, and so sshsig does.
BOOST_AUTO_TEST_CASE(signature_has_one_encoding)
{
	KeyPtr k = make_key(KEY_ED25519);
	BufPtr msg = buf("message"), sig = buf();
	SSH_OK(jeebs_sign(msg.get(), "one@jeebs", k.get(), nullptr, nullptr,
	    sig.get()));
	const Blob s = blob(sig.get());
	for (const std::string text : {"one@jeebs", "sha512"}) {
		auto at = std::search(s.begin(), s.end(), text.begin(),
		    text.end());
		BOOST_REQUIRE((at != s.end()));
		const auto n = at - s.begin();
		Blob longer = s;
		longer[n - 1]++;
		longer.insert(longer.begin() + n +
		    static_cast<ptrdiff_t>(text.size()), 0);
		SSH_IS(jeebs_verify(longer.data(), longer.size(),
		    sshbuf_ptr(msg.get()), sshbuf_len(msg.get()), "one@jeebs",
		    is_own, k.get()), SSH_ERR_INVALID_FORMAT);
	}
}

BOOST_AUTO_TEST_CASE(kem_round_trip)
{
	RecoveryPtr r = make_recovery(), other = make_recovery();
	auto pub = make_pub(r);
	BufPtr ct = buf();
	u_char sent[JEEBS_KEY_LEN], got[JEEBS_KEY_LEN], zero[JEEBS_KEY_LEN] = {};
	auto info = reinterpret_cast<const u_char *>("info");

	SSH_OK(jeebs_encap(pub.get(), info, 4, ct.get(), sent));
	BOOST_TEST(sshbuf_len(ct.get()) == size_t{JEEBS_KEM_CT_LEN});
	SSH_OK(jeebs_decap(r.get(), ct.get(), info, 4, got));
	BOOST_TEST(memcmp(sent, got, sizeof(got)) == 0);
	BOOST_TEST(memcmp(sent, zero, sizeof(got)) != 0);

	// other info, other key, other ciphertext: other key, no error
	SSH_OK(jeebs_decap(r.get(), ct.get(), info, 3, got));
	BOOST_TEST(memcmp(sent, got, sizeof(got)) != 0);
	SSH_OK(jeebs_decap(other.get(), ct.get(), info, 4, got));
	BOOST_TEST(memcmp(sent, got, sizeof(got)) != 0);
	for (size_t at : { size_t{0}, size_t{1087}, size_t{1088} }) {
		BufPtr bad = buf(flipped(blob(ct.get()), at * 8));
		SSH_OK(jeebs_decap(r.get(), bad.get(), info, 4, got));
		BOOST_TEST(memcmp(sent, got, sizeof(got)) != 0);
	}
	for (size_t len : { size_t{0}, size_t{JEEBS_KEM_CT_LEN - 1} }) {
		BufPtr bad = buf(cut(blob(ct.get()), len));
		SSH_IS(jeebs_decap(r.get(), bad.get(), info, 4, got),
		    SSH_ERR_INVALID_FORMAT);
		BOOST_TEST(memcmp(got, zero, sizeof(got)) == 0);
	}

	// no two encapsulations share a key
	u_char again[JEEBS_KEY_LEN];
	BufPtr ct2 = buf();
	SSH_OK(jeebs_encap(pub.get(), info, 4, ct2.get(), again));
	BOOST_TEST(memcmp(sent, again, sizeof(again)) != 0);
}

BOOST_AUTO_TEST_CASE(subkeys_differ)
{
	u_char root[JEEBS_KEY_LEN], session[JEEBS_KEY_LEN];
	SSH_OK(jeebs_derive(test_key, JEEBS_LABEL_ROOT, root));
	SSH_OK(jeebs_derive(test_key, JEEBS_LABEL_SESSION, session));
	BOOST_TEST(memcmp(root, session, sizeof(root)) != 0);
	BOOST_TEST(memcmp(root, test_key, sizeof(root)) != 0);
}

// HKDF-SHA256 without salt over key 01 02 03 04 00…, info "jeebs v1root",
// computed with another implementation (Python's hmac).
BOOST_AUTO_TEST_CASE(derivation_is_hkdf)
{
	const u_char want[JEEBS_KEY_LEN] = {
		0xe6, 0x6d, 0x04, 0xdc, 0xa2, 0x49, 0xe2, 0xfd,
		0x83, 0xdd, 0x40, 0x9f, 0xf7, 0x1d, 0xe5, 0xaa,
		0xf9, 0xa1, 0xa5, 0x85, 0xdf, 0xcc, 0xce, 0x9c,
		0x66, 0x8e, 0xb3, 0x1f, 0xa3, 0xa2, 0xab, 0x24,
	};
	u_char root[JEEBS_KEY_LEN];
	SSH_OK(jeebs_derive(test_key, JEEBS_LABEL_ROOT, root));
	BOOST_TEST(memcmp(root, want, sizeof(want)) == 0);
}

// Not disabled(), which --run_test=SUITE overrides.
static boost::test_tools::assertion_result
may_scan(boost::unit_test::test_unit_id)
{
	boost::test_tools::assertion_result yes(true);
#if defined(__SANITIZE_ADDRESS__)
	yes = false;
	yes.message() << "fake stacks and quarantined memory keep copies of "
	    "everything";
#endif
	return yes;
}

BOOST_AUTO_TEST_CASE(recovery_secret_lives_in_one_place,
    *boost::unit_test::precondition(may_scan))
{
	jeebs_recovery *p;
	int made = jeebs_recovery_new(&p);

	// 16 bytes from the middle of each half; both complemented
	static uint8_t x25519[16], mlkem[16];
	for (size_t i = 0; made == 0 && i < 16; i++) {
		const auto *in = reinterpret_cast<RecoveryInside *>(p);
		x25519[i] = ~in->secret->kex.c25519_client_key[8 + i];
		mlkem[i] = ~in->secret->kex.mlkem768_client_key[512 + i];
	}
	// before anything else overwrites dead stack frames
	int found = copies(x25519, 16), found_mlkem = copies(mlkem, 16);
	SSH_OK(made);
	RecoveryPtr r(p);
	BOOST_TEST(found == 1);
	BOOST_TEST(found_mlkem == 1);

	auto pub = make_pub(r);
	BufPtr ct = buf();
	u_char key[JEEBS_KEY_LEN], got[JEEBS_KEY_LEN];
	SSH_OK(jeebs_encap(pub.get(), nullptr, 0, ct.get(), key));
	int opened = jeebs_decap(r.get(), ct.get(), nullptr, 0, got);
	found = copies(x25519, 16);
	found_mlkem = copies(mlkem, 16);
	SSH_OK(opened);
	BOOST_TEST(found == 1);
	BOOST_TEST(found_mlkem == 1);
	BOOST_TEST(memcmp(key, got, sizeof(key)) == 0);

	pid_t pid = fork();
	BOOST_REQUIRE(pid != -1);
	if (pid == 0) {
		u_char out[JEEBS_KEY_LEN];
		int bad = 0;
		if (jeebs_decap(r.get(), ct.get(), nullptr, 0, out) !=
		    SSH_ERR_KEY_NOT_FOUND)
			bad |= 1;
		if (copies(x25519, 16) != 0)
			bad |= 2;
		if (copies(mlkem, 16) != 0)
			bad |= 4;
		_exit(bad);
	}
	int status;
	BOOST_REQUIRE(waitpid(pid, &status, 0) == pid);
	BOOST_TEST(WIFEXITED(status));
	BOOST_TEST(WEXITSTATUS(status) == 0);

	u_char again[JEEBS_KEY_LEN];
	SSH_OK(jeebs_decap(r.get(), ct.get(), nullptr, 0, again));
	BOOST_TEST(memcmp(key, again, sizeof(key)) == 0);
	r.reset();
	BOOST_TEST(copies(x25519, 16) == 0);
	BOOST_TEST(copies(mlkem, 16) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
