// SPDX-License-Identifier: ISC
// OpenSSH's sshbuf with an owner. For the few files that wrap its C code
// (wire.cc, msg.cc); nobody else includes this. Any thread.
#pragma once

#include <memory>

extern "C" {
#include "sshbuf.h"
#include "ssherr.h"
}

namespace jeebs {

struct SshbufFree {
	void operator()(sshbuf *b) const { sshbuf_free(b); }
};
using SshbufPtr = std::unique_ptr<sshbuf, SshbufFree>;

} // namespace jeebs
