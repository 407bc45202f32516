// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include "audit-lan.hh"

using namespace jeebs;
using namespace jeebs::test;

BOOST_FIXTURE_TEST_SUITE(auditor, AuditLan)

BOOST_AUTO_TEST_CASE(silent_over_a_failover)
{
	protected_session();
	server(alpha, 10, "abcdefghij");
	server(alpha, 10, "abcdefghij");	// again, as a retransmission
	wait_ms(600);
	take_over();
	server(beta, 14, "efghij");
	server(beta, 20, "new");
	claim(beta, vip);
	line(beta, "session n=1 " + flow());
	line(beta, "unprotect " + flow() + " why=no standby");
	line(beta, "over " + flow() + " why=");
	server(beta, 23, "", tcp_fin | tcp_ack);
	auditor.summary().log_lines = 1;
	auditor.finish();
	BOOST_TEST(found() == "");
	const auto &s = auditor.summary();
	BOOST_TEST(s.connections == 1U);
	BOOST_TEST(s.protected_connections == 1U);
	BOOST_TEST(s.adoptions == 1U);
	BOOST_TEST(s.bytes_again == 16U);
	BOOST_TEST(s.checked_against_commits == 2U);
	BOOST_TEST(s.commits == 1U);
	BOOST_TEST(s.claims == 2U);
	BOOST_TEST(s.endings == 1U);
}

// A nonce that was used twice shows as other bytes at the same place.
BOOST_AUTO_TEST_CASE(content_of_the_new_host_differs)
{
	protected_session();
	server(alpha, 10, "abcdefghij");
	wait_ms(600);
	take_over();
	server(beta, 12, "cdeXgh");
	BOOST_TEST(found() == "content");
	BOOST_TEST(auditor.findings().all()[0].line().find("byte 15 (seq "
	    "4294967295) was 0x66 when alpha emitted it") !=
	    std::string::npos);
}

// In other segments than before, and beyond 2^32.
BOOST_AUTO_TEST_CASE(content_across_segments_and_the_wrap)
{
	protected_session();
	server(alpha, 10, "abc");
	server(alpha, 13, "defghij");
	server(alpha, 8, "89abcdefghij");
	BOOST_TEST(found() == "");
	server(alpha, 8, "89abcdefghiK");
	BOOST_TEST(found() == "content");
}

// A jeebsd that was started anew.
BOOST_AUTO_TEST_CASE(a_session_that_nobody_names_ends_when_it_is_forgotten)
{
	for (bool named : {false, true}) {
		AuditLan lan;
		lan.protected_session();
		lan.line(alpha, "start host=alpha peer=x epoch=2 "
		    "lease=500000000 port=22");
		lan.lease(alpha, 500);
		if (named)
			lan.line(alpha, "session n=1 " + lan.flow() + " rcv=1001");
		lan.line(alpha, "forget");
		lan.server(alpha, 10, "", tcp_rst | tcp_ack);
		BOOST_TEST(lan.found() == (named ? "ending" : ""));
	}
}

BOOST_AUTO_TEST_CASE(another_initial_number_for_a_connection)
{
	protected_session();
	SegmentFields f;
	f.source = vip;
	f.destination = other;
	f.source_port = 22;
	f.destination_port = client_port;
	f.seq = Seq32(77);
	f.ack = Seq32(client_isn + 1);
	f.flags = tcp_syn | tcp_ack;
	frame(alpha, 0x0800, build_segment(f));
	BOOST_TEST(found() == "content");
}

BOOST_AUTO_TEST_CASE(ports_used_again)
{
	serve(alpha, 2);
	connect(alpha);
	server(alpha, 0, "0123456789");
	server(alpha, 10, "", tcp_rst);
	connect(alpha, 55);
	server(alpha, 0, "other text");
	BOOST_TEST(found() == "");
	BOOST_TEST(auditor.summary().connections == 2U);
}

BOOST_AUTO_TEST_CASE(emitted_and_not_held)
{
	protected_session();
	server(alpha, 10, "abcdefghij");
	BOOST_TEST(found() == "");
	server(alpha, 20, "k");
	hold(21);
	BOOST_TEST(found() == "commit");
	server(alpha, 20, "k");
	BOOST_TEST(found() == "commit");
}

BOOST_AUTO_TEST_CASE(nothing_held_at_all)
{
	serve(alpha, 2);
	connect(alpha);
	line(alpha, "session n=1 " + flow());
	line(alpha, "offer sid=ab " + flow() + " epoch=2");
	line(alpha, "protect sid=ab from=10");
	server(alpha, 0, "0123456789");	// written before
	BOOST_TEST(found() == "");
	server(alpha, 10, "a");
	BOOST_TEST(found() == "commit");
}

BOOST_AUTO_TEST_CASE(without_protection_nothing_waits)
{
	protected_session();
	line(alpha, "unprotect " + flow() + " why=beta resigned");
	server(alpha, 10, "abcdefghijklmnop");
	server(alpha, 26, "", tcp_fin | tcp_ack);
	BOOST_TEST(found() == "");
}

BOOST_AUTO_TEST_CASE(adopted_with_less_than_was_emitted)
{
	protected_session();
	server(alpha, 10, "abcdefghij");
	wait_ms(600);
	take_over(3, 19);
	BOOST_TEST(found() == "commit");
}

BOOST_AUTO_TEST_CASE(a_lease_that_has_ended)
{
	protected_session();
	wait_ms(510);
	server(alpha, 10, "abc");	// within what clocks may differ
	BOOST_TEST(found() == "");
	wait_ms(20);
	server(alpha, 10, "abc");
	BOOST_TEST(found() == "lease");
	// Any packet, not only of a session.
	claim(alpha, vip);
	BOOST_TEST(found() == "lease claim");
}

// What the kernel lets pass doesn't matter to whoever has taken over.
BOOST_AUTO_TEST_CASE(a_lease_that_is_ignored)
{
	protected_session();
	server(alpha, 10, "abcdefghij");
	line(alpha, "gate open");
	wait_ms(600);
	take_over();
	server(alpha, 10, "abcdefghij");
	BOOST_TEST(found() == "epoch");
}

BOOST_AUTO_TEST_CASE(a_stale_host_under_its_lease)
{
	protected_session();
	server(alpha, 10, "abcde");
	take_over();	// fenced, or so it believed
	server(alpha, 10, "abcde");
	BOOST_TEST(found() == "");
	BOOST_TEST(auditor.summary().stale == 1U);
	server(alpha, 15, "fgh");	// held, but never emitted before
	BOOST_TEST(found() == "owner epoch");
}

BOOST_AUTO_TEST_CASE(hosts_that_disagree_about_a_forward)
{
	protected_session();
	forward(alpha, -1, "", tcp_syn);
	forward(alpha, 0, "abcdef");
	wait_ms(600);
	take_over();
	forward(beta, 3, "defgh");
	BOOST_TEST(found() == "");
	forward(beta, 4, "eX");
	BOOST_TEST(found() == "content");
}

BOOST_AUTO_TEST_CASE(a_stale_host_repeats_what_a_forward_was_sent)
{
	protected_session();
	forward(alpha, -1, "", tcp_syn);
	forward(alpha, 0, "abcdef");
	take_over();
	forward(alpha, 2, "cd");
	BOOST_TEST(found() == "");
	forward(alpha, 6, "g");
	BOOST_TEST(found() == "epoch");
}

BOOST_AUTO_TEST_CASE(a_stale_host_says_goodbye)
{
	protected_session();
	take_over();
	server(alpha, 10, "", tcp_fin | tcp_ack);
	BOOST_TEST(found() == "owner epoch");
}

BOOST_AUTO_TEST_CASE(two_hosts_in_one_epoch)
{
	protected_session();
	server(alpha, 10, "abcdefghij");
	wait_ms(600);
	take_over(2);
	BOOST_TEST(found() == "epoch epoch");	// beta's, the connection's
	server(beta, 10, "abcdefghij");
	BOOST_TEST(auditor.findings().all()[1].repeated == 1U);
}

// It came back and didn't care that the other one had a newer epoch.
BOOST_AUTO_TEST_CASE(an_older_epoch_that_is_ignored)
{
	protected_session();
	wait_ms(600);
	take_over();
	serve(alpha, 2);
	BOOST_TEST(found() == "epoch");
	claim(alpha, vip);
	BOOST_TEST(found() == "epoch claim");
	server(alpha, 10, "abc");
	BOOST_TEST(auditor.findings().has(audit::Rule::epoch));
}

BOOST_AUTO_TEST_CASE(bytes_of_one_who_never_adopted)
{
	protected_session();
	wait_ms(600);
	serve(beta, 3);
	server(beta, 10, "abc");
	BOOST_TEST(found() == "owner");
}

BOOST_AUTO_TEST_CASE(fin_and_rst_of_a_protected_session)
{
	protected_session();
	server(alpha, 10, "", tcp_fin | tcp_ack);
	BOOST_TEST(found() == "ending");
}

BOOST_AUTO_TEST_CASE(a_session_that_is_over)
{
	protected_session();
	line(beta, "lost sid=ab why=closed");
	line(alpha, "over " + flow() + " why=closed");
	server(alpha, 10, "", tcp_fin | tcp_ack);
	server(alpha, 11, "", tcp_rst);
	BOOST_TEST(found() == "");
}

BOOST_AUTO_TEST_CASE(a_reset_of_what_is_held)
{
	protected_session();
	wait_ms(600);
	serve(beta, 3);
	server(beta, 10, "", tcp_rst);
	BOOST_TEST(found() == "ending");
}

BOOST_AUTO_TEST_CASE(a_reset_with_its_reason)
{
	protected_session();
	wait_ms(600);
	serve(beta, 3);
	line(beta, "reset " + flow() + " why=no account here");
	server(beta, 10, "", tcp_rst);
	BOOST_TEST(found() == "");
}

BOOST_AUTO_TEST_CASE(a_reset_by_an_owner_that_lost_power)
{
	AuditLan lan;
	lan.protected_session();
	lan.dark(alpha);
	lan.line(alpha, "start host=alpha peer=x epoch=2 lease=500000000 "
	    "port=22");
	lan.serve(alpha, 3);
	lan.server(alpha, 20, "", tcp_rst);
	BOOST_TEST(lan.found() == "ending");	// beta holds it
}

BOOST_AUTO_TEST_CASE(a_reset_of_what_was_lost_with_both_hosts)
{
	AuditLan lan;
	lan.protected_session();
	lan.dark(alpha);
	lan.dark(beta);
	for (auto w : {beta, alpha})
		lan.line(w, fmt::format("start host={} peer=x epoch=2 "
		    "lease=500000000 port=22", AuditLan::name(w)));
	lan.serve(alpha, 3);
	lan.server(alpha, 20, "", tcp_rst);
	BOOST_TEST(lan.found() == "");
}

BOOST_AUTO_TEST_CASE(a_reset_of_what_nobody_holds)
{
	protected_session();
	line(beta, "void why=sshd-adopt ended");
	wait_ms(600);
	serve(beta, 3);
	server(beta, 10, "", tcp_rst);
	BOOST_TEST(found() == "");
}

BOOST_AUTO_TEST_CASE(claims)
{
	serve(alpha, 2);
	claim(alpha, vip);
	BOOST_TEST(found() == "");
	claim(beta, vip);
	BOOST_TEST(found() == "claim");
	BOOST_TEST(auditor.summary().claims == 4U);
	// A question with no address of its own is none.
	auditor.packet(audit::parse_packet(tick(), solicitation_frame(vip,
	    mac(beta))));
	BOOST_TEST(auditor.summary().claims == 4U);
}

BOOST_AUTO_TEST_CASE(claims_of_a_v6_address)
{
	IpAddr six = IpAddr::parse("fd77::100").value();
	line(alpha, "vip addr=fd77::100 mac=02:00:00:00:00:01");
	serve(alpha, 2);
	claim(alpha, six);
	BOOST_TEST(found() == "");
	claim(beta, six);
	BOOST_TEST(found() == "claim");
	claim(client, six);
	BOOST_TEST(auditor.findings().all().size() == 2U);
}

BOOST_AUTO_TEST_CASE(power_cuts)
{
	serve(alpha, 5);
	auto dark = audit::parse_power(fmt::format("{{\"event\":\"dark\","
	    "\"host\":\"alpha\",\"realtime\":{}.{:06}}}", now / 1'000'000'000,
	    now % 1'000'000'000 / 1000));
	BOOST_REQUIRE(dark.has_value());
	BOOST_REQUIRE(dark->has_value());
	auditor.event(2, **dark);
	// It knows nothing of epoch 5.
	serve(beta, 2);
	claim(beta, vip);
	BOOST_TEST(found() == "");
	wait_ms(20);
	claim(alpha, vip);
	BOOST_TEST(found() == "claim");
}

BOOST_AUTO_TEST_CASE(bytes_that_the_capture_lacks)
{
	serve(alpha, 2);
	connect(alpha);
	server(alpha, 0, "0123");
	server(alpha, 6, "6789");
	from_client(tcp_ack, client_isn + 1, base + 10);
	auditor.summary().log_lines = 1;
	auditor.finish();
	BOOST_TEST(found() == "evidence");
}

BOOST_AUTO_TEST_CASE(silence_over_nothing)
{
	auditor.finish();
	BOOST_TEST(found() == "evidence");
}

BOOST_AUTO_TEST_CASE(bad_lines)
{
	for (const char *bad : {"", "7", "x start", "7 what", "7 start host=a",
	    "7 held sid=zz out=1 in=1", "7 gate", "7 gate lease=x", "7 vips",
	    "7 over flow=1.2.3.4:5 why=", "7 over flow=1.2.3.4:x/1.2.3.4:5 why=",
	    "7 vip addr=1.2.3.4 mac=02:00"})
		BOOST_TEST(!audit::parse_event(bad).has_value(), bad);
	auto e = audit::parse_event("7 over flow=[fd00::1]:22/[fd00::2]:5 "
	    "why=a b=c");
	BOOST_REQUIRE(e.has_value());
	BOOST_TEST(e->text == "a b=c");
	BOOST_TEST(e->flow.remote_port == 5);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(auditor_input)

// alpha ACKs the client's bytes before `to`.
static void
acknowledges(AuditLan &lan, uint32_t to)
{
	lan.server(alpha, 10, "", tcp_ack, AuditLan::client_isn + 1 + to);
}

BOOST_AUTO_TEST_CASE(acknowledged_and_not_held)
{
	AuditLan lan;
	lan.protected_session();
	acknowledges(lan, 90);	// nobody has said anything yet
	lan.line(alpha, "cover sid=ab from=100");
	acknowledges(lan, 100);
	lan.line(beta, "input sid=ab from=100 to=130");
	acknowledges(lan, 130);
	BOOST_TEST(lan.found() == "");
	acknowledges(lan, 131);
	BOOST_TEST(lan.found() == "input");
}

BOOST_AUTO_TEST_CASE(what_lies_behind_a_gap_isnt_held)
{
	AuditLan lan;
	lan.protected_session();
	lan.line(alpha, "cover sid=ab from=0");
	lan.line(beta, "input sid=ab from=20 to=30");
	lan.line(beta, "input sid=ab from=0 to=10");
	acknowledges(lan, 10);
	BOOST_TEST(lan.found() == "");
	acknowledges(lan, 30);
	BOOST_TEST(lan.found() == "input");
}

BOOST_AUTO_TEST_CASE(what_a_record_consumed_is_held)
{
	AuditLan lan;
	lan.protected_session();
	lan.line(alpha, "cover sid=ab from=0");
	lan.hold(20, 30);
	acknowledges(lan, 30);
	BOOST_TEST(lan.found() == "");
}

BOOST_AUTO_TEST_CASE(what_a_standby_lost_isnt_held)
{
	AuditLan lan;
	lan.protected_session();
	lan.line(alpha, "cover sid=ab from=0");
	lan.line(beta, "input sid=ab from=0 to=10");
	lan.line(beta, "input sid=ab from=20 to=30");
	lan.line(beta, "lost sid=ab why=x");
	lan.line(beta, "open sid=ab " + lan.flow() + " rcv=1001");
	lan.line(beta, "input sid=ab from=10 to=20");
	acknowledges(lan, 20);
	BOOST_TEST(lan.found() == "");
	acknowledges(lan, 30);
	BOOST_TEST(lan.found() == "input");
}

// The next host calls 0 where it went on.
BOOST_AUTO_TEST_CASE(acknowledged_to_a_target_and_not_held)
{
	AuditLan lan;
	auto ack = [&lan](Who w, uint32_t n) {
		lan.forward(w, 0, "", tcp_ack, 500 + n);
	};
	lan.serve(alpha, 2);
	lan.forward(alpha, -1, "", tcp_syn);
	for (Who w : {beta, alpha})
		lan.line(w, "forward sid=f1 " + lan.to_target() + " rcv=500");
	ack(alpha, 90);
	lan.line(alpha, "cover sid=f1 from=100");
	lan.line(beta, "input sid=f1 from=100 to=130");
	ack(alpha, 130);
	lan.line(beta, "void why=x");
	ack(alpha, 130);
	lan.dark(alpha);
	lan.serve(beta, 3);
	lan.line(beta, "go-on " + lan.to_target() + " epoch=3 end=4294967280");
	for (Who w : {alpha, beta})
		lan.line(w, "forward sid=f2 " + lan.to_target() + " rcv=620");
	ack(beta, 131);
	lan.line(beta, "cover sid=f2 from=10");
	lan.line(alpha, "input sid=f2 from=10 to=20");
	ack(beta, 140);
	BOOST_TEST(lan.found() == "");
	ack(beta, 141);
	BOOST_TEST(lan.found() == "input");
	lan.line(beta, "unprotect " + lan.to_target() + " why=let go");
	ack(beta, 150);
	BOOST_TEST(lan.found() == "input");
}

BOOST_AUTO_TEST_CASE(a_forward_goes_on_with_less_than_its_target_had)
{
	for (uint32_t end : {4U, 3U, 0xfffffff0U}) {
		AuditLan lan;
		lan.serve(alpha, 2);
		lan.forward(alpha, -1, "", tcp_syn);
		lan.forward(alpha, 0, "0123456789abcdefghij");
		lan.dark(alpha);
		lan.serve(beta, 3);
		lan.line(beta, fmt::format("go-on {} epoch=3 end={}",
		    lan.to_target(), end));
		BOOST_TEST(lan.found() == (end == 4 ? "" : "commit"));
	}
}

// The client's FIN may come after.
BOOST_AUTO_TEST_CASE(what_is_over_needs_no_standby)
{
	AuditLan lan;
	lan.protected_session();
	lan.line(alpha, "cover sid=ab from=0");
	lan.line(alpha, "over " + lan.flow() + " why=closed");
	acknowledges(lan, 50);
	BOOST_TEST(lan.found() == "");
}

BOOST_AUTO_TEST_CASE(who_goes_on_alone_acknowledges_what_it_likes)
{
	AuditLan lan;
	lan.protected_session();
	lan.line(alpha, "cover sid=ab from=0");
	lan.line(alpha, "unprotect " + lan.flow() + " why=x");
	acknowledges(lan, 50);
	BOOST_TEST(lan.found() == "");
}

BOOST_AUTO_TEST_CASE(covered_and_never_offered)
{
	AuditLan lan;
	lan.line(alpha, "cover sid=77 from=0");
	BOOST_TEST(lan.found() == "evidence");
}

BOOST_AUTO_TEST_SUITE_END()
