/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "http/forward.h"

#define OUT_MAX (128u << 10)

static struct policy *policy;
static struct registry registry;
static struct plan *plan;
static struct request req;
static struct forward_dropped dropped;
static char out[OUT_MAX];

static const struct peer stranger = {
	.address = {.family = ADDRESS_IPV4, .bits = 32, .byte = {192, 0, 2, 9}}};
static const struct peer friend = {
	.address = {.family = ADDRESS_IPV6, .bits = 128, .byte = {0xfd, [15] = 1}}};

static int begin(void **state)
{
	static const char text[] = "http:\n  listen: [\"127.0.0.1:80\"]\n"
				   "  upstream: [\"127.0.0.1:5000\"]\n"
				   "  trusted_proxies: [\"fd00::/8\"]\n";
	static struct policy_problems problems;

	(void)state;
	assert_int_equal(policy_parse(bytes_of(text), &problems, &policy), 0);
	registry_init(&registry);
	return plan_new(&registry, policy, NULL, &plan);
}

static int end(void **state)
{
	(void)state;
	plan_release(plan);
	registry_destroy(&registry);
	return 0;
}

/* The head an upstream gets for "GET / HTTP/1.1" with these lines, from peer. */
static const char *forwarded(const struct peer *peer, const char *line, const char *lines)
{
	static char head[65536];
	struct head_limits limits = plan->head_limits;
	struct text to = {out, out + sizeof(out) - 1, false};
	struct forward forward = {.plan = plan,
				  .req = &req,
				  .peer = peer,
				  .server_name = BYTES("127.0.0.1:5000"),
				  .request_id = BYTES("0123456789abcdef")};
	enum message_result result;
	size_t scanned = 0;

	snprintf(head, sizeof(head), "%s\r\n%s\r\n", line, lines);
	assert_int_equal(head_parse_request(bytes_of(head), &limits, &scanned, &req.head),
			 MESSAGE_DONE);
	assert_int_equal(request_judge(plan, peer, &req, &result), REQUEST_FINE);
	forward_write(&forward, &to, &dropped);
	assert_false(to.is_cut);
	*to.at = '\0';
	return out;
}

#define GET			 "GET / HTTP/1.1"
#define H			 "Host: api.test\r\n"

#define assert_has(text, part)	 assert_non_null(strstr((text), (part)))
#define assert_lacks(text, part) assert_null(strstr((text), (part)))

static void the_head_is_written_from_its_parts_and_nothing_else(void **state)
{
	(void)state;
	assert_string_equal(forwarded(&stranger, "GET /%61/./b?c=%64 HTTP/1.1",
				      "hOST: API.test:80\r\nX-A:   b  \r\n"),
			    "GET /a/b?c=%64 HTTP/1.1\r\n"
			    "Host: api.test\r\n"
			    "X-A: b\r\n"
			    "X-Forwarded-For: 192.0.2.9\r\n"
			    "X-Forwarded-Proto: http\r\n"
			    "X-Forwarded-Host: api.test\r\n"
			    "Forwarded: for=192.0.2.9;host=api.test;proto=http\r\n"
			    "X-Request-Id: 0123456789abcdef\r\n"
			    "Via: 1.1 sluice\r\n\r\n");
}

static void what_a_stranger_says_of_others_is_left_out(void **state)
{
	const char *text = forwarded(
		&stranger, GET,
		H "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Port: 6\r\nX-Real-IP: 6.6.6.6\r\n"
		  "Forwarded: for=6.6.6.6\r\nX-Original-URL: /6\r\nX-Request-Id: 6\r\n");

	(void)state;
	assert_lacks(text, "6.6.6.6");
	assert_lacks(text, "X-Forwarded-Port");
	assert_lacks(text, "X-Original-URL");
	assert_has(text, "X-Forwarded-For: 192.0.2.9\r\n");
}

static void a_trusted_peer_is_appended_to_and_the_other_family_written_anew(void **state)
{
	const char *text =
		forwarded(&friend, GET,
			  H "X-Forwarded-For: 6.6.6.6, 198.51.100.7\r\nForwarded: for=9.9.9.9\r\n"
			    "X-Forwarded-Proto: https\r\nX-Forwarded-Port: 443\r\n");

	(void)state;
	assert_has(text, "X-Forwarded-For: 6.6.6.6, 198.51.100.7, fd00::1\r\n");
	assert_has(text,
		   "Forwarded: for=198.51.100.7, for=\"[fd00::1]\";host=api.test;proto=https\r\n");
	assert_has(text, "X-Forwarded-Proto: https\r\n");
	assert_has(text, "X-Forwarded-Port: 443\r\n");
	assert_lacks(text, "9.9.9.9");
}

static void nobody_may_rewrite_the_url(void **state)
{
	const char *text =
		forwarded(&friend, GET,
			  H "X-Original-URL: /x\r\nX-Rewrite-URL: /x\r\nX-Real-IP: 1.1.1.1\r\n");

	(void)state;
	assert_lacks(text, "URL");
	assert_lacks(text, "1.1.1.1");
}

static void underscores_and_overrides_are_dropped_and_counted(void **state)
{
	const char *text = forwarded(&stranger, GET,
				     H "X_A: 1\r\nX-B_C: 2\r\nX-HTTP-Method-Override: PUT\r\n");

	(void)state;
	assert_lacks(text, "X_A");
	assert_lacks(text, "X-B_C");
	assert_lacks(text, "PUT");
	assert_int_equal(dropped.underscores, 2);
	assert_int_equal(dropped.overrides, 1);
}

static void hop_by_hop_goes_and_what_connection_names(void **state)
{
	const char *text = forwarded(
		&stranger, GET,
		H "Connection: close, x-mine\r\nX-Mine: 1\r\nTE: trailers\r\nX-Kept: 1\r\n"
		  "Upgrade: h2c\r\nProxy: evil\r\nKeep-Alive: 1\r\n");

	(void)state;
	assert_lacks(text, "X-Mine");
	assert_lacks(text, "Connection");
	assert_lacks(text, "TE:");
	assert_lacks(text, "h2c");
	assert_lacks(text, "evil");
	assert_has(text, "X-Kept: 1\r\n");
}

static void framing_is_ours(void **state)
{
	(void)state;
	assert_has(forwarded(&stranger, "POST / HTTP/1.1", H "Content-Length: 007\r\n"),
		   "Content-Length: 7\r\n");
	assert_has(forwarded(&stranger, "POST / HTTP/1.1", H "Transfer-Encoding: CHUNKED\r\n"),
		   "Transfer-Encoding: chunked\r\n");
	assert_lacks(forwarded(&stranger, "POST / HTTP/1.1", H "Expect: 100-continue\r\n"),
		     "Expect");
	assert_has(forwarded(&stranger, "POST / HTTP/1.1",
			     H "Content-Length: 1\r\nExpect: 100-continue\r\n"),
		   "Expect: 100-continue\r\n");
}

static void max_forwards_counts_down_for_options_only(void **state)
{
	(void)state;
	assert_has(forwarded(&stranger, "OPTIONS / HTTP/1.1", H "Max-Forwards: 5\r\n"),
		   "Max-Forwards: 4\r\n");
	assert_lacks(forwarded(&stranger, GET, H "Max-Forwards: 5\r\n"), "Max-Forwards");
	assert_lacks(forwarded(&stranger, "OPTIONS / HTTP/1.1", H "Max-Forwards: x\r\n"),
		     "Max-Forwards");
}

static void a_request_without_host_gets_the_servers(void **state)
{
	(void)state;
	assert_has(forwarded(&stranger, "GET / HTTP/1.0", ""), "Host: 127.0.0.1:5000\r\n");
	assert_has(forwarded(&stranger, "GET / HTTP/1.0", ""), "Via: 1.0 sluice\r\n");
}

static void a_head_that_does_not_fit_is_cut_and_says_so(void **state)
{
	char small[64];
	struct text to = {small, small + sizeof(small), false};
	struct forward forward = {.plan = plan, .req = &req, .peer = &stranger};

	(void)state;
	(void)forwarded(&stranger, GET, H "X-A: b\r\n");
	forward_write(&forward, &to, &dropped);
	assert_true(to.is_cut);
}

static void a_request_id_is_taken_from_a_trusted_peer_if_it_is_well_formed(void **state)
{
	struct bytes ours = BYTES("ours");

	(void)state;
	(void)forwarded(&friend, GET, H "X-Request-Id: Theirs-1._\r\n");
	assert_true(bytes_equal(forward_request_id(&req, ours), BYTES("Theirs-1._")));
	(void)forwarded(&friend, GET, H "X-Request-Id: a\"b\r\n");
	assert_true(bytes_equal(forward_request_id(&req, ours), ours));
	(void)forwarded(&friend, GET, H "X-Request-Id: a\r\nX-Request-Id: b\r\n");
	assert_true(bytes_equal(forward_request_id(&req, ours), ours));
	(void)forwarded(&stranger, GET, H "X-Request-Id: theirs\r\n");
	assert_true(bytes_equal(forward_request_id(&req, ours), ours));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_head_is_written_from_its_parts_and_nothing_else),
		cmocka_unit_test(what_a_stranger_says_of_others_is_left_out),
		cmocka_unit_test(a_trusted_peer_is_appended_to_and_the_other_family_written_anew),
		cmocka_unit_test(nobody_may_rewrite_the_url),
		cmocka_unit_test(underscores_and_overrides_are_dropped_and_counted),
		cmocka_unit_test(hop_by_hop_goes_and_what_connection_names),
		cmocka_unit_test(framing_is_ours),
		cmocka_unit_test(max_forwards_counts_down_for_options_only),
		cmocka_unit_test(a_request_without_host_gets_the_servers),
		cmocka_unit_test(a_head_that_does_not_fit_is_cut_and_says_so),
		cmocka_unit_test(a_request_id_is_taken_from_a_trusted_peer_if_it_is_well_formed),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
