// SPDX-License-Identifier: ISC
// Ways to open a record with 32 bytes found somewhere: as the key itself, as
// what the keys are derived from, as a private key. For secret-search only.
#pragma once

#define OPENSSL_SUPPRESS_DEPRECATED	// EVP takes longer than the cipher
#include <openssl/aes.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "targets.hh"

namespace attack {

constexpr size_t mlkem_pk_len = 1184;		// FIPS 203, ML-KEM-768
constexpr size_t mlkem_pke_secret_len = 1152;
constexpr size_t mlkem_secret_len = 2400;	// that, the public key, its
						// hash, and 32 bytes

// HMAC-SHA256 whose key blocks are hashed once.
class Hmac {
public:
	explicit Hmac(Bytes key)
	{
		uint8_t pad[64];
		for (int outer = 0; outer < 2; outer++) {
			std::memset(pad, outer ? 0x5c : 0x36, sizeof(pad));
			for (size_t i = 0; i < key.size(); i++)
				pad[i] ^= key[i];
			SHA256_CTX &c = outer ? outer_ : inner_;
			SHA256_Init(&c);
			SHA256_Update(&c, pad, sizeof(pad));
		}
	}
	Key of(std::initializer_list<Bytes> parts) const
	{
		SHA256_CTX c = inner_;
		Key out;
		for (Bytes p : parts)
			SHA256_Update(&c, p.data(), p.size());
		SHA256_Final(out.data(), &c);
		c = outer_;
		SHA256_Update(&c, out.data(), out.size());
		SHA256_Final(out.data(), &c);
		return out;
	}

private:
	SHA256_CTX inner_, outer_;
};

// One block of HKDF (RFC 5869, no salt): PROTOCOL.jeebs section 4.
inline Key hkdf(std::initializer_list<Bytes> ikm, Bytes info)
{
	static const Hmac extract{Bytes{}};
	static const uint8_t prefix[] = {'j', 'e', 'e', 'b', 's', ' ', 'v', '1'};
	static const uint8_t one[] = {1};
	return Hmac(extract.of(ikm)).of({prefix, info, one});
}

inline Key label(const Key &k, std::string_view l)
{
	return hkdf({k}, {reinterpret_cast<const uint8_t *>(l.data()), l.size()});
}

// The first block of what AES-256-GCM with a nonce of zeros and seq decrypts.
inline void first_block(const AES_KEY &aes, uint64_t seq, Bytes sealed,
    uint8_t out[16])
{
	uint8_t counter[16] = {};
	for (int i = 0; i < 8; i++)
		counter[4 + i] = static_cast<uint8_t>(seq >> (56 - 8 * i));
	counter[15] = 2;
	AES_encrypt(counter, out, &aes);
	for (size_t i = 0; i < 16; i++)
		out[i] ^= i < sealed.size() ? sealed[i] : 0;
}

// The tag is right, with all that it covers.
inline bool opens(const Checkpoint &c, const Key &key)
{
	jeebs_envelope env;
	const u_char *stream;
	jeebs::SshbufPtr state(sshbuf_new());
	jeebs_chain *chain = jeebs_chain_new(key.data(), c.env.record_id,
	    c.env.epoch);
	bool ok = chain != nullptr && jeebs_chain_open(chain,
	    c.record.data(), c.record.size(), &env, &stream, state.get()) == 0;
	jeebs_chain_free(chain);
	return ok;
}

inline bool opens(const Root &r, const Key &key)
{
	jeebs::SshbufPtr plain(sshbuf_new());
	return jeebs_open_once(key.data(), r.record.data(), r.aad_len(),
	    r.sealed().data(), r.sealed().size(), plain.get()) == 0;
}

inline Key x25519_public(const uint8_t *priv)
{
	Key out{};
	size_t len = out.size();
	EVP_PKEY *k = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr,
	    priv, 32);
	if (k == nullptr || EVP_PKEY_get_raw_public_key(k, out.data(),
	    &len) != 1)
		out = {};
	EVP_PKEY_free(k);
	return out;
}

// An ML-KEM secret is 768 numbers below 3329 of 12 bits; so is a public one.
inline bool ring_elements(Bytes b)
{
	for (size_t i = 0; i + 3 <= b.size(); i += 3) {
		unsigned lo = b[i] | (b[i + 1] & 15U) << 8;
		unsigned hi = b[i + 1] >> 4 | unsigned{b[i + 2]} << 4;
		if (lo >= 3329 || hi >= 3329)
			return false;
	}
	return true;
}

} // namespace attack
