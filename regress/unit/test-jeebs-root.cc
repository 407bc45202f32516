// SPDX-License-Identifier: ISC
#include "sealed.hh"

using namespace sealed;

namespace {

// A standby's recovery key and a primary's host key, and roots between them.
struct Hosts {
	KeyPtr hostkey = make_key(KEY_ECDSA);
	RecoveryPtr recovery = make_recovery();
	std::unique_ptr<Pub> pub = make_pub(recovery);

	int try_seal(const RootPtr &root, Blob &rec, Blob &key)
	{
		BufPtr out = buf("before");
		key.assign(JEEBS_KEY_LEN, 0xee);
		int r = jeebs_root_seal(root.get(), pub.get(), hostkey.get(),
		    nullptr, nullptr, out.get(), key.data());
		BOOST_TEST(text(out.get()).substr(0, 6) == "before");
		SSH_OK(sshbuf_consume(out.get(), 6));
		rec = blob(out.get());
		return r;
	}

	Blob seal(const RootPtr &root = sample_root())
	{
		Blob rec, key;
		SSH_OK(try_seal(root, rec, key));
		return rec;
	}

	int verify(const Blob &rec)
	{
		jeebs_envelope env;
		u_char id[JEEBS_ID_LEN];
		return jeebs_root_verify(rec.data(), rec.size(), is_own,
		    hostkey.get(), &env, id);
	}

	int open(const Blob &rec, RootPtr &root, Blob &key)
	{
		jeebs_root *p;
		key.assign(JEEBS_KEY_LEN, 0xee);
		int r = jeebs_root_open(rec.data(), rec.size(), recovery.get(),
		    &p, key.data());
		root.reset(p);
		return r;
	}

	int open(const Blob &rec)
	{
		RootPtr root;
		Blob key;
		int r = open(rec, root, key);
		if (r != 0) {
			BOOST_TEST(root == nullptr);
			BOOST_TEST((key == Blob(JEEBS_KEY_LEN, 0)));
		}
		return r;
	}

	// A record with any body, sealed and signed as it should be: what a
	// primary with a bug, or of another version, could send.
	Blob forge(const Blob &body)
	{
		jeebs_envelope env{};
		BufPtr rec = buf(), plain = buf(body), ct = buf();
		BufPtr sealed = buf(), sig = buf();
		u_char k[JEEBS_KEY_LEN], root_key[JEEBS_KEY_LEN];
		env.version = JEEBS_WIRE_VERSION;
		env.compat = JEEBS_WIRE_COMPAT;
		env.type = JEEBS_REC_ROOT;
		env.sealed_len = body.size();
		SSH_OK(jeebs_envelope_put(rec.get(), &env));
		SSH_OK(jeebs_encap(pub.get(), sshbuf_ptr(rec.get()),
		    sshbuf_len(rec.get()), ct.get(), k));
		SSH_OK(jeebs_derive(k, JEEBS_LABEL_ROOT, root_key));
		SSH_OK(sshbuf_put_string(rec.get(), pub->id, JEEBS_ID_LEN));
		SSH_OK(sshbuf_put_stringb(rec.get(), ct.get()));
		SSH_OK(jeebs_seal_once(root_key, sshbuf_ptr(rec.get()),
		    sshbuf_len(rec.get()), plain.get(), sealed.get()));
		SSH_OK(sshbuf_putb(rec.get(), sealed.get()));
		SSH_OK(jeebs_sign(rec.get(), "session-root@jeebs",
		    hostkey.get(), nullptr, nullptr, sig.get()));
		SSH_OK(sshbuf_put_stringb(rec.get(), sig.get()));
		return blob(rec.get());
	}
};

void set(char *&field, const std::string &value)
{
	free(field);
	field = strdup(value.c_str());
}

std::string str(const char *s) { return s == nullptr ? "(null)" : s; }

} // namespace

BOOST_AUTO_TEST_SUITE(jeebs_root_record)

BOOST_AUTO_TEST_CASE(round_trip)
{
	Hosts h;
	RootPtr in = sample_root(), out;
	Blob rec, sent, got;
	jeebs_envelope env;
	u_char id[JEEBS_ID_LEN];

	SSH_OK(h.try_seal(in, rec, sent));
	SSH_OK(jeebs_root_verify(rec.data(), rec.size(), is_own,
	    h.hostkey.get(), &env, id));
	BOOST_TEST(env.type == JEEBS_REC_ROOT);
	BOOST_TEST(env.epoch == 7U);
	BOOST_TEST(memcmp(env.record_id, in->record_id, JEEBS_ID_LEN) == 0);
	BOOST_TEST(memcmp(id, h.pub->id, JEEBS_ID_LEN) == 0);
	SSH_OK(jeebs_root_peek(rec.data(), rec.size(), &env, id));
	BOOST_TEST(env.epoch == 7U);
	BOOST_TEST(memcmp(id, h.pub->id, JEEBS_ID_LEN) == 0);

	SSH_OK(h.open(rec, out, got));
	BOOST_TEST((sent == got));
	BOOST_TEST(memcmp(out->record_id, in->record_id, JEEBS_ID_LEN) == 0);
	BOOST_TEST(out->epoch == in->epoch);
	BOOST_TEST(out->not_after == in->not_after);
	BOOST_TEST(str(out->host) == str(in->host));
	BOOST_TEST(text(out->session_id) == text(in->session_id));
	BOOST_TEST(memcmp(&out->tcp, &in->tcp, sizeof(in->tcp)) == 0);
	BOOST_TEST(str(out->user) == str(in->user));
	BOOST_TEST(out->style == nullptr);
	BOOST_TEST(str(out->role) == str(in->role));
	BOOST_TEST(str(out->session_info) == str(in->session_info));
	BOOST_TEST(out->uid == in->uid);
	BOOST_TEST(out->gid == in->gid);
	BOOST_TEST(text(out->auth_opts) == text(in->auth_opts));
	BOOST_TEST(str(out->client_version) == str(in->client_version));
	BOOST_TEST(str(out->server_version) == str(in->server_version));
	BOOST_TEST(out->compat == in->compat);
	BOOST_TEST(memcmp(out->policy, in->policy, JEEBS_POLICY_LEN) == 0);
	BOOST_TEST(str(out->fork_version) == str(in->fork_version));
	BOOST_TEST(out->force_pwchange == 1);
}

BOOST_AUTO_TEST_CASE(every_record_has_a_key_of_its_own)
{
	Hosts h;
	RootPtr root = sample_root();
	Blob a, b, key_a, key_b;
	SSH_OK(h.try_seal(root, a, key_a));
	SSH_OK(h.try_seal(root, b, key_b));
	BOOST_TEST((key_a != key_b));
	BOOST_TEST((a != b));
}

BOOST_AUTO_TEST_CASE(session_key_goes_on_in_a_chain)
{
	Hosts h;
	RootPtr root = sample_root(), back;
	Blob rec, sent, got;
	SSH_OK(h.try_seal(root, rec, sent));
	ChainPtr out(jeebs_chain_new(sent.data(), root->record_id,
	    root->epoch));
	jeebs_envelope env{};
	BufPtr state = buf("state"), b = buf();
	env.type = JEEBS_REC_CHECKPOINT;
	SSH_OK(jeebs_chain_seal(out.get(), &env, nullptr, 0, state.get(),
	    b.get(), b.get()));

	SSH_OK(h.open(rec, back, got));
	ChainPtr in(jeebs_chain_new(got.data(), back->record_id, back->epoch));
	const u_char *stream;
	SSH_OK(jeebs_chain_open(in.get(), sshbuf_ptr(b.get()),
	    sshbuf_len(b.get()), &env, &stream, state.get()));
	BOOST_TEST(text(state.get()) == "state");
}

BOOST_AUTO_TEST_CASE(any_flipped_bit_is_refused)
{
	Hosts h;
	Blob rec = h.seal();
	SSH_OK(h.verify(rec));
	SSH_OK(h.open(rec));
	for (size_t bit = 0; bit < rec.size() * 8; bit++)
		BOOST_REQUIRE_MESSAGE(h.verify(flipped(rec, bit)) != 0,
		    "bit " << bit << " flipped, accepted");
	// without the signature too, up to where it begins
	jeebs_envelope env;
	u_char id[JEEBS_ID_LEN];
	SSH_OK(jeebs_root_peek(rec.data(), rec.size(), &env, id));
	const size_t signedlen = JEEBS_ENVELOPE_LEN + 4 + JEEBS_ID_LEN + 4 +
	    JEEBS_KEM_CT_LEN + env.sealed_len + JEEBS_TAG_LEN;
	BOOST_REQUIRE_LT(signedlen, rec.size());
	// (one bit of each byte: every try is a KEM)
	for (size_t at = 0; at < signedlen; at++)
		BOOST_REQUIRE_MESSAGE(h.open(flipped(rec, at * 8 + at % 8)) != 0,
		    "byte " << at << " changed, opened");
}

BOOST_AUTO_TEST_CASE(any_cut_is_refused)
{
	Hosts h;
	Blob rec = h.seal();
	for (size_t n = 0; n < rec.size(); n++) {
		BOOST_REQUIRE_NE(h.verify(cut(rec, n)), 0);
		BOOST_REQUIRE_NE(h.open(cut(rec, n)), 0);
	}
	SSH_IS(h.verify(longer(rec)), SSH_ERR_UNEXPECTED_TRAILING_DATA);
	SSH_IS(h.open(longer(rec)), SSH_ERR_UNEXPECTED_TRAILING_DATA);
	SSH_IS(h.verify(Blob(JEEBS_MAX_ROOT + 1)), SSH_ERR_INVALID_FORMAT);
}

BOOST_AUTO_TEST_CASE(wrong_keys_are_refused)
{
	Hosts h, other;
	Blob rec = h.seal();
	SSH_IS(other.verify(rec), SSH_ERR_KEY_NOT_FOUND);
	SSH_IS(other.open(rec), SSH_ERR_KEY_NOT_FOUND);
	// another recovery key that claims the same id
	memcpy(inside(other.recovery).id, h.pub->id, JEEBS_ID_LEN);
	SSH_IS(other.open(rec), SSH_ERR_MAC_INVALID);
}

BOOST_AUTO_TEST_CASE(recovery_key_is_no_root_record_and_back)
{
	Hosts h;
	Blob rec = h.seal(), key = recovery_blob(h.recovery, h.hostkey.get());
	Pub pub;
	SSH_IS(h.verify(key), SSH_ERR_INVALID_FORMAT);
	BOOST_TEST(jeebs_recovery_verify(rec.data(), rec.size(), is_own,
	    h.hostkey.get(), 1000, &pub) != 0);
}

BOOST_AUTO_TEST_CASE(a_chained_record_is_no_root)
{
	Hosts h;
	const u_char key[JEEBS_KEY_LEN] = {}, id[JEEBS_ID_LEN] = {};
	ChainPtr c(jeebs_chain_new(key, id, 1));
	jeebs_envelope env{};
	BufPtr state = buf("x"), b = buf();
	env.type = JEEBS_REC_CHECKPOINT;
	SSH_OK(jeebs_chain_seal(c.get(), &env, nullptr, 0, state.get(),
	    b.get(), b.get()));
	SSH_IS(h.verify(blob(b.get())), SSH_ERR_INVALID_FORMAT);

	const u_char *stream;
	Blob rec = h.seal();
	SSH_IS(jeebs_chain_open(ChainPtr(jeebs_chain_new(key, id, 1)).get(),
	    rec.data(), rec.size(), &env, &stream, state.get()),
	    SSH_ERR_INVALID_FORMAT);
}

BOOST_AUTO_TEST_CASE(fields_out_of_bounds_are_not_sealed)
{
	using R = RootPtr;
	const auto longer_than = [](size_t n) { return std::string(n + 1, 'x'); };
	const std::vector<std::function<void(R &)>> spoil = {
		[](R &r) { set(r->host, ""); },
		[](R &r) { free(r->host); r->host = nullptr; },
		[&](R &r) { set(r->host, longer_than(JEEBS_MAX_NAME)); },
		[](R &r) { set(r->user, ""); },
		[](R &r) { free(r->user); r->user = nullptr; },
		[&](R &r) { set(r->user, longer_than(JEEBS_MAX_NAME)); },
		[&](R &r) { set(r->style, longer_than(JEEBS_MAX_NAME)); },
		[&](R &r) { set(r->role, longer_than(JEEBS_MAX_NAME)); },
		[&](R &r) { set(r->session_info,
		    longer_than(JEEBS_MAX_SESSION_INFO)); },
		[](R &r) { set(r->client_version, ""); },
		[&](R &r) { set(r->client_version,
		    longer_than(JEEBS_MAX_BANNER)); },
		[](R &r) { set(r->server_version, ""); },
		[](R &r) { set(r->fork_version, ""); },
		[&](R &r) { set(r->fork_version,
		    longer_than(JEEBS_MAX_NAME)); },
		[](R &r) { r->not_after = 0; },
		[](R &r) { r->force_pwchange = 2; },
		[](R &r) { r->tcp.local_port = 0; },
		[](R &r) { sshbuf_reset(r->session_id); },
		[](R &r) { SSH_OK(sshbuf_consume(r->session_id, 13)); },
		[](R &r) { SSH_OK(sshbuf_put(r->session_id, Blob(33).data(),
		    33)); },
		[](R &r) { sshbuf_reset(r->auth_opts); },
		[](R &r) { SSH_OK(sshbuf_put(r->auth_opts,
		    Blob(JEEBS_MAX_AUTH_OPTS).data(), JEEBS_MAX_AUTH_OPTS)); },
	};
	Hosts h;
	for (size_t i = 0; i < spoil.size(); i++) {
		RootPtr r = sample_root();
		Blob rec, key;
		spoil[i](r);
		BOOST_TEST_CONTEXT("case " << i) {
			SSH_IS(h.try_seal(r, rec, key), SSH_ERR_INVALID_FORMAT);
			BOOST_TEST(rec.empty());
			BOOST_TEST((key == Blob(JEEBS_KEY_LEN, 0)));
		}
	}
}

BOOST_AUTO_TEST_CASE(the_largest_root_fits)
{
	Hosts h;
	RootPtr r = sample_root(), out;
	Blob rec, sent, got;
	for (char **s : { &r->host, &r->user, &r->style, &r->role })
		set(*s, std::string(JEEBS_MAX_NAME, 'x'));
	set(r->session_info, std::string(JEEBS_MAX_SESSION_INFO, 'x'));
	set(r->client_version, std::string(JEEBS_MAX_BANNER, 'x'));
	set(r->server_version, std::string(JEEBS_MAX_BANNER, 'x'));
	sshbuf_reset(r->auth_opts);
	SSH_OK(sshbuf_put(r->auth_opts, Blob(JEEBS_MAX_AUTH_OPTS).data(),
	    JEEBS_MAX_AUTH_OPTS));
	SSH_OK(h.try_seal(r, rec, sent));
	SSH_OK(h.open(rec, out, got));
	BOOST_TEST(str(out->style) == str(r->style));
	// with room for the message around it
	BOOST_TEST(rec.size() + 1024 < size_t{JEEBS_MAX_MSG});
}

// The signature is good, the body isn't: still refused, field by field.
BOOST_AUTO_TEST_CASE(a_signed_body_is_parsed_strictly)
{
	Hosts h;
	const Blob good = root_body(h.recovery, h.seal());
	SSH_OK(h.open(h.forge(good)));
	SSH_OK(h.verify(h.forge(good)));
	for (size_t n = 0; n < good.size(); n += 7)
		BOOST_REQUIRE_NE(h.open(h.forge(cut(good, n))), 0);
	SSH_IS(h.open(h.forge(longer(good))),
	    SSH_ERR_UNEXPECTED_TRAILING_DATA);

	Blob bad = good;
	bad.back() = 2;			// force_pwchange
	SSH_IS(h.open(h.forge(bad)), SSH_ERR_INVALID_FORMAT);
	bad = good;
	bad[4] = '\0';			// in host
	SSH_IS(h.open(h.forge(bad)), SSH_ERR_INVALID_FORMAT);
	const size_t tcp_at = 4 + 5 + 8 + 4 + 32 + 4;
	BOOST_REQUIRE(good[tcp_at] == 1 && good[tcp_at + 1] == 4);
	bad = good;
	bad[tcp_at + 1] = 9;		// address family
	SSH_IS(h.open(h.forge(bad)), SSH_ERR_INVALID_FORMAT);
	bad = good;			// a tcp state with a byte behind it
	bad[tcp_at - 1]++;
	bad.insert(bad.begin() + tcp_at + JEEBS_TCP_LEN, 0);
	SSH_IS(h.open(h.forge(bad)), SSH_ERR_UNEXPECTED_TRAILING_DATA);
}

BOOST_AUTO_TEST_SUITE_END()
