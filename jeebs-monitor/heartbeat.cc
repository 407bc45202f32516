// SPDX-License-Identifier: ISC
#include "heartbeat.hh"

#include <algorithm>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace jeebs {
namespace {

constexpr uint32_t magic = 0x4a484254;	// "JHBT"
constexpr uint8_t version = 1;
constexpr size_t signed_len = heartbeat_len - heartbeat_tag_len;

class Writer {
public:
	explicit Writer(uint8_t *p) : p_(p) {}
	void u8(uint8_t v) { *p_++ = v; }
	void u32(uint32_t v)
	{
		for (int i = 24; i >= 0; i -= 8)
			*p_++ = static_cast<uint8_t>(v >> i);
	}
	void u64(uint64_t v)
	{
		u32(static_cast<uint32_t>(v >> 32));
		u32(static_cast<uint32_t>(v));
	}
	void bytes(std::span<const uint8_t> b)
	{
		p_ = std::copy(b.begin(), b.end(), p_);
	}

private:
	uint8_t *p_;
};

class Reader {
public:
	explicit Reader(const uint8_t *p) : p_(p) {}
	uint8_t u8() { return *p_++; }
	uint32_t u32()
	{
		uint32_t v = 0;
		for (int i = 0; i < 4; i++)
			v = v << 8 | *p_++;
		return v;
	}
	uint64_t u64()
	{
		uint64_t hi = u32();
		return hi << 32 | u32();
	}
	std::span<const uint8_t> bytes(size_t n)
	{
		p_ += n;
		return {p_ - n, n};
	}

private:
	const uint8_t *p_;
};

std::array<uint8_t, heartbeat_tag_len>
tag(const HeartbeatKey &key, std::span<const uint8_t> data)
{
	std::array<uint8_t, EVP_MAX_MD_SIZE> md{};
	std::array<uint8_t, heartbeat_tag_len> out{};
	unsigned int len = 0;

	HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
	    data.data(), data.size(), md.data(), &len);
	std::copy_n(md.begin(), out.size(), out.begin());
	return out;
}

tl::unexpected<Error>
no(const char *why)
{
	return tl::unexpected(Error{why});
}

} // namespace

const char *
to_string(RoleState s)
{
	switch (s) {
	case RoleState::starting: return "starting";
	case RoleState::probing: return "probing";
	case RoleState::primary_alone: return "primary-alone";
	case RoleState::primary_protected: return "primary-protected";
	case RoleState::primary_stalled: return "primary-stalled";
	case RoleState::standby_joining: return "standby-joining";
	case RoleState::standby_ready: return "standby-ready";
	case RoleState::standby_suspecting: return "standby-suspecting";
	case RoleState::taking_over: return "taking-over";
	}
	return "?";
}

bool
is_primary(RoleState s)
{
	return s == RoleState::primary_alone ||
	    s == RoleState::primary_protected ||
	    s == RoleState::primary_stalled;
}

bool
is_searching(RoleState s)
{
	return s == RoleState::starting || s == RoleState::probing;
}

bool
is_armed(RoleState s)
{
	return s == RoleState::standby_ready ||
	    s == RoleState::standby_suspecting;
}

HeartbeatCodec::HeartbeatCodec(uint8_t direction, size_t paths)
    : direction_(direction), paths_(paths)
{
}

void
HeartbeatCodec::set_key(const HeartbeatKey &key)
{
	static const uint8_t label[] = "jeebs heartbeat key id";
	KeyState k;

	k.key = key;
	auto id = tag(key, label);
	std::copy_n(id.begin(), k.id.size(), k.id.begin());
	k.highest.assign(paths_, 0);
	if (current_ && current_->id == k.id)
		return;
	previous_ = std::move(current_);
	current_ = std::move(k);
}

std::optional<HeartbeatPacket>
HeartbeatCodec::encode(const Heartbeat &h) const
{
	if (!current_)
		return std::nullopt;
	HeartbeatPacket out{};
	Writer w(out.data());
	w.u32(magic);
	w.u8(version);
	w.u8(direction_);
	w.u8(static_cast<uint8_t>(h.state));
	w.u8(h.flags);
	w.u32(h.lease_ms);
	w.u32(h.alone_ms);
	w.bytes(current_->id);
	for (uint64_t v : { h.instance, h.epoch, h.counter, h.sent,
	    h.echo_counter, h.echo_sent })
		w.u64(v);
	w.bytes(tag(current_->key, {out.data(), signed_len}));
	return out;
}

Result<Heartbeat>
HeartbeatCodec::decode(size_t path, std::span<const uint8_t> in)
{
	if (path >= paths_)
		return no("unknown path");
	if (in.size() != heartbeat_len)
		return no("wrong length");
	Reader r(in.data());
	if (r.u32() != magic)
		return no("wrong magic");
	if (r.u8() != version)
		return no("another version of the protocol, run the same "
		    "version of jeebsd on both hosts");
	uint8_t direction = r.u8();
	Heartbeat h;
	uint8_t state = r.u8();
	h.flags = r.u8();
	h.lease_ms = r.u32();
	h.alone_ms = r.u32();
	auto id = r.bytes(8);
	KeyState *k = nullptr;
	for (auto *c : { &current_, &previous_ })
		if (*c && std::equal(id.begin(), id.end(), (*c)->id.begin()))
			k = &**c;
	if (k == nullptr)
		return no("unknown key");
	for (uint64_t *v : { &h.instance, &h.epoch, &h.counter, &h.sent,
	    &h.echo_counter, &h.echo_sent })
		*v = r.u64();
	auto want = tag(k->key, in.first(signed_len));
	if (CRYPTO_memcmp(want.data(), r.bytes(heartbeat_tag_len).data(),
	    want.size()) != 0)
		return no("wrong tag");
	if (direction > 1 || direction == direction_)
		return no("reflected");
	if (state < static_cast<uint8_t>(RoleState::starting) ||
	    state > static_cast<uint8_t>(RoleState::taking_over) ||
	    (h.flags & ~hb_all_flags) != 0)
		return no("unknown state or flag");
	h.state = static_cast<RoleState>(state);
	if (h.counter <= k->highest[path])
		return no("replayed");
	k->highest[path] = h.counter;
	return h;
}

} // namespace jeebs
