// SPDX-License-Identifier: ISC
// A recorded run of one session, cut at its bytes: each cut is adopted exactly
// or refused (README).
//   cut [-e STEP] RUN
// -e STEP: away from the edges of records only each STEPth byte.
#include <sys/mman.h>

#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "recovery.hh"
#include "replica.hh"
#include "sealed-input.hh"
#include "sshd/parts.h"
#include "store.hh"
#include "tapinput.hh"

extern "C" {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wattributes"
#include "digest.h"
#pragma GCC diagnostic pop
}

using namespace jeebs;

namespace {

constexpr uint64_t sid = 1, epoch = 7;
constexpr size_t digest_len = 32;
constexpr size_t near = 2;	// bytes beside an edge

using Blob = std::vector<uint8_t>;

struct Recorded {
	jeebs_envelope env{};
	Blob stream, objects, digest;
};

// What must come of a cut: the number of whole records, 0 to be refused.
struct Tally {
	size_t cuts = 0, adopted = 0, refused = 0, wrong = 0;
};

[[noreturn]] void die(const std::string &what)
{
	fmt::print(stderr, "cut: {}\n", what);
	exit(2);
}

Blob string_of(sshbuf *b)
{
	const u_char *p;
	size_t n;
	if (sshbuf_get_string_direct(b, &p, &n) != 0)
		die("the run is cut itself");
	return Blob(p, p + n);
}

std::vector<Recorded> load(const char *path)
{
	std::ifstream f(path, std::ios::binary);
	const Blob all{std::istreambuf_iterator<char>(f), {}};
	if (all.empty())
		die(fmt::format("{}: no run", path));
	sshbuf *b = sshbuf_from(all.data(), all.size());
	must(b != nullptr);
	std::vector<Recorded> run;
	while (sshbuf_len(b) != 0) {
		Recorded r;
		r.digest.resize(digest_len);
		if (sshbuf_get_u8(b, &r.env.type) != 0 ||
		    sshbuf_get_u64(b, &r.env.in_off) != 0 ||
		    sshbuf_get_u64(b, &r.env.out_off) != 0 ||
		    sshbuf_get_u64(b, &r.env.acked_off) != 0)
			die(fmt::format("{}: record {}", path, run.size()));
		r.stream = string_of(b);
		r.objects = string_of(b);
		if (sshbuf_get(b, r.digest.data(), digest_len) != 0)
			die(fmt::format("{}: record {}", path, run.size()));
		run.push_back(std::move(r));
	}
	sshbuf_free(b);
	return run;
}

struct Sink : FrameSink {
	PeerHello hello;
	bool is_up() const override { return true; }
	const PeerHello *peer() const override { return &hello; }
	bool congested() const override { return false; }
	bool send(Buffer) override { return true; }
};

// The run, sealed to the recovery key of sshd-adopt's code in this process.
struct Sealed {
	jeebs_root *root = jeebs_root_new();
	Blob root_record;
	std::vector<Blob> records;

	explicit Sealed(const std::vector<Recorded> &run)
	{
		u_char key[JEEBS_KEY_LEN];
		const u_char zero[32] = {};
		sshbuf *out = sshbuf_new();

		parts_setup();
		const jeebs_recovery_pub *pub = parts_adopt_init();
		must(root != nullptr && out != nullptr);
		std::fill_n(root->record_id, JEEBS_ID_LEN, 5);
		root->epoch = epoch;
		root->not_after = static_cast<uint64_t>(time(nullptr)) + 86400;
		root->host = strdup("from");
		root->user = strdup("user");
		root->client_version = strdup("SSH-2.0-x");
		root->server_version = strdup("SSH-2.0-y");
		root->fork_version = strdup(JEEBS_FORK_VERSION);
		root->tcp.family = AF_INET;
		root->tcp.local[0] = root->tcp.remote[0] = 10;
		root->tcp.local_port = root->tcp.remote_port = 22;
		root->tcp.mss = 1460;
		must(sshbuf_put(root->session_id, zero, sizeof(zero)) == 0 &&
		    sshbuf_put(root->auth_opts, zero, 1) == 0 &&
		    jeebs_root_seal(root, pub, parts_hostkey(), nullptr,
		    nullptr, out, key) == 0);
		root_record = bytes(out);
		jeebs_chain *chain = jeebs_chain_new(key, root->record_id,
		    epoch);
		must(chain != nullptr);
		for (const Recorded &r : run) {
			jeebs_envelope env = r.env;
			sshbuf *objects = sshbuf_new(), *tail = sshbuf_new();
			must(objects != nullptr && tail != nullptr &&
			    sshbuf_put(objects, r.objects.data(),
			    r.objects.size()) == 0);
			sshbuf_reset(out);
			if (jeebs_chain_seal(chain, &env, r.stream.data(),
			    r.stream.size(), objects, out, tail) != 0 ||
			    sshbuf_put(out, r.stream.data(),
			    r.stream.size()) != 0 ||
			    sshbuf_putb(out, tail) != 0)
				die(fmt::format("record {} can't be sealed",
				    records.size()));
			records.push_back(bytes(out));
			sshbuf_free(tail);
			sshbuf_free(objects);
		}
		jeebs_chain_free(chain);
		sshbuf_free(out);
	}
	static Blob bytes(const sshbuf *b)
	{
		return Blob(sshbuf_ptr(b), sshbuf_ptr(b) + sshbuf_len(b));
	}
};

class Cutter {
public:
	Cutter(const std::vector<Recorded> &run, size_t step)
	    : run_(run), sealed_(run), step_(step)
	{
		said_.stream = sshbuf_new();
		said_.objects = sshbuf_new();
		for (const Recorded &r : run)
			stream_.insert(stream_.end(), r.stream.begin(),
			    r.stream.end());
	}
	Tally link();
	Tally file();
	size_t records() const { return run_.size(); }

private:
	bool skip(size_t at, const std::set<size_t> &edges) const
	{
		if (at % step_ == 0)
			return false;
		auto e = edges.lower_bound(at > near ? at - near : 0);
		return e == edges.end() || *e > at + near;
	}
	std::string adopt(int fd, size_t whole, std::optional<uint64_t> acked);
	void judge(Tally &, const char *what, size_t at, size_t want,
	    const std::string &why);

	const std::vector<Recorded> &run_;
	Sealed sealed_;
	size_t step_;
	Blob stream_;	// of all records
	parts_said said_{};
};

// sshd-adopt's code on the file: "" if it takes exactly the first `whole`
// records, "refused: ..." or what is wrong with what it takes.
std::string Cutter::adopt(int fd, size_t whole, std::optional<uint64_t> acked)
{
	uint8_t key[JEEBS_KEY_LEN];
	uint8_t digest[digest_len];
	int r;

	if ((r = parts_adopt_root(fd, key)) != 0)
		return fmt::format("refused: root: {}", ssh_err(r));
	sshbuf_reset(said_.stream);
	sshbuf_reset(said_.objects);
	if ((r = parts_records(fd, key, sealed_.root->record_id, epoch,
	    &said_)) != 0)
		return fmt::format("refused: records: {}", ssh_err(r));
	if (whole == 0)
		return "adopted, with no record";
	const Recorded &last = run_[whole - 1];
	const uint64_t base = run_[0].env.out_off;
	const uint64_t out_end = last.env.out_off + last.stream.size();
	if (said_.last != last.env.type || said_.in_off != last.env.in_off)
		return fmt::format("type {} in {}, not {} and {}", said_.last,
		    said_.in_off, last.env.type, last.env.in_off);
	if (said_.stream_off + sshbuf_len(said_.stream) != out_end)
		return fmt::format("stream up to {}, not {}", said_.stream_off +
		    sshbuf_len(said_.stream), out_end);
	if (acked && (*acked < said_.stream_off || *acked > out_end))
		return fmt::format("client at {}, stream from {}", *acked,
		    said_.stream_off);
	if (said_.stream_off < base || memcmp(sshbuf_ptr(said_.stream),
	    stream_.data() + (said_.stream_off - base),
	    sshbuf_len(said_.stream)) != 0)
		return "other stream bytes";
	must(ssh_digest_buffer(SSH_DIGEST_SHA256, said_.objects, digest,
	    sizeof(digest)) == 0);
	if (memcmp(digest, last.digest.data(), digest_len) != 0)
		return "another state";
	return "";
}

void Cutter::judge(Tally &t, const char *what, size_t at, size_t want,
    const std::string &why)
{
	const bool refused = why.starts_with("refused");
	t.cuts++;
	t.adopted += why.empty();
	t.refused += refused;
	if ((want == 0 && refused) || (want != 0 && why.empty()))
		return;
	t.wrong++;
	fmt::print("{} cut at {}, after {} records: {}\n", what, at, want,
	    why.empty() ? "adopted" : why);
}

// The standby gets the first `at` bytes of what the primary sends.
Tally Cutter::link()
{
	Tally t;
	Buffer wire, in;
	Sink sink;
	Store store;
	Replica replica(store, sink);
	std::set<size_t> edges;
	size_t whole = 0;

	OpenFrame open{sid, Bytes(sealed_.root_record), sealed_.root->tcp,
	    "user"};
	must(put_open(wire, open).has_value());
	edges.insert(wire.size());
	for (const Blob &r : sealed_.records) {
		put_record(wire, sid, Bytes(r));
		edges.insert(wire.size());
	}
	for (size_t at = 0; at <= wire.size(); at++) {
		FrameView f;
		if (at > 0)
			in.append(wire.bytes().subspan(at - 1, 1));
		auto n = next_frame(in.bytes(), f);
		must(n.has_value());
		if (*n > 0) {
			must(replica.frame(f).has_value());
			whole += f.type == FrameType::record;
			in.consume(*n);
		}
		if (skip(at, edges))
			continue;
		auto s = store.find(sid);
		AdoptPlan plan;
		if (s)
			plan = plan_adoption(*s, nullptr, plan_input(s->flow,
			    s->tcp.rcv_base, s->in_off, {}, 0, {}), s->tcp_at);
		if (!plan.possible) {
			judge(t, "link", at, whole, "refused: " +
			    (s ? plan.reason : "unknown"));
			continue;
		}
		auto fd = store.adoption_file(sid);
		must(fd.has_value());
		judge(t, "link", at, whole, adopt(fd->get(), whole,
		    plan.acked));
	}
	return t;
}

// sshd-adopt gets the first `at` bytes of the file.
Tally Cutter::file()
{
	Tally t;
	Blob all;
	std::set<size_t> edges;
	std::vector<size_t> ends;

	auto put = [&all](const Blob &rec) {
		uint8_t len[4];
		POKE_U32(len, rec.size());
		all.insert(all.end(), len, len + 4);
		all.insert(all.end(), rec.begin(), rec.end());
	};
	put(sealed_.root_record);
	edges.insert(all.size());
	for (const Blob &r : sealed_.records) {
		put(r);
		ends.push_back(all.size());
		edges.insert(all.size());
	}
	for (size_t at = 0; at <= all.size(); at++) {
		if (skip(at, edges))
			continue;
		UniqueFd fd(memfd_create("cut", MFD_CLOEXEC |
		    MFD_ALLOW_SEALING));
		must(fd && write(fd.get(), all.data(), at) ==
		    static_cast<ssize_t>(at) && fcntl(fd.get(), F_ADD_SEALS,
		    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0);
		auto end = std::find(ends.begin(), ends.end(), at);
		size_t whole = end == ends.end() ? 0 :
		    static_cast<size_t>(end - ends.begin()) + 1;
		judge(t, "file", at, whole, adopt(fd.get(), whole,
		    std::nullopt));
	}
	return t;
}

} // namespace

int main(int argc, char **argv)
{
	size_t step = 1;
	int o;

	while ((o = getopt(argc, argv, "e:")) != -1) {
		if (o != 'e' || (step = strtoul(optarg, nullptr, 10)) == 0)
			die("usage: cut [-e STEP] RUN");
	}
	if (optind + 1 != argc)
		die("usage: cut [-e STEP] RUN");
	const auto run = load(argv[optind]);
	size_t wrong = 0;
	Cutter cutter(run, step);
	const std::pair<const char *, Tally> all[] = {{"link", cutter.link()},
	    {"file", cutter.file()}};
	for (const auto &[name, t] : all) {
		fmt::print("{}: {} records, {} cuts, {} adopted exactly, {} "
		    "refused, {} wrong\n", name, run.size(), t.cuts, t.adopted,
		    t.refused, t.wrong);
		wrong += t.wrong;
		if (t.adopted == 0 || t.refused == 0)
			die("nothing was tried");
	}
	return wrong == 0 ? 0 : 1;
}
