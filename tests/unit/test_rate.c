/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sluice/bucket.h>

#include "base/duration.h"
#include "guarded.h"
#include "policy/rate.h"

#define SEC NS_PER_SEC

static struct rate_error error;

static struct rate rate_of(const char *text, enum sl_kind kind)
{
	struct rate rate = {0};

	assert_int_equal(rate_parse(bytes_of(text), kind, &rate, &error), 0);
	return rate;
}

static void assert_rate(const char *text, uint64_t count, uint64_t period_ns)
{
	struct rate rate = rate_of(text, SL_PACKETS);

	assert_int_equal(rate.count, count);
	assert_int_equal(rate.period_ns, period_ns);
}

static void assert_refused(const char *text, enum sl_kind kind, size_t offset, const char *says)
{
	struct rate rate = {.count = 42};

	assert_int_equal(rate_parse(bytes_of(text), kind, &rate, &error), -EINVAL);
	assert_int_equal(rate.count, 42);
	assert_int_equal(error.offset, offset);
	if (!strstr(error.text, says))
		assert_string_equal(error.text, says);
}

static void every_spelling_of_a_rate_is_read(void **state)
{
	assert_rate("100 per minute", 100, 60 * SEC);
	assert_rate("100/minute", 100, 60 * SEC);
	assert_rate("100 / minutes", 100, 60 * SEC);
	assert_rate("5perminute", 5, 60 * SEC);
	assert_rate("5PER10SECONDS", 5, 10 * SEC);
	assert_rate("5 per 10 seconds", 5, 10 * SEC);
	assert_rate("5/10 second", 5, 10 * SEC);
	assert_rate(" 100/Hour ", 100, 3600 * SEC);
	assert_rate("100000 per day", 100000, 86400 * SEC);
	assert_rate("100000 per month", 100000, 30 * 86400 * SEC);
	assert_rate("1000000 per year", 1000000, 360 * 86400 * SEC);
}

static void bytes_take_units_of_both_kinds(void **state)
{
	assert_int_equal(rate_of("100/second", SL_BYTES).count, 100);
	assert_int_equal(rate_of("100 B/second", SL_BYTES).count, 100);
	assert_int_equal(rate_of("2kb/second", SL_BYTES).count, 2000);
	assert_int_equal(rate_of("2 KiB per second", SL_BYTES).count, 2048);
	assert_int_equal(rate_of("200 MB/second", SL_BYTES).count, 200000000);
	assert_int_equal(rate_of("1MiB/minute", SL_BYTES).count, 1 << 20);
	assert_int_equal(rate_of("10 GB/second", SL_BYTES).count, 10000000000);
	assert_int_equal(rate_of("1 GiB/second burst 2 GiB", SL_BYTES).burst, 2ull << 30);
}

static void the_burst_is_what_the_file_says(void **state)
{
	struct rate rate = rate_of("2000/second burst 4000", SL_PACKETS);

	assert_int_equal(rate.burst, 4000);
	assert_true(rate.burst_given);
	assert_int_equal(rate_of("2000/second Burst1", SL_PACKETS).burst, 1);
}

static void without_a_burst_it_is_one_seconds_worth_but_not_too_small(void **state)
{
	assert_int_equal(rate_of("65/second", SL_PACKETS).burst, 65);
	assert_int_equal(rate_of("64/second", SL_PACKETS).burst, 64);
	assert_int_equal(rate_of("63/second", SL_PACKETS).burst, 64);
	assert_int_equal(rate_of("601/minute", SL_CONNECTIONS).burst, 11);
	assert_int_equal(rate_of("600/minute", SL_CONNECTIONS).burst, 10);
	assert_int_equal(rate_of("1/second", SL_CONNECTIONS).burst, 10);
	assert_int_equal(rate_of("65537/second", SL_BYTES).burst, 65537);
	assert_int_equal(rate_of("65535/second", SL_BYTES).burst, 65536);
	assert_false(rate_of("65/second", SL_PACKETS).burst_given);
}

static void a_default_burst_never_passes_one_hours_worth(void **state)
{
	assert_int_equal(rate_of("1 per minute", SL_PACKETS).burst, 60);
	assert_int_equal(rate_of("8/second", SL_BYTES).burst, 8 * 3600);
}

static void what_is_no_rate_is_refused_where_it_stops_making_sense(void **state)
{
	assert_refused("", SL_PACKETS, 0, "found the end, expected a rate");
	assert_refused("fast", SL_PACKETS, 0, "found \"fast\", expected a rate");
	assert_refused("-5/second", SL_PACKETS, 0, "found \"-5/second\"");
	assert_refused("5", SL_PACKETS, 1, "found the end, expected \"/\" or \"per\"");
	assert_refused("5 second", SL_PACKETS, 2, "expected \"/\" or \"per\"");
	assert_refused("5.5/second", SL_PACKETS, 1, "found \".5/second\"");
	assert_refused("5/", SL_PACKETS, 2, "found the end, expected second");
	assert_refused("5/secnd", SL_PACKETS, 2, "found \"secnd\", expected second, minute");
	assert_refused("5/week", SL_PACKETS, 2, "found \"week\"");
	assert_refused("5/second bust 7", SL_PACKETS, 9, "found \"bust\", expected \"burst\"");
	assert_refused("5/second burst", SL_PACKETS, 14, "expected the size of the burst");
	assert_refused("5/second burst 7 8", SL_PACKETS, 17, "found \"8\", expected the end");
	assert_refused("5/second; 9/minute", SL_PACKETS, 8, "one rate of each kind");
	assert_refused("5 MB/second", SL_PACKETS, 2, "found \"MB\"");
	assert_refused("5 Mbit/second", SL_BYTES, 2, "found \"Mbit\", expected B, KB");
	assert_refused("5/second burst 7 MB", SL_PACKETS, 17, "found \"MB\"");
	assert_refused("5 per 0 seconds", SL_PACKETS, 6, "expected a period");
	assert_refused("5 per 99999999999999 years", SL_PACKETS, 6, "expected a period");
}

static void rates_end_at_1_per_minute_and_100_million_per_second(void **state)
{
	rate_of("1 per minute", SL_PACKETS);
	rate_of("60 per hour", SL_CONNECTIONS);
	assert_refused("59 per hour", SL_CONNECTIONS, 0, "at least 1 per minute");
	assert_refused("200 per day", SL_PACKETS, 0, "limits under `http` count by the day");
	rate_of("100000000/second", SL_PACKETS);
	assert_refused("100000001/second", SL_PACKETS, 0, "at most 100 million");
	assert_refused("0/second", SL_PACKETS, 0, "`deny`");
}

static void byte_rates_end_at_8_and_100_gb_per_second(void **state)
{
	rate_of("8/second", SL_BYTES);
	rate_of("480/minute", SL_BYTES);
	assert_refused("7/second", SL_BYTES, 0, "at least 8 bytes");
	assert_refused("479/minute", SL_BYTES, 0, "at least 8 bytes");
	rate_of("100 GB/second", SL_BYTES);
	assert_refused("100000000001/second", SL_BYTES, 0, "at most 100 GB");
	assert_refused("0 MB/second", SL_BYTES, 0, "`deny`");
	assert_true(rate_limit(&(struct rate){.count = 8, .period_ns = SEC}, SL_BYTES, 0).cost <=
		    SL_BYTE_COST_MAX);
}

static void a_burst_is_one_to_an_hours_worth(void **state)
{
	assert_int_equal(rate_of("1/second burst 3600", SL_PACKETS).burst, 3600);
	assert_refused("1/second burst 3601", SL_PACKETS, 15, "expected 1 to 3600 packets");
	assert_refused("1/second burst 0", SL_CONNECTIONS, 15, "expected 1 to 3600 connections");
	rate_of("1 KB/second burst 3600 KB", SL_BYTES);
	assert_refused("1 KB/second burst 3601 KB", SL_BYTES, 18, "to 3600000 bytes");
	rate_of("1 KB/second burst 1", SL_BYTES);
}

static void numbers_beyond_64_bits_are_refused_not_wrapped(void **state)
{
	assert_refused("18446744073709551617/second", SL_PACKETS, 0, "too large");
	assert_refused("5/second burst 18446744073709551617", SL_PACKETS, 15, "too large");
	assert_refused("288230376151711744 GiB/second", SL_BYTES, 19, "too large");
}

static void no_byte_behind_the_text_is_read(void **state)
{
	static const char text[] = "200 MB per 10 seconds burst 64 KiB";
	struct rate rate;

	for (size_t len = 0; len < sizeof(text); len++) {
		struct guarded guarded = guarded_copy((struct bytes){text, len});

		(void)rate_parse(guarded.text, SL_BYTES, &rate, &error); /* only its reads matter */
		guarded_free(&guarded);
	}
}

static void assert_same(const char *text, enum sl_kind kind)
{
	struct rate rate = rate_of(text, kind), again;
	char out[RATE_TEXT_MAX];

	again = rate_of(rate_format(&rate, kind, out), kind);
	assert_memory_equal(&rate, &again, sizeof(rate));
}

static void assert_formats(const char *text, enum sl_kind kind, const char *expected)
{
	struct rate rate = rate_of(text, kind);
	char out[RATE_TEXT_MAX];

	assert_string_equal(rate_format(&rate, kind, out), expected);
}

static void text_is_short_and_leaves_a_default_burst_out(void **state)
{
	assert_formats("2000 per second burst 4000", SL_PACKETS, "2000/second burst 4000");
	assert_formats("2000 per second", SL_PACKETS, "2000/second");
	assert_formats("90 per 90 seconds", SL_CONNECTIONS, "90 per 90 seconds");
	assert_formats("90 per 120 seconds", SL_CONNECTIONS, "90 per 2 minutes");
	assert_formats("200000 KB/second", SL_BYTES, "200 MB/second");
	assert_formats("4096 KiB/second burst 1 GiB", SL_BYTES, "4 MiB/second burst 1 GiB");
	assert_formats("1001/second", SL_BYTES, "1001 B/second");
}

static void text_reads_back_to_the_same_rate(void **state)
{
	static const char *const units[] = {"second", "minutes", "hour", "day", "month", "years"};
	char text[128];

	srandom(1);
	for (int i = 0; i < 2000; i++) {
		enum sl_kind kind = (enum sl_kind)(random() % SL_KIND_COUNT);
		long n = 1 + random() % 3, count = 100000000 + random() % 99999999;

		snprintf(text, sizeof(text), "%ld per %ld %s%s", count, n, units[random() % 6],
			 i % 2 ? " burst 77" : "");
		if (!rate_parse(bytes_of(text), kind, &(struct rate){0}, &error))
			assert_same(text, kind);
	}
	assert_same("100 GB/second burst 99 GB", SL_BYTES);
}

static struct sl_limit limit_of(const char *text, enum sl_kind kind, uint8_t percent)
{
	struct rate rate = rate_of(text, kind);

	return rate_limit(&rate, kind, percent);
}

static void a_packets_cost_is_rounded_to_the_nearest_nanosecond(void **state)
{
	assert_int_equal(limit_of("1000/second", SL_PACKETS, 0).cost, 1000000);
	assert_int_equal(limit_of("3/second", SL_PACKETS, 0).cost, 333333333);
	assert_int_equal(limit_of("600000/second", SL_PACKETS, 0).cost, 1667);
	assert_int_equal(limit_of("100000000/second", SL_PACKETS, 0).cost, SL_COST_NS_MIN);
	assert_int_equal(limit_of("1 per minute", SL_PACKETS, 0).cost, SL_COST_NS_MAX);
}

static void exactly_the_burst_passes_back_to_back(void **state)
{
	struct sl_limit limit = limit_of("3/second burst 7", SL_PACKETS, 0);
	__u64 full_at_ns = 0;
	int passed = 0;

	assert_int_equal(limit.burst_ns, 7 * limit.cost);
	while (sl_bucket_take(full_at_ns, limit.cost, limit.burst_ns, 5 * SEC, &full_at_ns))
		passed++;
	assert_int_equal(passed, 7);
}

static void a_byte_costs_fixed_point_and_its_burst_is_rounded_up_once(void **state)
{
	struct sl_limit limit = limit_of("1 GB/second burst 3000", SL_BYTES, 0);

	assert_int_equal(limit.cost, 1 << SL_BYTE_SHIFT);
	assert_int_equal(limit.burst_ns, 3000);
	limit = limit_of("3 GB/second burst 1000", SL_BYTES, 0);
	assert_int_equal(limit.cost, 349525);
	assert_int_equal(limit.burst_ns, 334); /* 333.3 */
	assert_true(sl_bucket_fits(0, sl_limit_cost_ns(&limit, SL_BYTES, 1000), limit.burst_ns));
}

static void the_soft_mark_is_a_share_of_the_burst(void **state)
{
	assert_int_equal(limit_of("1000/second burst 10", SL_PACKETS, 0).flag_above_ns, SL_NEVER);
	assert_int_equal(limit_of("1000/second burst 10", SL_PACKETS, 50).flag_above_ns, 5000000);
	assert_int_equal(limit_of("1/second burst 3600", SL_PACKETS, 99).flag_above_ns, 3564 * SEC);
}

static void the_region_follows_what_one_packet_costs(void **state)
{
	assert_int_equal(limit_of("1000/second", SL_PACKETS, 0).region, 0);
	assert_int_equal(limit_of("999/second", SL_PACKETS, 0).region, 1);
	assert_int_equal(limit_of("1/second", SL_CONNECTIONS, 0).region, 2);
	assert_int_equal(limit_of("1/minute", SL_CONNECTIONS, 0).region, 3);
	/* A full frame of 1514 bytes costs a millisecond at 1,514,000 bytes a second. */
	assert_int_equal(limit_of("1515000/second", SL_BYTES, 0).region, 0);
	assert_int_equal(limit_of("1513000/second", SL_BYTES, 0).region, 1);
}

static void no_limit_within_bounds_leaves_the_datapaths_bounds(void **state)
{
	static const char *const texts[] = {"8/second", "100 GB/second", "1 MB/second"};
	struct sl_limit limit;

	for (size_t i = 0; i < 3; i++) {
		limit = limit_of(texts[i], SL_BYTES, 0);
		assert_in_range(limit.cost, 1, SL_BYTE_COST_MAX);
		assert_in_range(limit.burst_ns, 1, SL_BURST_NS_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_spelling_of_a_rate_is_read),
		cmocka_unit_test(bytes_take_units_of_both_kinds),
		cmocka_unit_test(the_burst_is_what_the_file_says),
		cmocka_unit_test(without_a_burst_it_is_one_seconds_worth_but_not_too_small),
		cmocka_unit_test(a_default_burst_never_passes_one_hours_worth),
		cmocka_unit_test(what_is_no_rate_is_refused_where_it_stops_making_sense),
		cmocka_unit_test(rates_end_at_1_per_minute_and_100_million_per_second),
		cmocka_unit_test(byte_rates_end_at_8_and_100_gb_per_second),
		cmocka_unit_test(a_burst_is_one_to_an_hours_worth),
		cmocka_unit_test(numbers_beyond_64_bits_are_refused_not_wrapped),
		cmocka_unit_test(no_byte_behind_the_text_is_read),
		cmocka_unit_test(text_is_short_and_leaves_a_default_burst_out),
		cmocka_unit_test(text_reads_back_to_the_same_rate),
		cmocka_unit_test(a_packets_cost_is_rounded_to_the_nearest_nanosecond),
		cmocka_unit_test(exactly_the_burst_passes_back_to_back),
		cmocka_unit_test(a_byte_costs_fixed_point_and_its_burst_is_rounded_up_once),
		cmocka_unit_test(the_soft_mark_is_a_share_of_the_burst),
		cmocka_unit_test(the_region_follows_what_one_packet_costs),
		cmocka_unit_test(no_limit_within_bounds_leaves_the_datapaths_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
