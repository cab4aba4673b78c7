/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "control/metrics.h"
#include "control/metrics_text.h"

/* A plane of one interface that has dropped 7 packets of 700 bytes over their limit. */
static struct interface_status eth0 = {
	.name = "eth0",
	.ifindex = 2,
	.mode = ATTACH_NATIVE,
	.reasons[SL_OVER_PACKETS] = {.packets = 7, .bytes = 700},
};

static struct overview_tier public = {
	.name = "public",
	.tally.by_verdict[SL_DROP] = {.packets = 7, .bytes = 700},
};

static struct overview overview_of_one(void)
{
	return (struct overview){
		.interfaces = &eth0,
		.interface_count = 1,
		.tiers = &public,
		.tier_count = 1,
		.fill = {.sources = 3, .sources_max = 65536, .bans_max = 10},
		.faults[SL_FAULT_EVENT_LOST] = 4,
	};
}

static void write_into(struct buffer *out, const struct metrics *metrics)
{
	*out = buffer_new(METRICS_TEXT_MAX);
	metrics_write(metrics, out);
	assert_int_equal(out->error, 0);
}

/* Whether text has this line, whole. */
static int has_line(const struct buffer *text, const char *line)
{
	size_t len = strlen(line);
	const char *at = text->at;

	while ((at = strstr(at, line))) {
		if ((at == text->at || at[-1] == '\n') && at[len] == '\n')
			return 1;
		at++;
	}
	return 0;
}

static void a_reason_is_told_with_its_interface_and_verdict(void **state)
{
	struct overview overview = overview_of_one();
	struct metrics metrics = {.version = "1", .overview = &overview};
	auto_buffer struct buffer text;

	write_into(&text, &metrics);
	assert_true(has_line(&text,
			     "sluice_packets_total{interface=\"eth0\",reason=\"over_packets\","
			     "verdict=\"drop\"} 7"));
	assert_true(has_line(&text, "sluice_bytes_total{interface=\"eth0\",reason=\"over_packets\","
				    "verdict=\"drop\"} 700"));
	assert_true(has_line(&text, "sluice_packets_total{interface=\"eth0\",reason=\"conforming\","
				    "verdict=\"pass\"} 0"));
}

static void every_reason_and_fault_of_the_abi_is_there(void **state)
{
	struct overview overview = overview_of_one();
	struct metrics metrics = {.version = "1", .overview = &overview};
	auto_buffer struct buffer text;

	write_into(&text, &metrics);
#define HAS_REASON(name, verdict, label, help) \
	assert_non_null(strstr(text.at, "reason=\"" label "\""));
	SL_REASONS(HAS_REASON)
#define HAS_FAULT(name, label, help) assert_non_null(strstr(text.at, "{fault=\"" label "\"} "));
	SL_FAULTS(HAS_FAULT)
}

static void a_tier_has_a_sample_for_each_verdict(void **state)
{
	struct overview overview = overview_of_one();
	struct metrics metrics = {.version = "1", .overview = &overview};
	auto_buffer struct buffer text;

	write_into(&text, &metrics);
	assert_true(
		has_line(&text, "sluice_tier_packets_total{tier=\"public\",verdict=\"pass\"} 0"));
	assert_true(
		has_line(&text, "sluice_tier_packets_total{tier=\"public\",verdict=\"flag\"} 0"));
	assert_true(
		has_line(&text, "sluice_tier_packets_total{tier=\"public\",verdict=\"drop\"} 7"));
	assert_true(
		has_line(&text, "sluice_tier_bytes_total{tier=\"public\",verdict=\"drop\"} 700"));
}

static void an_interface_tells_its_mode_and_whether_it_is_attached(void **state)
{
	struct overview overview = overview_of_one();
	struct metrics metrics = {.version = "1", .overview = &overview};
	auto_buffer struct buffer text;
	auto_buffer struct buffer without;

	write_into(&text, &metrics);
	assert_true(
		has_line(&text, "sluice_interface_attached{interface=\"eth0\",mode=\"native\"} 1"));

	eth0.mode = ATTACH_NONE;
	write_into(&without, &metrics);
	eth0.mode = ATTACH_NATIVE;
	assert_true(has_line(&without,
			     "sluice_interface_attached{interface=\"eth0\",mode=\"none\"} 0"));
}

static void a_source_has_its_address_and_tier(void **state)
{
	struct overview overview = overview_of_one();
	struct metrics_source source = {
		.source = "192.0.2.7",
		.tier = "public",
		.tally.by_verdict[SL_DROP] = {.packets = 7, .bytes = 700},
	};
	struct metrics metrics = {
		.version = "1", .overview = &overview, .sources = &source, .source_count = 1};
	auto_buffer struct buffer text;

	write_into(&text, &metrics);
	assert_true(has_line(&text, "sluice_source_packets_total{source=\"192.0.2.7\","
				    "tier=\"public\",verdict=\"drop\"} 7"));
}

static void tables_generation_and_lost_events_are_told(void **state)
{
	struct overview overview = overview_of_one();
	struct metrics metrics = {.version = "1",
				  .overview = &overview,
				  .generation = 5,
				  .reloads = 2,
				  .failed_reloads = 1,
				  .bans_in_force = 9,
				  .events[SL_EVENT_BANNED] = 6};
	auto_buffer struct buffer text;

	write_into(&text, &metrics);
	assert_true(has_line(&text, "sluice_policy_generation 5"));
	assert_true(has_line(&text, "sluice_table_entries{table=\"sources\"} 3"));
	assert_true(has_line(&text, "sluice_table_entries_max{table=\"sources\"} 65536"));
	assert_true(has_line(&text, "sluice_events_lost_total 4"));
	assert_true(has_line(&text, "sluice_events_total{event=\"banned\"} 6"));
	assert_true(has_line(&text, "sluice_reloads_total{result=\"loaded\"} 2"));
	assert_true(has_line(&text, "sluice_reloads_total{result=\"failed\"} 1"));
	assert_true(has_line(&text, "sluice_bans_active 9"));
}

static void exactly_the_state_in_force_is_one(void **state)
{
	struct overview overview = overview_of_one();
	struct metrics metrics = {.version = "1", .overview = &overview, .state = AGENT_DETACHED};
	auto_buffer struct buffer text;

	write_into(&text, &metrics);
	assert_true(has_line(&text, "sluice_state{state=\"detached\"} 1"));
	assert_true(has_line(&text, "sluice_state{state=\"protecting\"} 0"));
	assert_true(has_line(&text, "sluice_state{state=\"waiting\"} 0"));
}

static void every_sample_follows_the_help_and_type_of_its_family(void **state)
{
	struct overview overview = overview_of_one();
	struct metrics metrics = {.version = "1", .overview = &overview};
	auto_buffer struct buffer text;
	char family[128] = "";

	write_into(&text, &metrics);
	for (char *save = NULL, *line = strtok_r(text.at, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, "# HELP ", 7) == 0) {
			assert_int_equal(sscanf(line, "# HELP %127s", family), 1);
			continue;
		}
		if (strncmp(line, "# TYPE ", 7) == 0) {
			assert_memory_equal(line + 7, family, strlen(family));
			continue;
		}
		assert_memory_equal(line, family, strlen(family));
		assert_non_null(strchr("{ ", line[strlen(family)]));
	}
}

static void a_label_value_has_its_quotes_backslashes_and_newlines_escaped(void **state)
{
	auto_buffer struct buffer text = buffer_new(100);

	metrics_label_value(&text, "a\"b\\c\nd");
	assert_string_equal(text.at, "a\\\"b\\\\c\\nd");
}

static void a_buffer_that_is_too_small_is_an_error_and_not_a_shorter_text(void **state)
{
	struct overview overview = overview_of_one();
	struct metrics metrics = {.version = "1", .overview = &overview};
	auto_buffer struct buffer text = buffer_new(100);

	metrics_write(&metrics, &text);
	assert_int_not_equal(text.error, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reason_is_told_with_its_interface_and_verdict),
		cmocka_unit_test(every_reason_and_fault_of_the_abi_is_there),
		cmocka_unit_test(a_tier_has_a_sample_for_each_verdict),
		cmocka_unit_test(an_interface_tells_its_mode_and_whether_it_is_attached),
		cmocka_unit_test(a_source_has_its_address_and_tier),
		cmocka_unit_test(tables_generation_and_lost_events_are_told),
		cmocka_unit_test(exactly_the_state_in_force_is_one),
		cmocka_unit_test(every_sample_follows_the_help_and_type_of_its_family),
		cmocka_unit_test(a_label_value_has_its_quotes_backslashes_and_newlines_escaped),
		cmocka_unit_test(a_buffer_that_is_too_small_is_an_error_and_not_a_shorter_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
