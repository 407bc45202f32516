// SPDX-License-Identifier: ISC
#include "sealed.hh"

#include <map>

#include "jeebs-state.h"

using namespace sealed;

namespace {

struct FreeState {
	void operator()(jeebs_state *p) const { jeebs_state_free(p); }
};
using StatePtr = std::unique_ptr<jeebs_state, FreeState>;

using Objects = std::map<std::pair<int, uint32_t>, std::string>;

// One turn of an exporter whose live objects are `live`.
BufPtr turn(jeebs_state *st, const Objects &live, bool full)
{
	BufPtr out(sshbuf_new());
	jeebs_state_begin(st, out.get(), full);
	for (const auto &[name, body] : live) {
		BufPtr b(sshbuf_from(body.data(), body.size()));
		SSH_OK(jeebs_state_put(st, jeebs_tag(name.first), name.second,
		    b.get()));
	}
	SSH_OK(jeebs_state_end(st));
	return out;
}

Objects contents(jeebs_state *st)
{
	Objects all;
	for (int tag = JEEBS_TAG_TRANSPORT; tag <= JEEBS_TAG_LAST; tag++) {
		struct Ctx { Objects *all; int tag; } ctx{ &all, tag };
		SSH_OK(jeebs_state_each(st, jeebs_tag(tag),
		    [](ssh *, uint32_t id, sshbuf *b, void *p) {
			auto *c = static_cast<Ctx *>(p);
			(*c->all)[{ c->tag, id }] = std::string(
			    (const char *)sshbuf_ptr(b), sshbuf_len(b));
			return 0;
		    }, nullptr, &ctx));
	}
	return all;
}

} // namespace

BOOST_AUTO_TEST_SUITE(jeebs_state_tests)

BOOST_AUTO_TEST_CASE(only_what_changed_is_exported)
{
	StatePtr st(jeebs_state_new());
	Objects live{ { { JEEBS_TAG_CHANNEL, 0 }, "a" },
	    { { JEEBS_TAG_CHANNEL, 1 }, "b" } };
	BOOST_TEST(sshbuf_len(turn(st.get(), live, true).get()) > 0);
	BOOST_TEST(sshbuf_len(turn(st.get(), live, false).get()) == 0);
	live[{ JEEBS_TAG_CHANNEL, 1 }] = "c";
	BufPtr out = turn(st.get(), live, false);
	// op, tag, id, length, one byte
	BOOST_TEST(sshbuf_len(out.get()) == 1 + 1 + 4 + 4 + 1);
	BOOST_TEST(sshbuf_len(turn(st.get(), live, true).get()) ==
	    2 * (1 + 1 + 4 + 4 + 1));
}

BOOST_AUTO_TEST_CASE(importer_follows_exporter)
{
	StatePtr from(jeebs_state_new()), to(jeebs_state_new());
	Objects live;
	uint32_t seed = 1;
	auto next = [&seed] { return seed = seed * 1103515245 + 12345; };
	for (int i = 0; i < 2000; i++) {
		std::pair<int, uint32_t> name{ 1 + next() / 65536 %
		    JEEBS_TAG_LAST, next() / 65536 % 8 };
		if (next() / 65536 % 3 == 0)
			live.erase(name);
		else
			live[name] = std::string(next() / 65536 % 20,
			    char('a' + i % 26));
		bool full = i == 0 || next() / 65536 % 10 == 0;
		BufPtr out = turn(from.get(), live, full);
		SSH_OK(jeebs_state_apply(to.get(), out.get(), full));
		BOOST_REQUIRE((contents(to.get()) == live));
	}
}

BOOST_AUTO_TEST_CASE(what_was_kept_stays)
{
	StatePtr from(jeebs_state_new()), to(jeebs_state_new());
	Objects live{ { { JEEBS_TAG_TRANSPORT, 0 }, "keys" },
	    { { JEEBS_TAG_COUNTERS, 0 }, "1" } };
	BufPtr out = turn(from.get(), live, true);
	SSH_OK(jeebs_state_apply(to.get(), out.get(), 1));
	out.reset(sshbuf_new());
	BufPtr two(sshbuf_from("2", 1));
	jeebs_state_begin(from.get(), out.get(), 0);
	jeebs_state_keep(from.get(), JEEBS_TAG_TRANSPORT, 0);
	SSH_OK(jeebs_state_put(from.get(), JEEBS_TAG_COUNTERS, 0, two.get()));
	SSH_OK(jeebs_state_end(from.get()));
	SSH_OK(jeebs_state_apply(to.get(), out.get(), 0));
	live[{ JEEBS_TAG_COUNTERS, 0 }] = "2";
	BOOST_TEST((contents(to.get()) == live));
}

BOOST_AUTO_TEST_CASE(a_body_grows_and_shrinks)
{
	StatePtr from(jeebs_state_new()), to(jeebs_state_new());
	std::string whole;
	uint32_t seed = 1;
	auto next = [&seed] { return (seed = seed * 1103515245 + 12345) / 65536; };
	for (int i = 0; i < 1000; i++) {
		const size_t drop = next() % (whole.size() + 1);
		const std::string more(next() % 30, char('a' + i % 26));
		whole = whole.substr(drop) + more;
		const bool full = i == 0 || next() % 10 == 0;
		BufPtr out(sshbuf_new()), b(sshbuf_from(whole.data(),
		    whole.size()));
		jeebs_state_begin(from.get(), out.get(), full);
		SSH_OK(jeebs_state_grow(from.get(), JEEBS_TAG_FORWARD_DATA, 3,
		    b.get(), drop, more.size()));
		SSH_OK(jeebs_state_end(from.get()));
		// Nothing is said of one that stays as it is.
		if (!full && drop == 0 && more.empty())
			BOOST_TEST(sshbuf_len(out.get()) == 0U);
		SSH_OK(jeebs_state_apply(to.get(), out.get(), full));
		Objects live{ { { JEEBS_TAG_FORWARD_DATA, 3 }, whole } };
		BOOST_REQUIRE((contents(to.get()) == live));
	}
}

BOOST_AUTO_TEST_CASE(growing_what_is_not_there_or_not_so_long)
{
	const u_char grow[] = { 3, JEEBS_TAG_FORWARD_DATA, 0, 0, 0, 3,
	    0, 0, 0, 2, 0, 0, 0, 1, 'x' };
	const u_char set[] = { 1, JEEBS_TAG_FORWARD_DATA, 0, 0, 0, 3,
	    0, 0, 0, 1, 'a' };
	StatePtr to(jeebs_state_new());
	BufPtr a(sshbuf_from(grow, sizeof(grow)));
	SSH_IS(jeebs_state_apply(to.get(), a.get(), 0),
	    SSH_ERR_INVALID_FORMAT);
	BufPtr b(sshbuf_from(set, sizeof(set)));
	SSH_OK(jeebs_state_apply(to.get(), b.get(), 0));
	BufPtr c(sshbuf_from(grow, sizeof(grow)));
	SSH_IS(jeebs_state_apply(to.get(), c.get(), 0),
	    SSH_ERR_MESSAGE_INCOMPLETE);
}

BOOST_AUTO_TEST_CASE(strict)
{
	StatePtr from(jeebs_state_new());
	Objects live{ { { JEEBS_TAG_CHANNEL, 7 }, "body" },
	    { { JEEBS_TAG_SESSION, 7 }, "" } };
	BufPtr good = turn(from.get(), live, true);
	const u_char *p = sshbuf_ptr(good.get());
	size_t len = sshbuf_len(good.get());
	size_t second = len - (1 + 1 + 4 + 4);
	for (size_t n = 0; n <= len; n++) {
		StatePtr to(jeebs_state_new());
		BufPtr cut(sshbuf_from(p, n));
		int r = jeebs_state_apply(to.get(), cut.get(), 1);
		BOOST_TEST((r == 0) == (n == 0 || n == second || n == len));
	}
	for (u_char op : { 0, 3, 255 }) {
		StatePtr to(jeebs_state_new());
		BufPtr b(sshbuf_new());
		SSH_OK(sshbuf_put(b.get(), p, len));
		sshbuf_mutable_ptr(b.get())[0] = op;
		SSH_IS(jeebs_state_apply(to.get(), b.get(), 1),
		    SSH_ERR_INVALID_FORMAT);
	}
	for (u_char tag : { 0, JEEBS_TAG_LAST + 1, 255 }) {
		StatePtr to(jeebs_state_new());
		BufPtr b(sshbuf_new());
		SSH_OK(sshbuf_put(b.get(), p, len));
		sshbuf_mutable_ptr(b.get())[1] = tag;
		SSH_IS(jeebs_state_apply(to.get(), b.get(), 1),
		    SSH_ERR_INVALID_FORMAT);
	}
}

BOOST_AUTO_TEST_CASE(gone_must_have_been_there)
{
	const u_char gone[] = { 2, JEEBS_TAG_CHANNEL, 0, 0, 0, 1 };
	StatePtr st(jeebs_state_new());
	BufPtr b(sshbuf_from(gone, sizeof(gone)));
	SSH_IS(jeebs_state_apply(st.get(), b.get(), 0),
	    SSH_ERR_INVALID_FORMAT);
}

BOOST_AUTO_TEST_SUITE_END()
