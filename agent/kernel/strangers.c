/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clearing words of the strangers table whose instant is past, so that none lives until the clock of 42 bits has wrapped
 * (78 hours) and looks like a debt again.
 *
 * A word is cleared by compare-and-swap and only where it has been past for a while: a source that is just being
 * charged there would lose that race, and its packet.
 */
#include "kernel/datapath_private.h"

#define PASS_NS	     600000000000ull /* over the whole table: six times as often as needed */
#define LONG_PAST_NS 60000000000ull
#define LINES_MAX    (1u << 18) /* of one call: 16 MiB, some milliseconds */

static void clear_word(__u64 *word, uint64_t now_ns, uint64_t longest_burst_ns)
{
	__u64 seen = __atomic_load_n(word, __ATOMIC_RELAXED);

	if (!seen || sl_word_owed(seen, now_ns, longest_burst_ns))
		return;
	/* Ahead of what was a minute ago: past, but not for long. */
	if (now_ns > LONG_PAST_NS && sl_word_owed(seen, now_ns - LONG_PAST_NS, longest_burst_ns))
		return;
	/* Lost: somebody was charged there, and it is no past word any more. */
	(void)__atomic_compare_exchange_n(word, &seen, 0, false, __ATOMIC_RELAXED,
					  __ATOMIC_RELAXED);
}

/* As many lines as the time since the last call asks for. */
static uint32_t lines_due(const struct datapath *datapath, uint64_t now_ns)
{
	uint64_t passed_ns = now_ns - datapath->sweep.strangers_at_ns;
	uint64_t due;

	if (!datapath->sweep.strangers_at_ns || passed_ns > PASS_NS)
		passed_ns = PASS_NS;
	due = (uint64_t)((double)passed_ns / PASS_NS * datapath->lines) + 1;
	if (due > LINES_MAX)
		due = LINES_MAX;
	return due < datapath->lines ? (uint32_t)due : datapath->lines;
}

void strangers_clear(struct datapath *datapath, uint64_t now_ns)
{
	uint64_t longest_ns = datapath->config->longest_burst_ns;
	uint32_t due = lines_due(datapath, now_ns);
	uint32_t line = datapath->sweep.strangers_line;

	for (; due; due--) {
		for (int i = 0; i < SL_LINE_WORDS; i++)
			clear_word(&datapath->strangers[line].word[i], now_ns, longest_ns);
		line = (line + 1) & (datapath->lines - 1);
	}
	datapath->sweep.strangers_line = line;
	datapath->sweep.strangers_at_ns = now_ns;
}
