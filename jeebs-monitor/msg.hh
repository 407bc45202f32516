// SPDX-License-Identifier: ISC
// Messages with descriptors on the SOCK_SEQPACKET sockets between jeebsd and
// sshd (enum jeebs_msg), over jeebs-msg.h. Owner: whoever has the socket;
// event loop's thread only. Fields are read with FieldReader.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "buffer.hh"
#include "result.hh"
#include "shared-fd.hh"
#include "unique_fd.hh"

namespace jeebs {

struct HostMessage {
	uint8_t type = 0;		// enum jeebs_msg, unchecked
	Buffer fields;			// after the type
	std::vector<UniqueFd> fds;	// close-on-exec
};

// The same from a user's process: nothing that came with it is closed here.
struct UserMessage {
	uint8_t type = 0;
	Buffer fields;
	std::vector<SharedFd> fds;	// close-on-exec
};

// Receives one message without waiting; nothing if there is none now. errnum
// is EPIPE when the peer is gone.
[[nodiscard]] Result<std::optional<HostMessage>> receive_message(int sock);
// The same from a process of this user; false if there is none.
[[nodiscard]] Result<bool> receive_user_message(int sock,
    const std::string &user, UserMessage &);

// Sends type, fields and copies of fds without waiting. errnum is EAGAIN when
// the peer's buffer is full (nothing was sent), EPIPE when it is gone.
[[nodiscard]] Result<void> send_message(int sock, uint8_t type, Bytes fields,
    std::span<const int> fds = {});

} // namespace jeebs
