// SPDX-License-Identifier: ISC
#include "known-keys.hh"
#include "sealed.hh"

using namespace sealed;
using jeebs::KnownKeys;

namespace {

struct Keys {
	KnownKeys known;
	KeyPtr hostkey = make_key(KEY_ED25519);

	Blob add(const RecoveryPtr &r)
	{
		Blob key = recovery_blob(r, hostkey.get());
		BOOST_REQUIRE(known.add(key));
		return key;
	}
	Blob root(const RecoveryPtr &r)
	{
		BufPtr out = buf();
		Blob key(JEEBS_KEY_LEN);
		SSH_OK(jeebs_root_seal(sample_root().get(), make_pub(r).get(),
		    hostkey.get(), nullptr, nullptr, out.get(), key.data()));
		return blob(out.get());
	}
	std::string refusal(const Blob &root)
	{
		// The name is a macro of OpenSSH's.
		const auto r = known.opens(root).map_error(
		    [](const jeebs::Error &e) { return e.what; });
		return r ? "" : (r.error)();
	}
};

const char none[] = "sshd-adopt isn't there";
const char another[] =
    "it is sealed to a recovery key that sshd-adopt doesn't have";

} // namespace

BOOST_FIXTURE_TEST_SUITE(known_keys, Keys)

BOOST_AUTO_TEST_CASE(those_of_the_connection_open)
{
	RecoveryPtr a = make_recovery(), b = make_recovery();
	const Blob to_a = root(a), to_b = root(b);
	BOOST_TEST(refusal(to_a) == none);
	add(a);
	BOOST_TEST(refusal(to_a) == "");
	BOOST_TEST(refusal(to_b) == another);
	add(b);
	BOOST_TEST(refusal(to_a) == "");
	BOOST_TEST(refusal(to_b) == "");
	known.lose();
	BOOST_TEST(refusal(to_b) == none);
	add(b);
	BOOST_TEST(refusal(to_a) == another);
}

BOOST_AUTO_TEST_CASE(the_oldest_goes_first)
{
	RecoveryPtr first = make_recovery(), second = make_recovery();
	const Blob to_first = root(first), to_second = root(second);
	add(first);
	add(second);
	for (size_t i = 2; i < KnownKeys::most; i++)
		add(make_recovery());
	BOOST_TEST(refusal(to_first) == "");
	// Said again it is new.
	add(first);
	add(make_recovery());
	BOOST_TEST(refusal(to_first) == "");
	BOOST_TEST(refusal(to_second) == another);
}

BOOST_AUTO_TEST_CASE(what_is_none_is_refused)
{
	RecoveryPtr r = make_recovery();
	Blob key = recovery_blob(r, hostkey.get());
	const size_t id_end = 4 + 17 + 4 + JEEBS_ID_LEN;
	for (size_t n = 0; n < id_end; n++)
		BOOST_TEST(!known.add(Blob(key.begin(), key.begin() + n)));
	for (size_t i = 0; i < 4 + 17 + 4; i++) {
		Blob other = key;
		other[i] ^= 1;
		BOOST_TEST(!known.add(other));
	}
	add(r);
	const Blob to_r = root(r);
	for (size_t n = 0; n < JEEBS_ENVELOPE_LEN + 4 + JEEBS_ID_LEN; n++)
		BOOST_TEST(refusal(Blob(to_r.begin(), to_r.begin() + n)) != "");
}

BOOST_AUTO_TEST_SUITE_END()
