// SPDX-License-Identifier: ISC
#include "tls.hh"

#include <sys/socket.h>

#include <utility>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

namespace jeebs {

namespace {

constexpr size_t record_len = 16384;		// RFC 8446 5.1
constexpr size_t read_ahead = 256U << 10;

std::string openssl_reason()
{
	auto e = ERR_get_error();
	ERR_clear_error();
	const char *why = e == 0 ? nullptr : ERR_reason_error_string(e);
	return why == nullptr ? "unknown" : why;
}

// Replaces all of X.509's verification: the pin says who the peer is, and the
// handshake proves that it has that key.
int check_pin(X509_STORE_CTX *store, void *arg)
{
	const auto &pin = *static_cast<const std::string *>(arg);
	X509 *leaf = X509_STORE_CTX_get0_cert(store);
	EVP_PKEY *key = leaf == nullptr ? nullptr : X509_get0_pubkey(leaf);
	if (key != nullptr && EVP_PKEY_get_id(key) == EVP_PKEY_ED25519) {
		auto got = key_pin(key);
		if (got && got->size() == pin.size() &&
		    CRYPTO_memcmp(got->data(), pin.data(), pin.size()) == 0)
			return 1;
	}
	X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
	return 0;
}

Tls &tls_of(BIO *b)
{
	return *static_cast<Tls *>(BIO_get_data(b));
}

} // namespace

Result<TlsContext> TlsContext::create(const LinkKey &key, std::string peer_pin)
{
	if (!is_pin(peer_pin))
		return fail("the peer's public key isn't one line of jeebsctl "
		    "keygen");
	TlsContext t;
	t.ctx_.reset(SSL_CTX_new(TLS_method()));
	t.pin_ = std::make_unique<std::string>(std::move(peer_pin));
	SSL_CTX *c = t.ctx_.get();
	if (c == nullptr ||
	    SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_max_proto_version(c, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256:"
	    "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") != 1 ||
	    SSL_CTX_set1_sigalgs_list(c, "ed25519") != 1 ||
	    SSL_CTX_use_certificate(c, key.certificate.get()) != 1 ||
	    SSL_CTX_use_PrivateKey(c, key.key.get()) != 1 ||
	    SSL_CTX_set_num_tickets(c, 0) != 1)
		return fail("TLS: " + openssl_reason());
	SSL_CTX_set_options(c, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
	    nullptr);
	SSL_CTX_set_cert_verify_callback(c, check_pin, t.pin_.get());
	SSL_CTX_set_mode(c, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_read_ahead(c, 1);
	SSL_CTX_set_default_read_buffer_len(c, read_ahead);
	return t;
}

int Tls::receive(BIO *b, char *p, size_t n, size_t *got)
{
	Tls &t = tls_of(b);
	ssize_t r = -1;

	BIO_clear_retry_flags(b);
	*got = 0;
	if (std::exchange(t.drained_, false))
		errno = EAGAIN;
	else
		do
			r = ::recv(t.fd_, p, n, MSG_DONTWAIT);
		while (r == -1 && errno == EINTR);
	if (r == -1 && errno == EAGAIN)
		BIO_set_retry_read(b);
	t.eof_ = r == 0;
	if (r <= 0)
		return 0;
	*got = static_cast<size_t>(r);
	t.drained_ = *got < n;
	return 1;
}

int Tls::collect(BIO *b, const char *p, size_t n, size_t *written)
{
	tls_of(b).output_.append({reinterpret_cast<const uint8_t *>(p), n});
	*written = n;
	return 1;
}

long Tls::control(BIO *b, int cmd, long, void *)
{
	return cmd == BIO_CTRL_FLUSH ||
	    (cmd == BIO_CTRL_EOF && tls_of(b).eof_) ? 1 : 0;
}

BIO *Tls::new_bio()
{
	// For the life of the process, like OpenSSL's own tables.
	static BIO_METHOD *const m = [] {
		BIO_METHOD *it = BIO_meth_new(BIO_get_new_index() |
		    BIO_TYPE_SOURCE_SINK, "jeebs");
		if (it != nullptr) {
			BIO_meth_set_read_ex(it, receive);
			BIO_meth_set_write_ex(it, collect);
			BIO_meth_set_ctrl(it, control);
		}
		return it;
	}();
	BIO *b = m == nullptr ? nullptr : BIO_new(m);
	if (b != nullptr) {
		BIO_set_data(b, this);
		BIO_set_init(b, 1);
	}
	return b;
}

Result<std::unique_ptr<Tls>> Tls::create(const TlsContext &ctx, int fd,
    bool client)
{
	std::unique_ptr<Tls> t(new Tls);
	t->fd_ = fd;
	t->ssl_.reset(SSL_new(ctx.get()));
	BIO *b = t->new_bio();
	if (t->ssl_ == nullptr || b == nullptr) {
		BIO_free(b);
		return fail("TLS: out of memory", ENOMEM);
	}
	SSL_set_bio(t->ssl_.get(), b, b);
	if (client)
		SSL_set_connect_state(t->ssl_.get());
	else
		SSL_set_accept_state(t->ssl_.get());
	return t;
}

tl::unexpected<Error> Tls::error(const char *what, int r) const
{
	int e = errno;
	switch (r) {
	case SSL_ERROR_ZERO_RETURN:
		ERR_clear_error();
		return fail("the peer closed the connection", EPIPE);
	case SSL_ERROR_SYSCALL:
		ERR_clear_error();
		if (e == 0)
			return fail("the peer closed the connection", EPIPE);
		return fail_errno(what, e);
	default:
		break;
	}
	if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
		ERR_clear_error();
		return fail("the peer closed the connection", EPIPE);
	}
	if (SSL_get_verify_result(ssl_.get()) == X509_V_ERR_CERT_REJECTED) {
		ERR_clear_error();
		return fail("the peer's key isn't the one in peer.public_key",
		    EACCES);
	}
	return fail(fmt::format("{}: {}", what, openssl_reason()), EPROTO);
}

Result<bool> Tls::handshake()
{
	ERR_clear_error();
	errno = 0;
	drained_ = false;
	int r = SSL_do_handshake(ssl_.get());
	if (r == 1)
		return true;
	int e = SSL_get_error(ssl_.get(), r);
	if (e == SSL_ERROR_WANT_READ)
		return false;
	return error("TLS handshake", e);
}

Result<bool> Tls::read(Buffer &in, size_t limit)
{
	drained_ = false;
	for (size_t total = 0; total < limit;) {
		size_t before = in.size(), n = 0;
		uint8_t *p = in.extend(record_len);
		ERR_clear_error();
		errno = 0;
		int r = SSL_read_ex(ssl_.get(), p, record_len, &n);
		int e = r == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), r);
		int saved = errno;
		in.truncate(before + n);
		errno = saved;
		if (e == SSL_ERROR_WANT_READ)
			return false;
		if (e != SSL_ERROR_NONE)
			return error("TLS", e);
		total += n;
	}
	return true;
}

Result<void> Tls::write(Bytes plain)
{
	while (!plain.empty()) {
		size_t n = 0;
		ERR_clear_error();
		errno = 0;
		int r = SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &n);
		if (r != 1)
			return error("TLS", SSL_get_error(ssl_.get(), r));
		plain = plain.subspan(n);
	}
	return {};
}

Result<bool> Tls::flush()
{
	while (sent_ < output_.size()) {
		auto n = ::send(fd_, output_.data() + sent_,
		    output_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			return false;
		if (n == -1)
			return fail_errno("TLS");
		sent_ += static_cast<size_t>(n);
	}
	output_.clear();
	sent_ = 0;
	return true;
}

Result<std::array<uint8_t, 32>> Tls::exporter(std::string_view label) const
{
	std::array<uint8_t, 32> out{};
	if (SSL_is_init_finished(ssl_.get()) != 1 ||
	    SSL_export_keying_material(ssl_.get(), out.data(), out.size(),
	    label.data(), label.size(), nullptr, 0, 0) != 1)
		return fail("TLS exporter: " + openssl_reason());
	return out;
}

} // namespace jeebs
