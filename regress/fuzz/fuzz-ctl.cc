// SPDX-License-Identifier: ISC
// Any bytes as a request at the control socket: words that come out are clean,
// and make up the line again.
// fuzzes: ctl-line.cc
#include <cstdint>
#include <cstdlib>

#include "ctl-line.hh"
#include "target.hh"

using namespace jeebs;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	std::string line(reinterpret_cast<const char *>(data), len);
	auto words = parse_ctl_line(line);

	if (!words)
		return 0;
	std::string again;
	for (const auto &w : *words) {
		if (w.empty() || w.find_first_of(" \n\r\t\033") !=
		    std::string::npos)
			abort();
		again += again.empty() ? w : " " + w;
	}
	if (again != line || words->size() > max_ctl_words)
		abort();
	return 0;
}
