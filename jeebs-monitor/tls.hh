// SPDX-License-Identifier: ISC
// One TLS 1.3 connection over a connected, non-blocking TCP socket, both ends
// pinned. Owner: a connection of Link, which keeps the descriptor and waits;
// nothing here waits. Event loop's thread only.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include <openssl/ssl.h>

#include "buffer.hh"
#include "key.hh"
#include "result.hh"

namespace jeebs {

// TLS 1.3 and nothing else; no CA, no resumption, no tickets, no early data.
// Made once; both ends use the same.
class TlsContext {
public:
	// Certificate and key are shared, not copied.
	[[nodiscard]] static Result<TlsContext> create(const LinkKey &,
	    std::string peer_pin);
	SSL_CTX *get() const { return ctx_.get(); }

private:
	struct Free {
		void operator()(SSL_CTX *c) const { SSL_CTX_free(c); }
	};
	std::unique_ptr<SSL_CTX, Free> ctx_;
	std::unique_ptr<std::string> pin_;	// the verifier points at it
};

class Tls {
public:
	// fd stays the caller's and must outlive this.
	[[nodiscard]] static Result<std::unique_ptr<Tls>> create(
	    const TlsContext &, int fd, bool client);

	// Goes on with the handshake as far as it gets without waiting; true
	// when it is complete. Send output() afterwards in any case.
	[[nodiscard]] Result<bool> handshake();

	// Appends what was readable to in, up to about limit bytes. True when the
	// limit was reached, false when nothing more was there: then wait until
	// the socket is readable (as it is now, not only when more comes).
	[[nodiscard]] Result<bool> read(Buffer &in, size_t limit);

	// Encrypts; the ciphertext is added to output().
	[[nodiscard]] Result<void> write(Bytes plain);

	// Sends ciphertext. True when all is gone, false when the socket is
	// full.
	[[nodiscard]] Result<bool> flush();
	size_t unsent() const { return output_.size() - sent_; }

	[[nodiscard]] Result<std::array<uint8_t, 32>> exporter(
	    std::string_view label) const;

private:
	Tls() = default;
	struct Free {
		void operator()(SSL *s) const { SSL_free(s); }
	};
	// What OpenSSL reads from and writes to: the socket, and output_.
	BIO *new_bio();
	static int receive(BIO *, char *, size_t, size_t *);
	static int collect(BIO *, const char *, size_t, size_t *);
	static long control(BIO *, int, long, void *);
	[[nodiscard]] tl::unexpected<Error> error(const char *what, int r) const;

	std::unique_ptr<SSL, Free> ssl_;
	int fd_ = -1;
	// The socket gave less than was asked for a moment ago, in this call of
	// read() or handshake(): that needn't ask once more.
	bool drained_ = false;
	bool eof_ = false;
	Buffer output_;
	size_t sent_ = 0;	// of output_
};

} // namespace jeebs
