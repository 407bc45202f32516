// SPDX-License-Identifier: ISC
// Sealing without a chain.
#include "sealed.hh"

using namespace sealed;

namespace {

const u_char test_key[JEEBS_KEY_LEN] = { 1, 2, 3, 4 };

} // namespace

BOOST_AUTO_TEST_SUITE(jeebs_aead)

BOOST_AUTO_TEST_CASE(seal_once_round_trip)
{
	BufPtr plain = buf("plain"), sealed = buf(), back = buf("left over");
	auto aad = reinterpret_cast<const u_char *>("aad");
	SSH_OK(jeebs_seal_once(test_key, aad, 3, plain.get(), sealed.get()));
	Blob s = blob(sealed.get());
	BOOST_TEST(s.size() == 5U + JEEBS_TAG_LEN);
	SSH_OK(jeebs_open_once(test_key, aad, 3, s.data(), s.size(),
	    back.get()));
	BOOST_TEST(text(back.get()) == "plain");
	for (size_t bit = 0; bit < s.size() * 8; bit++) {
		Blob bad = flipped(s, bit);
		SSH_IS(jeebs_open_once(test_key, aad, 3, bad.data(),
		    bad.size(), back.get()), SSH_ERR_MAC_INVALID);
		BOOST_TEST(sshbuf_len(back.get()) == 0U);
	}
	for (size_t n = 0; n < s.size(); n++)
		BOOST_REQUIRE_NE(jeebs_open_once(test_key, aad, 3, s.data(), n,
		    back.get()), 0);
	SSH_IS(jeebs_open_once(test_key, aad, 2, s.data(), s.size(),
	    back.get()), SSH_ERR_MAC_INVALID);
}

BOOST_AUTO_TEST_SUITE_END()
