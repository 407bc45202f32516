// SPDX-License-Identifier: ISC
#include "config-toml.hh"

#include <algorithm>

#include <fmt/format.h>

namespace jeebs {

// The parser has undefined behaviour for some characters beyond ASCII. None of
// our values needs them; in comments they are replaced.
std::string
only_ascii(std::string_view text, const std::string &name)
{
	std::string out(text);
	size_t line = 1;
	char quote = 0;
	bool comment = false;

	for (char &c : out) {
		if (c == '\n') {
			line++;
			quote = 0;
			comment = false;
		} else if (static_cast<unsigned char>(c) >= 0x80) {
			if (!comment)
				throw BadConfig(fmt::format("{}:{}: syntax: a "
				    "character that isn't ASCII, use them in "
				    "comments only", name, line));
			c = '?';
		} else if (comment) {
			continue;
		} else if (quote != 0) {
			if (c == quote)
				quote = 0;
		} else if (c == '"' || c == '\'') {
			quote = c;
		} else if (c == '#') {
			comment = true;
		}
	}
	return out;
}

// The parser doesn't say where it lost its way: the first line up to which it
// does is the one.
size_t
confusing_line(std::string_view text)
{
	size_t line = 0;

	for (size_t end = 0; end < text.size(); line++) {
		end = std::min(text.find('\n', end), text.size() - 1) + 1;
		try {
			(void)toml::parse(text.substr(0, end));
		} catch (const toml::parse_error &) {
		} catch (const ParserConfused &) {
			return line + 1;
		}
	}
	return line;
}

} // namespace jeebs
