// SPDX-License-Identifier: ISC
// A main for fuzz targets where there is no libFuzzer: feeds the target every
// file of the folders named, then each prefix of it and it with each byte
// inverted in turn (the first 4096 of them). No input at all is a failure.
// Owner: the fuzz program. Single-threaded.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "target.hh"

namespace {

constexpr size_t max_variants = 4096;

// Copies, so that the sanitizers see a read past the end.
void feed(const std::vector<uint8_t> &whole, size_t len)
{
	const std::vector<uint8_t> exact(whole.begin(), whole.begin() + len);
	LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

} // namespace

int main(int argc, char **argv)
{
	size_t files = 0, inputs = 0;

	for (int i = 1; i < argc; i++) {
		std::error_code error;
		for (const auto &entry :
		    std::filesystem::directory_iterator(argv[i], error)) {
			if (!entry.is_regular_file())
				continue;
			std::ifstream in(entry.path(), std::ios::binary);
			std::vector<uint8_t> data{
			    std::istreambuf_iterator<char>(in), {}};
			if (!in.good() && !in.eof()) {
				std::fprintf(stderr, "%s: cannot read\n",
				    entry.path().c_str());
				return 1;
			}
			files++;
			feed(data, data.size());
			const size_t n = std::min(data.size(), max_variants);
			for (size_t cut = 0; cut < n; cut++)
				feed(data, cut);
			for (size_t at = 0; at < n; at++) {
				data[at] ^= 0xff;
				feed(data, data.size());
				data[at] ^= 0xff;
			}
			inputs += 1 + 2 * n;
		}
		if (error) {
			std::fprintf(stderr, "%s: %s\n", argv[i],
			    error.message().c_str());
			return 1;
		}
	}
	std::printf("%zu files, %zu inputs\n", files, inputs);
	return files > 0 ? 0 : 1;
}
