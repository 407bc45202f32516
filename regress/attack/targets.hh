// SPDX-License-Identifier: ISC
// What is to be broken: sealed records of live sessions and the recovery keys
// that they are sealed to, found in dumps of memory or of the link. For
// secret-search only.
#pragma once

#include <array>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "sshbuf.hh"
#include "wire.hh"

extern "C" {
#include "jeebs-aead.h"
#include "jeebs-chain.h"
}

namespace attack {

using jeebs::Bytes;
using Key = std::array<uint8_t, JEEBS_KEY_LEN>;
using Id = std::array<uint8_t, JEEBS_ID_LEN>;

inline Id id_of(const uint8_t *p)
{
	Id id;
	std::copy_n(p, id.size(), id.begin());
	return id;
}

struct Root {
	jeebs_envelope env{};
	std::vector<uint8_t> record;	// without the signature
	Id key_id{};
	Bytes ct() const
	{
		return Bytes(record).subspan(JEEBS_ENVELOPE_LEN + 4 +
		    JEEBS_ID_LEN + 4, JEEBS_KEM_CT_LEN);
	}
	size_t aad_len() const
	{
		return JEEBS_ENVELOPE_LEN + 4 + JEEBS_ID_LEN + 4 +
		    JEEBS_KEM_CT_LEN;
	}
	Bytes sealed() const { return Bytes(record).subspan(aad_len()); }
};

struct Checkpoint {
	jeebs_envelope env{};
	std::vector<uint8_t> record;
	Bytes sealed() const
	{
		return Bytes(record).subspan(JEEBS_ENVELOPE_LEN +
		    env.stream_len);
	}
};

struct Targets {
	std::map<Id, Root> roots;		// by record id
	std::map<Id, Checkpoint> checkpoints;	// the smallest of each
	std::map<Id, std::vector<uint8_t>> keys;	// public, by key id
};

inline std::vector<uint8_t> read_file(const std::string &path)
{
	std::ifstream in(path, std::ios::binary);
	if (!in)
		throw std::runtime_error(path + ": can't be read");
	return {std::istreambuf_iterator<char>(in), {}};
}

template <class Found>
void each_match(Bytes in, Bytes needle, Found found)
{
	for (size_t at = 0; at + needle.size() <= in.size(); at++) {
		auto *p = static_cast<const uint8_t *>(::memmem(in.data() + at,
		    in.size() - at, needle.data(), needle.size()));
		if (p == nullptr)
			return;
		at = static_cast<size_t>(p - in.data());
		found(at);
	}
}

inline uint32_t peek32(const uint8_t *p)
{
	return uint32_t{p[0]} << 24 | uint32_t{p[1]} << 16 |
	    uint32_t{p[2]} << 8 | p[3];
}

inline void find_record(Bytes at, Targets &t)
{
	jeebs::SshbufPtr b(sshbuf_from(at.data(), at.size()));
	jeebs_envelope env;
	if (b == nullptr || jeebs_envelope_get(b.get(), &env) != 0)
		return;
	size_t len = JEEBS_ENVELOPE_LEN + env.stream_len + env.sealed_len +
	    JEEBS_TAG_LEN;
	Id id = id_of(env.record_id);
	if (env.type == JEEBS_REC_ROOT) {
		Root r;
		r.env = env;
		len += 8 + JEEBS_ID_LEN + JEEBS_KEM_CT_LEN;
		if (len > at.size() || peek32(at.data() +
		    JEEBS_ENVELOPE_LEN) != JEEBS_ID_LEN)
			return;
		r.record.assign(at.begin(), at.begin() +
		    static_cast<ptrdiff_t>(len));
		r.key_id = id_of(at.data() + JEEBS_ENVELOPE_LEN + 4);
		t.roots[id] = std::move(r);
	} else if (env.type == JEEBS_REC_CHECKPOINT && len <= at.size()) {
		auto it = t.checkpoints.find(id);
		if (it != t.checkpoints.end() && it->second.record.size() <= len)
			return;
		t.checkpoints[id] = {env, {at.begin(), at.begin() +
		    static_cast<ptrdiff_t>(len)}};
	}
}

inline void find_targets(Bytes dump, Targets &t)
{
	static const uint8_t magic[] = {'J', 'E', 'E', 'B'};
	static const char name[] = "jeebs-recovery-v1";

	each_match(dump, magic, [&](size_t at) {
		find_record(dump.subspan(at), t);
	});
	each_match(dump, {reinterpret_cast<const uint8_t *>(name),
	    sizeof(name) - 1}, [&](size_t at) {
		Bytes b = dump.subspan(at + sizeof(name) - 1);
		const size_t head = 4 + JEEBS_ID_LEN + 4;
		if (b.size() < head + JEEBS_KEM_PK_LEN ||
		    peek32(b.data()) != JEEBS_ID_LEN ||
		    peek32(b.data() + 4 + JEEBS_ID_LEN) != JEEBS_KEM_PK_LEN)
			return;
		Bytes pk = b.subspan(head, JEEBS_KEM_PK_LEN);
		t.keys[id_of(b.data() + 4)] = {pk.begin(), pk.end()};
	});
}

} // namespace attack
