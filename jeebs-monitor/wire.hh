// SPDX-License-Identifier: ISC
// jeebs-wire.h for C++: the same structs, Result instead of return codes, and
// no sshbuf in sight. Owner: nobody, pure functions. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "buffer.hh"
#include "jeebs-wire.h"
#include "result.hh"

namespace jeebs {

// The envelope at the start of a record of exactly rec.size() bytes. Refused
// too if the lengths inside don't add up to that; a root record, whose
// signature follows, is only held to JEEBS_MAX_ROOT.
[[nodiscard]] Result<jeebs_envelope> get_record_envelope(Bytes rec);

// Exactly one jeebs_tcp_state, JEEBS_TCP_LEN bytes; impossible values are
// refused both ways.
[[nodiscard]] Result<jeebs_tcp_state> get_tcp_state(Bytes);
[[nodiscard]] Result<void> put_tcp_state(Buffer &, const jeebs_tcp_state &);

// Record id as 32 hex digits, for logs.
std::string hex_id(const uint8_t id[JEEBS_ID_LEN]);

} // namespace jeebs
