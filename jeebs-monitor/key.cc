// SPDX-License-Identifier: ISC
#include "key.hh"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "unique_fd.hh"

namespace jeebs {

namespace {

struct BioFree {
	void operator()(BIO *b) const { BIO_free(b); }
};
using BioPtr = std::unique_ptr<BIO, BioFree>;

// An encrypted key would make OpenSSL ask on the terminal.
int no_passphrase(char *, int, int, void *)
{
	return -1;
}

Result<X509Ptr> self_signed(EVP_PKEY *key)
{
	X509Ptr c(X509_new());
	if (c == nullptr || X509_set_version(c.get(), X509_VERSION_3) != 1 ||
	    ASN1_INTEGER_set(X509_get_serialNumber(c.get()), 1) != 1 ||
	    ASN1_TIME_set_string_X509(X509_getm_notBefore(c.get()),
	    "20000101000000Z") != 1 ||
	    // RFC 5280 4.1.2.5: no well-defined expiration date
	    ASN1_TIME_set_string_X509(X509_getm_notAfter(c.get()),
	    "99991231235959Z") != 1 ||
	    X509_NAME_add_entry_by_txt(X509_get_subject_name(c.get()), "CN",
	    MBSTRING_ASC, reinterpret_cast<const unsigned char *>("jeebsd"),
	    -1, -1, 0) != 1 ||
	    X509_set_issuer_name(c.get(), X509_get_subject_name(c.get())) != 1 ||
	    X509_set_pubkey(c.get(), key) != 1 ||
	    X509_sign(c.get(), key, nullptr) == 0)
		return fail("can't make the link's certificate");
	return c;
}

} // namespace

Result<std::string> key_pin(EVP_PKEY *key)
{
	unsigned char *der = nullptr;
	int len = i2d_PUBKEY(key, &der);
	if (len <= 0)
		return fail("can't encode a public key");
	std::array<unsigned char, EVP_MAX_MD_SIZE> md{};
	unsigned int mdlen = 0;
	int ok = EVP_Digest(der, static_cast<size_t>(len), md.data(), &mdlen,
	    EVP_sha256(), nullptr);
	OPENSSL_free(der);
	if (ok != 1)
		return fail("can't hash a public key");
	std::array<unsigned char, 4 * ((EVP_MAX_MD_SIZE + 2) / 3) + 1> text{};
	int n = EVP_EncodeBlock(text.data(), md.data(),
	    static_cast<int>(mdlen));
	return std::string(reinterpret_cast<char *>(text.data()),
	    static_cast<size_t>(n));
}

bool is_pin(std::string_view text)
{
	// 32 bytes: 42 digits, one whose low two bits are zero, one '='
	static constexpr std::string_view digits =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	if (text.size() != 44 || text[43] != '=')
		return false;
	for (char c : text.substr(0, 43))
		if (digits.find(c) == std::string_view::npos)
			return false;
	return digits.find(text[42]) % 4 == 0;
}

Result<std::string> generate_key(const std::string &file)
{
	PkeyPtr key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
	BioPtr pem(BIO_new(BIO_s_secmem()));
	if (key == nullptr || pem == nullptr ||
	    PEM_write_bio_PrivateKey(pem.get(), key.get(), nullptr, nullptr, 0,
	    nullptr, nullptr) != 1)
		return fail("can't make an Ed25519 key");
	char *p = nullptr;
	auto len = static_cast<size_t>(BIO_get_mem_data(pem.get(), &p));

	auto pin = key_pin(key.get());
	if (!pin)
		return pin;
	UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600));
	if (!fd && errno == EEXIST)
		return fail(fmt::format("{}: exists already; remove it first if "
		    "a new key is wanted", file), EEXIST);
	if (!fd)
		return fail_errno(file);
	auto n = ::write(fd.get(), p, len);
	if (n != static_cast<ssize_t>(len) || ::fsync(fd.get()) == -1) {
		int e = n == -1 || n == static_cast<ssize_t>(len) ? errno : ENOSPC;
		::unlink(file.c_str());
		return fail_errno(file, e);
	}
	return pin;
}

Result<LinkKey> load_key(const std::string &file)
{
	UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
	struct stat st{};
	if (!fd && errno == ENOENT)
		return fail(fmt::format("{}: not there; make it with jeebsctl "
		    "keygen", file), ENOENT);
	if (!fd || ::fstat(fd.get(), &st) == -1)
		return fail_errno(file);
	if (!S_ISREG(st.st_mode))
		return fail(fmt::format("{}: not a regular file", file));
	if ((st.st_mode & 077) != 0)
		return fail(fmt::format("{}: mode {:04o} lets others in; use "
		    "chmod 600", file, st.st_mode & 07777));
	BioPtr bio(BIO_new_fd(fd.get(), BIO_NOCLOSE));
	LinkKey k;
	if (bio != nullptr)
		k.key.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr,
		    no_passphrase, nullptr));
	ERR_clear_error();
	if (k.key == nullptr || EVP_PKEY_get_id(k.key.get()) != EVP_PKEY_ED25519)
		return fail(fmt::format("{}: not an unencrypted Ed25519 private "
		    "key in PEM; make one with jeebsctl keygen", file));
	auto pin = key_pin(k.key.get());
	if (!pin)
		return tl::unexpected(pin.error());
	auto cert = self_signed(k.key.get());
	if (!cert)
		return tl::unexpected(cert.error());
	k.pin = std::move(*pin);
	k.certificate = std::move(*cert);
	return k;
}

} // namespace jeebs
