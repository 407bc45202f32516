// SPDX-License-Identifier: ISC
// toml++ for jeebsd.conf, whose text may be anything: what the parser can't bear
// is kept from it, and what it asserts is an exception.
// Owner: nobody, functions. Include this, not toml++: all must see one TOML_ASSERT.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

namespace jeebs {

// Carries the finished line of an error, "FILE:LINE: ...", to parse_config().
struct BadConfig : std::runtime_error {
	using std::runtime_error::runtime_error;
};

// The parser asserts things that bad input can break ("[= [r"): such a file is
// an error like any other.
struct ParserConfused {};
[[noreturn]] inline void parser_confused() { throw ParserConfused(); }

// The text as the parser may have it; throws BadConfig. name stands for the file.
[[nodiscard]] std::string only_ascii(std::string_view text,
    const std::string &name);

// In which line of such a text the parser got confused.
[[nodiscard]] size_t confusing_line(std::string_view text);

} // namespace jeebs

#define TOML_ASSERT(expr) ((expr) ? void() : jeebs::parser_confused())
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>
