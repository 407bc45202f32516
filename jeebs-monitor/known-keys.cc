// SPDX-License-Identifier: ISC
#include "known-keys.hh"

#include <algorithm>

#include "fields.hh"

namespace jeebs {

namespace {

// The field that r is at; what follows it isn't looked at.
Result<std::array<uint8_t, JEEBS_ID_LEN>>
key_id(FieldReader &r)
{
	std::array<uint8_t, JEEBS_ID_LEN> id{};
	const Bytes field = r.string(id.size());
	if (field.size() != id.size())
		r.bad("key id of another length");
	(void)r.rest();
	std::ranges::copy(field, id.begin());
	return r.finish(id);
}

} // namespace

Result<void>
KnownKeys::add(Bytes key)
{
	constexpr std::string_view magic = "jeebs-recovery-v1";
	FieldReader r(key, "recovery key");
	if (r.text(magic.size()) != magic)
		r.bad("it isn't one");
	auto id = key_id(r);
	if (!id)
		return tl::unexpected(id.error());
	std::erase(ids_, *id);
	ids_.push_back(*id);
	if (ids_.size() > most)
		ids_.pop_front();
	return {};
}

Result<void>
KnownKeys::opens(Bytes root) const
{
	if (ids_.empty())
		return fail("sshd-adopt isn't there");
	if (root.size() < JEEBS_ENVELOPE_LEN)
		return fail("root record: cut short");
	FieldReader r(root.subspan(JEEBS_ENVELOPE_LEN), "root record");
	auto id = key_id(r);
	if (!id)
		return tl::unexpected(id.error());
	if (std::ranges::find(ids_, *id) == ids_.end())
		return fail("it is sealed to a recovery key that sshd-adopt "
		    "doesn't have");
	return {};
}

} // namespace jeebs
