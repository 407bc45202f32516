// SPDX-License-Identifier: ISC
#include "ctl-line.hh"

#include <algorithm>

namespace jeebs {

Result<std::vector<std::string>> parse_ctl_line(std::string_view line)
{
	auto allowed = [](char c) {
		return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') ||
		    std::string_view("._:/-").find(c) != std::string_view::npos;
	};

	if (line.size() > max_ctl_line)
		return fail("request too long");
	std::vector<std::string> words;
	for (;;) {
		auto space = std::min(line.find(' '), line.size());
		auto word = line.substr(0, space);
		if (word.empty())
			return fail("request with an empty word");
		if (!std::all_of(word.begin(), word.end(), allowed))
			return fail("request with a forbidden character");
		if (words.size() == max_ctl_words)
			return fail("request of too many words");
		words.emplace_back(word);
		if (space == line.size())
			return words;
		line.remove_prefix(space + 1);
	}
}

} // namespace jeebs
