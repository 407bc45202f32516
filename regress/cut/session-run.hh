// SPDX-License-Identifier: ISC
// What a recorded session exported, by incarnations, sealed anew to the recovery
// key of sshd-adopt's code in this process; and that code.
// Owner: cut. Single-threaded.
#pragma once

#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "buffer.hh"
// OpenSSH's log.h has macros of these names.
#include "log.hh"
#include "result.hh"
#include "sealed-input.hh"
#include "sshd/parts.h"

extern "C" {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wattributes"
#include "digest.h"
#pragma GCC diagnostic pop
}
#undef error
#undef debug

namespace jeebs::cut {

using Blob = std::vector<uint8_t>;

inline constexpr size_t digest_len = 32;

// What the run itself is wrong with.
[[noreturn]] inline void die(const std::string &what)
{
	fmt::print(stderr, "cut: {}\n", what);
	exit(2);
}

// All of a file.
inline Blob slurp(const std::string &path)
{
	std::ifstream f(path, std::ios::binary);
	const Blob all{std::istreambuf_iterator<char>(f), {}};
	if (all.empty())
		die(path + ": nothing there");
	return all;
}

struct Recorded {
	jeebs_envelope env{};
	Blob stream, objects, digest;
};

inline Blob string_of(sshbuf *b)
{
	const u_char *p;
	size_t n;
	if (sshbuf_get_string_direct(b, &p, &n) != 0)
		die("the run is cut itself");
	return Blob(p, p + n);
}

// The records that sshd wrote, of all incarnations in a row.
inline std::vector<Recorded> load_records(const std::string &path)
{
	const Blob all = slurp(path);
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

// A forward as the state of a session has it (PROTOCOL.jeebs 7.7).
struct NamedForward {
	uint64_t id, data_off, taken;
};

// The objects of a session's state after a record, replayed from those that the
// records have in clear (PROTOCOL.jeebs 7), not by sshd's reader.
class State {
public:
	// Changes it by one record.
	void apply(const Recorded &);
	// As parts_said has them. Of bodies that only grow sshd keeps no copy:
	// without those it is what its digest is of.
	Blob objects(bool grown) const;
	// Those that it names.
	std::vector<NamedForward> forwards() const;

private:
	std::map<std::pair<uint8_t, uint32_t>, Blob> all_;	// by tag and id
};

inline void State::apply(const Recorded &r)
{
	sshbuf *b = sshbuf_new();
	u_char what, tag;
	u_int id, lost;

	must(b != nullptr && sshbuf_put(b, r.objects.data(),
	    r.objects.size()) == 0);
	if (r.env.type == JEEBS_REC_CHECKPOINT)
		all_.clear();
	while (sshbuf_len(b) != 0) {
		if (sshbuf_get_u8(b, &what) != 0 ||
		    sshbuf_get_u8(b, &tag) != 0 || sshbuf_get_u32(b, &id) != 0)
			die("an object that is cut");
		if (what == 2) {
			all_.erase({tag, id});
			continue;
		}
		Blob &body = all_[{tag, id}];
		if (what == 3 && (sshbuf_get_u32(b, &lost) != 0 ||
		    lost > body.size()))
			die("an object that loses too much");
		body.erase(body.begin(), what == 3 ? body.begin() + lost :
		    body.end());
		const Blob more = string_of(b);
		body.insert(body.end(), more.begin(), more.end());
	}
	sshbuf_free(b);
}

inline Blob State::objects(bool grown) const
{
	Blob b;
	uint8_t len[4], last = 0;

	auto num = [&b, &len](size_t n) {
		POKE_U32(len, n);
		b.insert(b.end(), len, len + 4);
	};
	for (const auto &[key, body] : all_) {
		if (key.first != last)
			b.push_back(last = key.first);
		num(key.second);
		const bool is_there = grown ||
		    key.first != JEEBS_TAG_FORWARD_DATA;
		num(is_there ? body.size() : 0);
		if (is_there)
			b.insert(b.end(), body.begin(), body.end());
	}
	return b;
}

inline std::vector<NamedForward> State::forwards() const
{
	std::vector<NamedForward> all;

	for (const auto &[key, body] : all_)
		if (key.first == JEEBS_TAG_FORWARD) {
			must(body.size() == 3 * 8 + 1);
			all.push_back({PEEK_U64(body.data()),
			    PEEK_U64(body.data() + 8),
			    PEEK_U64(body.data() + 16)});
		}
	return all;
}

// What sshd-adopt took, once it was found to be exactly that.
struct Adopted {
	std::string wrong;	// "refused: ..." or what isn't as it should be
	uint64_t stream_off = 0;
	std::vector<NamedForward> forwards;
};

// One incarnation.
class Incarnation {
public:
	// The root record is another for each number.
	Incarnation(uint8_t number, uint64_t epoch, const jeebs_tcp_state &tcp)
	{
		const u_char zero[32] = {};
		sshbuf *out = sshbuf_new();

		static const jeebs_recovery_pub *pub = (parts_setup(),
		    parts_adopt_init());
		must(root_ != nullptr && out != nullptr);
		std::fill_n(root_->record_id, JEEBS_ID_LEN, number);
		root_->epoch = epoch;
		root_->not_after = static_cast<uint64_t>(time(nullptr)) + 86400;
		root_->host = strdup("from");
		root_->user = strdup("user");
		root_->client_version = strdup("SSH-2.0-x");
		root_->server_version = strdup("SSH-2.0-y");
		root_->fork_version = strdup(JEEBS_FORK_VERSION);
		root_->tcp = tcp;
		must(sshbuf_put(root_->session_id, zero, sizeof(zero)) == 0 &&
		    sshbuf_put(root_->auth_opts, zero, 1) == 0 &&
		    jeebs_root_seal(root_, pub, parts_hostkey(), nullptr,
		    nullptr, out, key_) == 0);
		root_record_ = bytes(out);
		sshbuf_free(out);
		chain_ = jeebs_chain_new(key_, root_->record_id, epoch);
		must(chain_ != nullptr);
	}
	Incarnation(const Incarnation &) = delete;
	Incarnation &operator=(const Incarnation &) = delete;

	// Seals the next record; valid as long as this is.
	const Blob &add(const Recorded &r)
	{
		jeebs_envelope env = r.env;
		sshbuf *objects = sshbuf_new(), *tail = sshbuf_new(),
		    *out = sshbuf_new();
		must(objects != nullptr && tail != nullptr && out != nullptr &&
		    sshbuf_put(objects, r.objects.data(),
		    r.objects.size()) == 0);
		if (jeebs_chain_seal(chain_, &env, r.stream.data(),
		    r.stream.size(), objects, out, tail) != 0 ||
		    sshbuf_put(out, r.stream.data(), r.stream.size()) != 0 ||
		    sshbuf_putb(out, tail) != 0)
			die(fmt::format("record {} can't be sealed",
			    records_.size()));
		State state = states_.empty() ? State() : states_.back();
		uint8_t digest[digest_len];
		state.apply(r);
		const Blob known = state.objects(false);
		must(ssh_digest_memory(SSH_DIGEST_SHA256, known.data(),
		    known.size(), digest, sizeof(digest)) == 0);
		if (memcmp(digest, r.digest.data(), digest_len) != 0)
			die(fmt::format("record {}: another state than sshd's",
			    records_.size()));
		states_.push_back(std::move(state));
		run_.push_back(&r);
		records_.push_back(bytes(out));
		stream_.insert(stream_.end(), r.stream.begin(),
		    r.stream.end());
		sshbuf_free(tail);
		sshbuf_free(objects);
		sshbuf_free(out);
		return records_.back();
	}
	// Its root record, and the others so far.
	const Blob &root() const { return root_record_; }
	const std::vector<Blob> &records() const { return records_; }

	// sshd-adopt's code on a file that should hold the first `whole` records.
	Adopted adopt(int fd, size_t whole) const;

private:
	static Blob bytes(const sshbuf *b)
	{
		return Blob(sshbuf_ptr(b), sshbuf_ptr(b) + sshbuf_len(b));
	}
	std::string judge(const parts_said &, size_t whole) const;

	jeebs_root *root_ = jeebs_root_new();
	jeebs_chain *chain_ = nullptr;
	u_char key_[JEEBS_KEY_LEN];
	Blob root_record_;
	std::vector<Blob> records_;
	std::vector<const Recorded *> run_;
	std::vector<State> states_;	// after each
	Blob stream_;	// of all records
};

inline Adopted Incarnation::adopt(int fd, size_t whole) const
{
	static parts_said said{0, 0, 0, sshbuf_new(), sshbuf_new()};
	uint8_t key[JEEBS_KEY_LEN];
	Adopted a;
	int r;

	if ((r = parts_adopt_root(fd, key)) != 0) {
		a.wrong = fmt::format("refused: root: {}", ssh_err(r));
		return a;
	}
	sshbuf_reset(said.stream);
	sshbuf_reset(said.objects);
	if ((r = parts_records(fd, key, root_->record_id, root_->epoch,
	    &said)) != 0) {
		a.wrong = fmt::format("refused: records: {}", ssh_err(r));
		return a;
	}
	a.wrong = judge(said, whole);
	a.stream_off = said.stream_off;
	if (a.wrong.empty())
		a.forwards = states_[whole - 1].forwards();
	return a;
}

inline std::string Incarnation::judge(const parts_said &said, size_t whole) const
{
	if (whole == 0)
		return "adopted, with no record";
	const Recorded &last = *run_[whole - 1];
	const uint64_t base = run_[0]->env.out_off;
	const uint64_t out_end = last.env.out_off + last.stream.size();
	if (said.last != last.env.type || said.in_off != last.env.in_off)
		return fmt::format("type {} in {}, not {} and {}", said.last,
		    said.in_off, last.env.type, last.env.in_off);
	if (said.stream_off + sshbuf_len(said.stream) != out_end)
		return fmt::format("stream up to {}, not {}", said.stream_off +
		    sshbuf_len(said.stream), out_end);
	if (said.stream_off < base || memcmp(sshbuf_ptr(said.stream),
	    stream_.data() + (said.stream_off - base),
	    sshbuf_len(said.stream)) != 0)
		return "other stream bytes";
	if (states_[whole - 1].objects(true) != bytes(said.objects))
		return "another state";
	return "";
}

} // namespace jeebs::cut
