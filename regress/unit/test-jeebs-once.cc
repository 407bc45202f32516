// SPDX-License-Identifier: ISC
// What sshd-adopt remembers of the sessions that it opened.
#include "sealed.hh"

#include "jeebs-once.h"

using namespace sealed;

namespace {

struct FreeOnce {
	void operator()(jeebs_once *p) const { jeebs_once_free(p); }
};

struct Fixture {
	std::unique_ptr<jeebs_once, FreeOnce> once{jeebs_once_new()};

	int open(std::string_view session, uint64_t epoch)
	{
		return jeebs_once_claim(once.get(), buf(session).get(), epoch);
	}
};

} // namespace

BOOST_AUTO_TEST_SUITE(jeebs_once_)

// Two incarnations of one session can lie at a standby: the one that a new
// recovery key made necessary, and the one before it.
BOOST_FIXTURE_TEST_CASE(once_in_an_epoch, Fixture)
{
	SSH_OK(open("a session", 3));
	SSH_IS(open("a session", 3), SSH_ERR_INVALID_ARGUMENT);
	SSH_OK(open("another session", 3));
}

BOOST_FIXTURE_TEST_CASE(never_in_an_older_epoch, Fixture)
{
	SSH_OK(open("a session", 7));
	SSH_IS(open("a session", 6), SSH_ERR_INVALID_ARGUMENT);
	SSH_IS(open("a session", 0), SSH_ERR_INVALID_ARGUMENT);
}

// There and back again: each takeover has an epoch of its own.
BOOST_FIXTURE_TEST_CASE(again_in_later_epochs, Fixture)
{
	for (uint64_t epoch = 1; epoch < 20; epoch += 2)
		SSH_OK(open("a session", epoch));
	SSH_IS(open("a session", 19), SSH_ERR_INVALID_ARGUMENT);
	SSH_OK(open("a session", UINT64_MAX));
	SSH_IS(open("a session", UINT64_MAX), SSH_ERR_INVALID_ARGUMENT);
}

BOOST_FIXTURE_TEST_CASE(many, Fixture)
{
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 1000; i++)
			SSH_IS(open("session " + std::to_string(i), 1),
			    round == 0 ? 0 : SSH_ERR_INVALID_ARGUMENT);
}

BOOST_AUTO_TEST_SUITE_END()
