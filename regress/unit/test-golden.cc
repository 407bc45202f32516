// SPDX-License-Identifier: ISC
// Files in regress/golden/vN were written by the first release of record
// format N and load for ever. golden/write makes those of a new format:
//	build/unit/run-unit --run_test=golden/write
// It writes only files that aren't there. See regress/golden/README.
#include "sealed.hh"

#include <filesystem>
#include <fstream>
#include <iterator>

using namespace sealed;

namespace {

const std::string dir = "regress/golden/v" +
    std::to_string(JEEBS_WIRE_VERSION) + "/";
const std::string corpus = "regress/fuzz/corpus/";
constexpr uint64_t key_not_after = 1900000000;

struct Expected {
	jeebs_record_type type;
	uint64_t in_off, out_off, acked_off;
	std::string stream, state;
};
const std::vector<Expected> chain = {
	{ JEEBS_REC_CHECKPOINT, 3000, 4000, 3900, "", "state of a checkpoint" },
	{ JEEBS_REC_PROGRESS, 3052, 4000, 3990, "first output", "changes" },
	{ JEEBS_REC_PROGRESS, 3104, 4012, 4000, "", "" },
	{ JEEBS_REC_CHECKPOINT, 3104, 4012, 4012, "more",
	    "state of the next checkpoint" },
	{ JEEBS_REC_PROGRESS, 3104, 4016, 4012, std::string(300, 'z'), "c" },
	{ JEEBS_REC_END, 3200, 4316, 4016, "last", "" },
};

Blob read_file(const std::string &path)
{
	std::ifstream f(path, std::ios::binary);
	BOOST_REQUIRE_MESSAGE(f, path << ": cannot open; run the tests from "
	    "the top of the source tree");
	return Blob(std::istreambuf_iterator<char>(f), {});
}

void write_file(const std::string &path, const Blob &b)
{
	namespace fs = std::filesystem;
	fs::create_directories(fs::path(path).parent_path());
	if (fs::exists(path)) {
		BOOST_TEST_MESSAGE(path << " exists, left as it is");
		return;
	}
	std::ofstream f(path, std::ios::binary);
	f.write(reinterpret_cast<const char *>(b.data()), b.size());
	f.close();
	BOOST_REQUIRE_MESSAGE(f, path << ": cannot write");
}

KeyPtr read_key(const std::string &path)
{
	Blob b = read_file(path);
	sshkey *k = nullptr;
	SSH_OK(sshkey_from_blob(b.data(), b.size(), &k));
	return KeyPtr(k);
}

Blob strings(const std::vector<Blob> &list)
{
	BufPtr b = buf();
	for (const Blob &s : list)
		SSH_OK(sshbuf_put_string(b.get(), s.data(), s.size()));
	return blob(b.get());
}

std::string str(const char *s) { return s == nullptr ? "(null)" : s; }

} // namespace

BOOST_AUTO_TEST_SUITE(golden)

BOOST_AUTO_TEST_CASE(recovery_key_loads)
{
	KeyPtr hostkey = read_key("regress/golden/v1/hostkey");
	Blob b = read_file("regress/golden/v1/recovery-key");
	Pub pub;
	SSH_OK(jeebs_recovery_verify(b.data(), b.size(), is_own,
	    hostkey.get(), key_not_after - 1, &pub));
	BOOST_TEST(str(pub.host) == "beta");
	BOOST_TEST(str(pub.fork_version) == "10.0p1-jeebs1");
	BOOST_TEST(pub.not_after == key_not_after);
	RecoveryPtr r = load_recovery(
	    read_file("regress/golden/v1/recovery-secret"));
	BOOST_TEST(memcmp(pub.id, jeebs_recovery_id(r.get()),
	    JEEBS_ID_LEN) == 0);
}

BOOST_AUTO_TEST_CASE(tcp_state_loads)
{
	BufPtr b = buf(read_file("regress/golden/v1/tcp"));
	jeebs_tcp_state got, want = sample_tcp();
	SSH_OK(jeebs_tcp_get(b.get(), &got));
	BOOST_TEST(sshbuf_len(b.get()) == 0U);
	BOOST_TEST(memcmp(&got, &want, sizeof(got)) == 0);
}

BOOST_AUTO_TEST_CASE(session_loads)
{
	KeyPtr hostkey = read_key("regress/golden/v1/hostkey");
	RecoveryPtr recovery = load_recovery(
	    read_file("regress/golden/v1/recovery-secret"));
	BufPtr b = buf(read_file("regress/golden/v1/session"));
	const u_char *rec;
	size_t len;
	jeebs_envelope env;
	u_char id[JEEBS_ID_LEN], key[JEEBS_KEY_LEN];
	jeebs_root *p;

	SSH_OK(sshbuf_get_string_direct(b.get(), &rec, &len));
	SSH_OK(jeebs_root_verify(rec, len, is_own, hostkey.get(), &env, id));
	SSH_OK(jeebs_root_open(rec, len, recovery.get(), &p, key));
	RootPtr root(p), want = sample_root();
	BOOST_TEST(memcmp(root->record_id, want->record_id,
	    JEEBS_ID_LEN) == 0);
	BOOST_TEST(root->epoch == want->epoch);
	BOOST_TEST(root->not_after == want->not_after);
	BOOST_TEST(str(root->host) == str(want->host));
	BOOST_TEST(text(root->session_id) == text(want->session_id));
	BOOST_TEST(memcmp(&root->tcp, &want->tcp, sizeof(want->tcp)) == 0);
	BOOST_TEST(str(root->user) == str(want->user));
	BOOST_TEST(root->style == nullptr);
	BOOST_TEST(str(root->role) == str(want->role));
	BOOST_TEST(str(root->session_info) == str(want->session_info));
	BOOST_TEST(root->uid == want->uid);
	BOOST_TEST(root->gid == want->gid);
	BOOST_TEST(text(root->auth_opts) == text(want->auth_opts));
	BOOST_TEST(str(root->client_version) == str(want->client_version));
	BOOST_TEST(str(root->server_version) == str(want->server_version));
	BOOST_TEST(root->compat == want->compat);
	BOOST_TEST(memcmp(root->policy, want->policy, JEEBS_POLICY_LEN) == 0);
	BOOST_TEST(str(root->fork_version) == "10.0p1-jeebs1");
	BOOST_TEST(root->force_pwchange == want->force_pwchange);

	ChainPtr c(jeebs_chain_new(key, root->record_id, root->epoch));
	BufPtr state = buf();
	uint64_t seq = 0;
	for (const Expected &e : chain) {
		const u_char *stream;
		SSH_OK(sshbuf_get_string_direct(b.get(), &rec, &len));
		SSH_OK(jeebs_chain_open(c.get(), rec, len, &env, &stream,
		    state.get()));
		BOOST_TEST(env.version == 1);
		BOOST_TEST(env.type == e.type);
		BOOST_TEST(env.seq == ++seq);
		BOOST_TEST(env.in_off == e.in_off);
		BOOST_TEST(env.out_off == e.out_off);
		BOOST_TEST(env.acked_off == e.acked_off);
		BOOST_TEST((std::string(reinterpret_cast<const char *>(stream),
		    env.stream_len) == e.stream));
		BOOST_TEST(text(state.get()) == e.state);
	}
	BOOST_TEST(sshbuf_len(b.get()) == 0U);
}

BOOST_AUTO_TEST_CASE(write, *boost::unit_test::disabled())
{
	KeyPtr hostkey = make_key(KEY_ED25519);
	RecoveryPtr recovery = make_recovery();
	Blob key = recovery_blob(recovery, hostkey.get(), key_not_after);
	Pub pub;
	SSH_OK(jeebs_recovery_verify(key.data(), key.size(), is_own,
	    hostkey.get(), 1000, &pub));

	RootPtr root = sample_root();
	BufPtr b = buf(), pubkey = buf(), tcp = buf();
	u_char session_key[JEEBS_KEY_LEN];
	SSH_OK(jeebs_root_seal(root.get(), &pub, hostkey.get(), nullptr,
	    nullptr, b.get(), session_key));
	std::vector<Blob> records = { blob(b.get()) };
	ChainPtr c(jeebs_chain_new(session_key, root->record_id, root->epoch));
	for (const Expected &e : chain) {
		jeebs_envelope env{};
		env.type = e.type;
		env.in_off = e.in_off;
		env.out_off = e.out_off;
		env.acked_off = e.acked_off;
		Blob rec;
		SSH_OK(seal_whole(c.get(), env, e.stream, e.state, rec));
		records.push_back(rec);
	}
	SSH_OK(sshkey_putb(hostkey.get(), pubkey.get()));
	const jeebs_tcp_state t = sample_tcp();
	SSH_OK(jeebs_tcp_put(tcp.get(), &t));

	write_file(dir + "hostkey", blob(pubkey.get()));
	write_file(dir + "recovery-secret", recovery_secret(recovery));
	write_file(dir + "recovery-key", key);
	write_file(dir + "session", strings(records));
	write_file(dir + "tcp", blob(tcp.get()));

	const std::string v = "v" + std::to_string(JEEBS_WIRE_VERSION);
	write_file(corpus + "recovery-key/" + v, key);
	write_file(corpus + "root/" + v, records[0]);
	write_file(corpus + "root/" + v + "-body",
	    root_body(recovery, records[0]));
	write_file(corpus + "tcp/" + v, blob(tcp.get()));
	for (size_t i = 1; i < records.size(); i++)
		write_file(corpus + "envelope/" + v + "-" + std::to_string(i),
		    records[i]);
}

BOOST_AUTO_TEST_SUITE_END()
