// SPDX-License-Identifier: ISC
// The chain of sealed records.
#include "sealed.hh"

using namespace sealed;

namespace {

const u_char test_key[JEEBS_KEY_LEN] = { 1, 2, 3, 4 };
const u_char test_id[JEEBS_ID_LEN] = { 0xa0, 0xa1 };

ChainPtr make_chain(const u_char *key = test_key, const u_char *id = test_id,
    uint64_t epoch = 5)
{
	ChainPtr c(jeebs_chain_new(key, id, epoch));
	BOOST_REQUIRE(c != nullptr);
	return c;
}

// Seals records that go on where the one before ended.
struct Sealer {
	ChainPtr chain = make_chain();
	uint64_t in = 100, out = 1000;

	int try_seal(jeebs_envelope &e, const std::string &stream,
	    const std::string &state, Blob &rec)
	{
		return seal_whole(chain.get(), e, stream, state, rec);
	}

	Blob seal(jeebs_record_type type, const std::string &stream = "stream",
	    const std::string &state = "state")
	{
		jeebs_envelope e{};
		Blob rec;
		e.type = type;
		e.in_off = in;
		e.out_off = out;
		e.acked_off = out / 2;
		SSH_OK(try_seal(e, stream, state, rec));
		in += 10;
		out += stream.size();
		return rec;
	}
};

struct Opened {
	int r;
	jeebs_envelope env;
	std::string stream, state;
};

Opened open(const ChainPtr &c, const Blob &rec)
{
	Opened o{};
	const u_char *stream;
	BufPtr state = buf("left over");
	o.r = jeebs_chain_open(c.get(), rec.data(), rec.size(), &o.env,
	    &stream, state.get());
	o.state = text(state.get());
	if (o.r == 0)
		o.stream.assign(reinterpret_cast<const char *>(stream),
		    o.env.stream_len);
	else
		BOOST_TEST((stream == nullptr && o.state.empty() &&
		    o.env.seq == 0));
	return o;
}

} // namespace

BOOST_AUTO_TEST_SUITE(jeebs_chain_)

BOOST_AUTO_TEST_CASE(chain_round_trip)
{
	Sealer s;
	ChainPtr c = make_chain();
	const std::string big(JEEBS_MAX_STREAM, 'x');
	struct {
		jeebs_record_type type;
		std::string stream, state;
	} const records[] = {
		{ JEEBS_REC_CHECKPOINT, "", "everything" },
		{ JEEBS_REC_PROGRESS, "ciphertext", "changes" },
		{ JEEBS_REC_PROGRESS, "", "" },
		{ JEEBS_REC_PROGRESS, "only stream", "" },
		{ JEEBS_REC_CHECKPOINT, "tail", "everything again" },
		{ JEEBS_REC_PROGRESS, big, "x" },
		{ JEEBS_REC_END, "bye", "" },
	};
	uint64_t seq = 0, out = 1000;
	for (const auto &want : records) {
		Opened o = open(c, s.seal(want.type, want.stream, want.state));
		SSH_OK(o.r);
		BOOST_TEST((o.stream == want.stream));
		BOOST_TEST((o.state == want.state));
		BOOST_TEST(o.env.type == want.type);
		BOOST_TEST(o.env.seq == ++seq);
		BOOST_TEST(o.env.epoch == 5U);
		BOOST_TEST(o.env.out_off == out);
		BOOST_TEST(o.env.in_off == 100 + 10 * (seq - 1));
		BOOST_TEST(o.env.acked_off == out / 2);
		out += want.stream.size();
	}
}

BOOST_AUTO_TEST_CASE(records_append_to_what_is_in_the_buffer)
{
	Sealer s;
	BufPtr out = buf("before"), state = buf("state");
	jeebs_envelope e{};
	e.type = JEEBS_REC_CHECKPOINT;
	SSH_OK(jeebs_chain_seal(s.chain.get(), &e, nullptr, 0, state.get(),
	    out.get(), out.get()));
	BOOST_TEST(text(out.get()).substr(0, 6) == "before");
	SSH_OK(sshbuf_consume(out.get(), 6));
	SSH_OK(open(make_chain(), blob(out.get())).r);
}

BOOST_AUTO_TEST_CASE(state_is_not_in_clear_and_stream_is)
{
	Sealer s;
	Blob b = s.seal(JEEBS_REC_CHECKPOINT, "PUBLIC-STREAM", "SECRET-STATE");
	std::string raw(b.begin(), b.end());
	BOOST_TEST(raw.find("SECRET") == std::string::npos);
	BOOST_TEST(raw.find("PUBLIC-STREAM") == size_t{JEEBS_ENVELOPE_LEN});
	BOOST_TEST(raw.size() == JEEBS_ENVELOPE_LEN + 13U + 12U + JEEBS_TAG_LEN);
}

BOOST_AUTO_TEST_CASE(chain_may_begin_at_any_checkpoint_only)
{
	Sealer s;
	Blob first = s.seal(JEEBS_REC_CHECKPOINT);
	Blob second = s.seal(JEEBS_REC_PROGRESS);
	Blob third = s.seal(JEEBS_REC_CHECKPOINT);
	Blob fourth = s.seal(JEEBS_REC_PROGRESS);
	ChainPtr c = make_chain();
	SSH_IS(open(c, second).r, SSH_ERR_INVALID_FORMAT);
	SSH_OK(open(c, third).r);
	SSH_OK(open(c, fourth).r);
}

BOOST_AUTO_TEST_CASE(any_flipped_bit_is_refused)
{
	Sealer s;
	Blob cp = s.seal(JEEBS_REC_CHECKPOINT, "stream of a checkpoint");
	Blob pr = s.seal(JEEBS_REC_PROGRESS, "stream of progress");
	ChainPtr c = make_chain();
	for (size_t bit = 0; bit < cp.size() * 8; bit++)
		BOOST_REQUIRE_MESSAGE(open(c, flipped(cp, bit)).r != 0,
		    "bit " << bit << " flipped, accepted");
	SSH_OK(open(c, cp).r);
	for (size_t bit = 0; bit < pr.size() * 8; bit++)
		BOOST_REQUIRE_MESSAGE(open(c, flipped(pr, bit)).r != 0,
		    "bit " << bit << " flipped, accepted");
	// what was refused left no trace
	SSH_OK(open(c, pr).r);
}

BOOST_AUTO_TEST_CASE(any_cut_is_refused)
{
	Sealer s;
	Blob cp = s.seal(JEEBS_REC_CHECKPOINT), pr = s.seal(JEEBS_REC_PROGRESS);
	ChainPtr c = make_chain();
	for (size_t n = 0; n < cp.size(); n++)
		BOOST_REQUIRE_NE(open(c, cut(cp, n)).r, 0);
	SSH_IS(open(c, longer(cp)).r, SSH_ERR_UNEXPECTED_TRAILING_DATA);
	SSH_OK(open(c, cp).r);
	for (size_t n = 0; n < pr.size(); n++)
		BOOST_REQUIRE_NE(open(c, cut(pr, n)).r, 0);
	SSH_IS(open(c, longer(pr)).r, SSH_ERR_UNEXPECTED_TRAILING_DATA);
	SSH_OK(open(c, pr).r);
}

BOOST_AUTO_TEST_CASE(replay_reorder_and_loss_are_refused)
{
	Sealer s;
	std::vector<Blob> r;
	r.push_back(s.seal(JEEBS_REC_CHECKPOINT));
	for (int i = 0; i < 4; i++)
		r.push_back(s.seal(JEEBS_REC_PROGRESS));
	r.push_back(s.seal(JEEBS_REC_CHECKPOINT));
	ChainPtr c = make_chain();
	SSH_OK(open(c, r[0]).r);
	for (size_t i : { 0, 2, 3, 4, 5 })
		SSH_IS(open(c, r[i]).r, SSH_ERR_INVALID_FORMAT);
	SSH_OK(open(c, r[1]).r);
	for (size_t i : { 0, 1, 3, 4, 5 })
		SSH_IS(open(c, r[i]).r, SSH_ERR_INVALID_FORMAT);
}

BOOST_AUTO_TEST_CASE(record_of_another_chain_is_refused)
{
	// same key, id, epoch and offsets: only the tag before tells
	Sealer a, b;
	Blob a1 = a.seal(JEEBS_REC_CHECKPOINT, "stream", "one");
	Blob b1 = b.seal(JEEBS_REC_CHECKPOINT, "stream", "two");
	Blob a2 = a.seal(JEEBS_REC_PROGRESS), b2 = b.seal(JEEBS_REC_PROGRESS);
	ChainPtr c = make_chain();
	SSH_OK(open(c, a1).r);
	SSH_IS(open(c, b2).r, SSH_ERR_MAC_INVALID);
	SSH_OK(open(c, a2).r);

	// the stream of one record with the state of the other
	Blob mixed = a1;
	std::copy(b1.begin(), b1.begin() + JEEBS_ENVELOPE_LEN + 6,
	    mixed.begin());
	mixed[JEEBS_ENVELOPE_LEN] ^= 1;
	SSH_IS(open(make_chain(), mixed).r, SSH_ERR_MAC_INVALID);
}

BOOST_AUTO_TEST_CASE(wrong_key_id_or_epoch_is_refused)
{
	Sealer s;
	Blob cp = s.seal(JEEBS_REC_CHECKPOINT);
	u_char key[JEEBS_KEY_LEN], id[JEEBS_ID_LEN];
	memcpy(key, test_key, sizeof(key));
	memcpy(id, test_id, sizeof(id));
	key[31] ^= 1;
	id[15] ^= 1;
	SSH_IS(open(make_chain(key), cp).r, SSH_ERR_MAC_INVALID);
	SSH_IS(open(make_chain(test_key, id), cp).r, SSH_ERR_INVALID_FORMAT);
	SSH_IS(open(make_chain(test_key, test_id, 6), cp).r,
	    SSH_ERR_INVALID_FORMAT);
	// an envelope edited to fit doesn't help
	Blob edited = cp;
	edited[8 + 15] ^= 1;
	SSH_IS(open(make_chain(test_key, id), edited).r, SSH_ERR_MAC_INVALID);
	edited = cp;
	edited[24 + 7] = 6;
	SSH_IS(open(make_chain(test_key, test_id, 6), edited).r,
	    SSH_ERR_MAC_INVALID);
	SSH_OK(open(make_chain(), cp).r);
}

BOOST_AUTO_TEST_CASE(nothing_follows_the_end)
{
	Sealer s, t;
	ChainPtr c = make_chain();
	SSH_OK(open(c, s.seal(JEEBS_REC_CHECKPOINT)).r);
	SSH_OK(open(c, s.seal(JEEBS_REC_END)).r);
	(void)t.seal(JEEBS_REC_CHECKPOINT);
	(void)t.seal(JEEBS_REC_PROGRESS);
	SSH_IS(open(c, t.seal(JEEBS_REC_PROGRESS)).r, SSH_ERR_INVALID_FORMAT);
	jeebs_envelope e{};
	Blob rec;
	e.type = JEEBS_REC_PROGRESS;
	e.in_off = s.in;
	e.out_off = s.out;
	SSH_IS(s.try_seal(e, "", "", rec), SSH_ERR_INVALID_ARGUMENT);
}

BOOST_AUTO_TEST_CASE(sealing_refuses_what_opening_would)
{
	Sealer s;
	jeebs_envelope good{};
	Blob rec;
	good.type = JEEBS_REC_PROGRESS;
	good.in_off = s.in;
	good.out_off = s.out;
	SSH_IS(s.try_seal(good, "", "", rec), SSH_ERR_INVALID_ARGUMENT);
	(void)s.seal(JEEBS_REC_CHECKPOINT);
	good.in_off = s.in;
	good.out_off = s.out;

	void (*const spoil[])(jeebs_envelope &) = {
		[](jeebs_envelope &e) { e.type = JEEBS_REC_ROOT; },
		[](jeebs_envelope &e) { e.type = 0; },
		[](jeebs_envelope &e) { e.type = 9; },
		[](jeebs_envelope &e) { e.in_off = 99; },
		[](jeebs_envelope &e) { e.out_off++; },
		[](jeebs_envelope &e) { e.out_off--; },
		[](jeebs_envelope &e) { e.acked_off = e.out_off + 1; },
	};
	for (auto f : spoil) {
		jeebs_envelope e = good;
		f(e);
		SSH_IS(s.try_seal(e, "abc", "state", rec),
		    SSH_ERR_INVALID_ARGUMENT);
		BOOST_TEST(rec.empty());
	}
	jeebs_envelope e = good;
	SSH_IS(s.try_seal(e, std::string(JEEBS_MAX_STREAM + 1, 'x'), "", rec),
	    SSH_ERR_INVALID_ARGUMENT);
	// a refusal spends no sequence number
	e = good;
	SSH_OK(s.try_seal(e, "abc", "state", rec));
	BOOST_TEST(e.seq == 2U);
}

BOOST_AUTO_TEST_CASE(chain_goes_one_way)
{
	Sealer s;
	Blob cp = s.seal(JEEBS_REC_CHECKPOINT);
	SSH_IS(open(s.chain, cp).r, SSH_ERR_INVALID_ARGUMENT);
	Sealer t;
	SSH_OK(open(t.chain, cp).r);
	jeebs_envelope e{};
	Blob rec;
	e.type = JEEBS_REC_CHECKPOINT;
	SSH_IS(t.try_seal(e, "", "", rec), SSH_ERR_INVALID_ARGUMENT);
}

BOOST_AUTO_TEST_CASE(no_space_spends_no_sequence_number)
{
	Sealer s;
	(void)s.seal(JEEBS_REC_CHECKPOINT);
	BufPtr state = buf(std::string(300, 's')), head = buf("h"),
	    out = buf("o");
	SSH_OK(sshbuf_set_max_size(out.get(), 256));
	jeebs_envelope e{};
	e.type = JEEBS_REC_PROGRESS;
	e.in_off = s.in;
	e.out_off = s.out;
	Blob stream(300);
	auto seal = [&](sshbuf *sealed) {
		return jeebs_chain_seal(s.chain.get(), &e, stream.data(),
		    stream.size(), state.get(), head.get(), sealed);
	};
	SSH_IS(seal(out.get()), SSH_ERR_NO_BUFFER_SPACE);
	BOOST_TEST(text(out.get()) == "o");
	BOOST_TEST(text(head.get()) == "h");
	SSH_IS(seal(head.get()), SSH_ERR_INVALID_ARGUMENT);
	BOOST_TEST(text(head.get()) == "h");
	state = buf("state");
	SSH_OK(seal(out.get()));
	BOOST_TEST(e.seq == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
