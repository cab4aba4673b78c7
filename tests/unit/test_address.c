/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/address.h"
#include "guarded.h"

static const struct source_bits usual = {32, 64};

static enum prefix_result parse(const char *text, struct prefix *ret_prefix)
{
	return prefix_parse(bytes_of(text), ret_prefix, NULL);
}

static struct prefix prefix_of(const char *text)
{
	struct prefix prefix;

	assert_int_equal(parse(text, &prefix), PREFIX_OK);
	return prefix;
}

static void assert_formats(const char *text, const char *expected)
{
	struct prefix prefix = prefix_of(text);
	char out[PREFIX_TEXT_MAX];

	assert_string_equal(prefix_format(&prefix, out), expected);
}

static void an_address_is_a_prefix_of_full_length(void **state)
{
	struct prefix prefix;
	bool whole;

	assert_int_equal(prefix_parse(BYTES("192.0.2.7"), &prefix, &whole), PREFIX_OK);
	assert_true(whole);
	assert_int_equal(prefix.family, ADDRESS_IPV4);
	assert_int_equal(prefix.bits, 32);
	assert_int_equal(prefix_parse(BYTES("2001:db8::1"), &prefix, &whole), PREFIX_OK);
	assert_int_equal(prefix.bits, 128);
	assert_int_equal(prefix_parse(BYTES("192.0.2.7/32"), &prefix, &whole), PREFIX_OK);
	assert_false(whole);
}

static void text_comes_back_in_its_shortest_form(void **state)
{
	assert_formats("10.0.0.0/8", "10.0.0.0/8");
	assert_formats("0.0.0.0/0", "0.0.0.0/0");
	assert_formats("192.0.2.7/32", "192.0.2.7");
	assert_formats("2001:DB8:0:0::/64", "2001:db8::/64");
	assert_formats("::/0", "::/0");
	assert_formats("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
		       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	assert_formats("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.254/127",
		       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127");
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"/",
		"/8",
		"10",
		"10.0.0",
		"10.0.0.0.",
		"256.0.0.1",
		"010.0.0.1",
		" 10.0.0.1",
		"10.0.0.1 ",
		"fe80::1%1",
		"1:2:3",
		"::1::",
		"example",
		"[::1]",
		"0x7f.1",
		"10.0.0.1:80",
		"12345::",
		"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555",
	};
	struct prefix prefix;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(parse(texts[i], &prefix), PREFIX_BAD_ADDRESS);
	assert_int_equal(prefix_parse((struct bytes){"10.0.0.1\0", 9}, &prefix, NULL),
			 PREFIX_BAD_ADDRESS);
}

static void a_length_is_a_plain_number_within_the_family(void **state)
{
	static const char *const texts[] = {
		"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/8/8",  "::/129",
		"::/1000",     "::/6a",	    "10.0.0.0/+8", "10.0.0.0/ 8", "::/4294967296",
	};
	struct prefix prefix;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(parse(texts[i], &prefix), PREFIX_BAD_LENGTH);
	assert_int_equal(parse("10.0.0.0/32", &prefix), PREFIX_OK);
	assert_int_equal(parse("::/128", &prefix), PREFIX_OK);
	assert_int_equal(parse("::/0", &prefix), PREFIX_OK);
}

static void host_bits_are_noticed_and_cleared(void **state)
{
	char out[PREFIX_TEXT_MAX];
	struct prefix prefix;

	assert_int_equal(parse("10.1.2.3/8", &prefix), PREFIX_HOST_BITS);
	assert_string_equal(prefix_format(&prefix, out), "10.0.0.0/8");
	assert_int_equal(parse("10.1.2.3/31", &prefix), PREFIX_HOST_BITS);
	assert_string_equal(prefix_format(&prefix, out), "10.1.2.2/31");
	assert_int_equal(parse("2001:db8::1/64", &prefix), PREFIX_HOST_BITS);
	assert_string_equal(prefix_format(&prefix, out), "2001:db8::/64");
	assert_int_equal(parse("1.2.3.4/0", &prefix), PREFIX_HOST_BITS);
	assert_string_equal(prefix_format(&prefix, out), "0.0.0.0/0");
}

static void a_refused_text_leaves_the_output_alone(void **state)
{
	struct prefix prefix = prefix_of("10.0.0.0/8");
	bool whole = true;

	prefix_parse(BYTES("10.0.0.0/99"), &prefix, &whole);
	assert_int_equal(prefix.bits, 8);
	assert_true(whole);
}

static void no_byte_behind_the_text_is_read(void **state)
{
	static const char text[] = "2001:db8:1:2:3:4:255.255.255.255/128";
	struct prefix prefix;

	for (size_t len = 0; len < sizeof(text); len++) {
		struct guarded guarded = guarded_copy((struct bytes){text, len});

		prefix_parse(guarded.text, &prefix, NULL);
		guarded_free(&guarded);
	}
}

static int compare(const char *a, const char *b)
{
	struct prefix pa = prefix_of(a), pb = prefix_of(b);

	return prefix_compare(&pa, &pb);
}

static void order_is_family_then_address_then_length(void **state)
{
	assert_true(compare("255.0.0.0/8", "::/0") < 0);
	assert_true(compare("::/0", "255.0.0.0/8") > 0);
	assert_true(compare("10.0.0.0/8", "10.0.0.0/9") < 0);
	assert_true(compare("10.0.0.0/9", "10.0.0.1") < 0);
	assert_true(compare("10.255.0.0/16", "11.0.0.0/8") < 0);
	assert_int_equal(compare("10.0.0.0/8", "10.0.0.0/8"), 0);
}

static bool covers(const char *outer, const char *inner)
{
	struct prefix a = prefix_of(outer), b = prefix_of(inner);

	return prefix_covers(&a, &b);
}

static void a_prefix_covers_what_begins_with_it(void **state)
{
	assert_true(covers("10.0.0.0/8", "10.255.255.255"));
	assert_true(covers("10.0.0.0/8", "10.0.0.0/8"));
	assert_false(covers("10.0.0.0/8", "11.0.0.0"));
	assert_false(covers("10.0.0.0/8", "10.0.0.0/7"));
	assert_true(covers("0.0.0.0/0", "1.2.3.4"));
	assert_false(covers("0.0.0.0/0", "::"));
	assert_false(covers("10.0.0.0/25", "10.0.0.128"));
	assert_true(covers("2001:db8::/127", "2001:db8::1"));
	assert_false(covers("2001:db8::/128", "2001:db8::1"));
}

static void cutting_clears_and_never_lengthens(void **state)
{
	struct prefix address = prefix_of("2001:db8:ffff:ffff::1");
	struct prefix cut = prefix_cut(&address, 33);
	char out[PREFIX_TEXT_MAX];

	assert_string_equal(prefix_format(&cut, out), "2001:db8:8000::/33");
	cut = prefix_cut(&cut, 64);
	assert_int_equal(cut.bits, 33);
	cut = prefix_cut(&cut, 0);
	assert_string_equal(prefix_format(&cut, out), "::/0");
	cut = prefix_cut(&address, 128);
	assert_int_equal(prefix_compare(&cut, &address), 0);
}

static const char *source_text(const char *address, struct source_bits bits)
{
	static char out[PREFIX_TEXT_MAX];
	struct prefix prefix = prefix_of(address);
	struct sl_source source = source_of(&prefix, bits);

	return source_format(&source, bits, out);
}

static void a_source_is_the_address_cut_to_the_policys_bits(void **state)
{
	assert_string_equal(source_text("192.0.2.7", usual), "192.0.2.7");
	assert_string_equal(source_text("192.0.2.7", (struct source_bits){24, 64}), "192.0.2.0/24");
	assert_string_equal(source_text("2001:db8::1", usual), "2001:db8::/64");
	assert_string_equal(source_text("2001:db8::1", (struct source_bits){32, 128}),
			    "2001:db8::1");
}

static void a_sources_bytes_are_those_the_datapath_writes(void **state)
{
	static const uint8_t ipv4[16] = {0xff, 4, [12] = 192, 0, 2, 7};
	static const uint8_t ipv6[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1};
	struct prefix a = prefix_of("192.0.2.7"), b = prefix_of("2001:db8:0:1:2::1");

	assert_memory_equal(source_of(&a, usual).byte, ipv4, 16);
	assert_memory_equal(source_of(&b, usual).byte, ipv6, 16);
}

static void no_ipv6_address_becomes_another_familys_source(void **state)
{
	const struct source_bits all = {32, 128};
	struct prefix forged = prefix_of("ff04::192.0.2.7"), real = prefix_of("192.0.2.7");
	struct sl_source a = source_of(&forged, all), b = source_of(&real, all);
	struct prefix prefix;

	assert_memory_not_equal(a.byte, b.byte, sizeof(a.byte));
	assert_false(source_prefix(&a, all, &prefix));
	assert_string_equal(source_text("ff04::1", all), "multicast");
}

static void a_link_source_has_no_prefix_but_a_text(void **state)
{
	struct sl_source link = {{0xff, SL_FAMILY_LINK, [14] = 1, 2}};
	struct prefix prefix = {.bits = 99};
	char out[PREFIX_TEXT_MAX];

	assert_false(source_prefix(&link, usual, &prefix));
	assert_int_equal(prefix.bits, 99);
	assert_string_equal(source_format(&link, usual, out), "link:258");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_a_prefix_of_full_length),
		cmocka_unit_test(text_comes_back_in_its_shortest_form),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(a_length_is_a_plain_number_within_the_family),
		cmocka_unit_test(host_bits_are_noticed_and_cleared),
		cmocka_unit_test(a_refused_text_leaves_the_output_alone),
		cmocka_unit_test(no_byte_behind_the_text_is_read),
		cmocka_unit_test(order_is_family_then_address_then_length),
		cmocka_unit_test(a_prefix_covers_what_begins_with_it),
		cmocka_unit_test(cutting_clears_and_never_lengthens),
		cmocka_unit_test(a_source_is_the_address_cut_to_the_policys_bits),
		cmocka_unit_test(a_sources_bytes_are_those_the_datapath_writes),
		cmocka_unit_test(no_ipv6_address_becomes_another_familys_source),
		cmocka_unit_test(a_link_source_has_no_prefix_but_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
