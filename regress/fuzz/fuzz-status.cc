// SPDX-License-Identifier: ISC
// Any bytes as jeebsd's answer to jeebsctl: what is JSON becomes a table of
// clean lines.
// fuzzes: status-table.cc log.cc
#include <cstdint>
#include <cstdlib>

#include <nlohmann/json.hpp>

#include "status-table.hh"
#include "target.hh"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	auto j = jeebs::parse_status({reinterpret_cast<const char *>(data),
	    len});
	if (!j)
		return 0;
	for (unsigned char c : jeebs::status_table(*j))
		if ((c < 0x20 && c != '\n') || c >= 0x7f)
			abort();
	return 0;
}
