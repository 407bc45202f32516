// SPDX-License-Identifier: ISC
// Any text as a jeebsd.conf: an error is one line that names the file, and
// what is accepted keeps the promises of config.hh.
// fuzzes: config.cc config-section.cc config-toml.cc key.cc
#include <cstdint>
#include <cstdlib>

#include "config.hh"
#include "target.hh"

using namespace jeebs;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	std::string_view text(reinterpret_cast<const char *>(data), len);
	auto c = parse_config(text, "f");

	if (!c) {
		const std::string &e = c.error().what;
		if (e.rfind("f:", 0) != 0 ||
		    e.find('\n') != std::string::npos)
			abort();
		return 0;
	}
	const Timing &t = c->timing;
	if (c->host.empty() || c->vips.empty() || c->heartbeats.empty() ||
	    c->peer.port == 0 || c->service_port == 0 ||
	    t.suspect < 2 * t.heartbeat || t.detect < t.suspect ||
	    t.lease < 2 * t.heartbeat || t.alone_after < t.detect + t.lease ||
	    (!c->fence.empty() && c->fence[0][0] != '/'))
		abort();
	return 0;
}
