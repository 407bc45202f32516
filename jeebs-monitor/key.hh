// SPDX-License-Identifier: ISC
// This host's identity on the link: an Ed25519 key in a PEM file, a
// certificate that it signs itself (made at load, nobody checks its fields)
// and the pin by which the peer knows it. Owner: whoever loaded it.
#pragma once

#include <memory>
#include <string>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "result.hh"

namespace jeebs {

struct OpensslFree {
	void operator()(EVP_PKEY *p) const { EVP_PKEY_free(p); }
	void operator()(X509 *p) const { X509_free(p); }
};
using PkeyPtr = std::unique_ptr<EVP_PKEY, OpensslFree>;
using X509Ptr = std::unique_ptr<X509, OpensslFree>;

struct LinkKey {
	PkeyPtr key;
	X509Ptr certificate;
	std::string pin;	// what the peer has as peer.public_key
};

// Base64 of the SHA-256 of the DER SubjectPublicKeyInfo: 44 characters.
[[nodiscard]] Result<std::string> key_pin(EVP_PKEY *);

// Is this text a pin? For the check of a configuration.
bool is_pin(std::string_view text);

// Writes a new key with mode 0600; an existing file is an error and stays as
// it is. Returns the pin.
[[nodiscard]] Result<std::string> generate_key(const std::string &file);

// Loads a key file. Refused: not Ed25519, encrypted, not a regular file,
// readable or writable by group or others.
[[nodiscard]] Result<LinkKey> load_key(const std::string &file);

} // namespace jeebs
