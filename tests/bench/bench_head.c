/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What parsing a request head costs, in nanoseconds: the median of several rounds. A report, not
 * a test.
 *
 *   cc -O2 -D_GNU_SOURCE -Iinclude -Iagent -o /tmp/bench_head tests/bench/bench_head.c \
 *      $(ls agent/message/[a-z]*.c) agent/base/address.c && /tmp/bench_head
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "message/body.h"
#include "message/fields.h"
#include "message/target.h"

#define ROUNDS 15
#define TIMES  200000

static const char minimal[] = "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";

static const char api[] = "GET /v1/users/42?fields=name,mail HTTP/1.1\r\n"
			  "Host: api.example.com\r\n"
			  "User-Agent: curl/7.88.1\r\n"
			  "Accept: application/json\r\n"
			  "Authorization: Bearer abcdefghijklmnopqrstuvwxyz0123456789\r\n"
			  "\r\n";

static const char browser[] =
	"GET /wp-content/uploads/2010/03/hello-kitty-darth-vader-pink.jpg HTTP/1.1\r\n"
	"Host: www.example.com\r\n"
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0\r\n"
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
	"Accept-Language: en-US,en;q=0.5\r\n"
	"Accept-Encoding: gzip, deflate, br\r\n"
	"Connection: keep-alive\r\n"
	"Upgrade-Insecure-Requests: 1\r\n"
	"\r\n";

static struct request_head head;
static volatile unsigned sink;

static void parse(struct bytes input)
{
	struct head_limits limits = HEAD_LIMITS_DEFAULT;
	size_t scanned = 0;

	if (head_parse_request(input, &limits, &scanned, &head) != MESSAGE_DONE)
		abort();
	sink += head.fields.count;
}

static void parse_and_read(struct bytes input)
{
	char memory[1024];
	struct connection connection;
	struct target target;
	struct body body;

	parse(input);
	if (body_of_request(&head, &body) != MESSAGE_DONE ||
	    connection_read(&head.fields, true, &connection) != MESSAGE_DONE ||
	    target_read(&head, (struct path_room){memory, sizeof(memory)}, &target) != MESSAGE_DONE)
		abort();
	sink += body.kind + connection.close + (unsigned)target.path.text.len;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median_ns(void (*work)(struct bytes), struct bytes input)
{
	double rounds[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t start_ns = clock_now_ns();

		for (int n = 0; n < TIMES; n++)
			work(input);
		rounds[i] = (double)(clock_now_ns() - start_ns) / TIMES;
	}
	qsort(rounds, ROUNDS, sizeof(rounds[0]), by_size);
	return rounds[ROUNDS / 2];
}

static void report(const char *name, struct bytes input)
{
	printf("%-8s %4zu bytes  head %6.1f ns  with framing, Connection and target %6.1f ns\n",
	       name, input.len, median_ns(parse, input), median_ns(parse_and_read, input));
}

int main(void)
{
	report("minimal", (struct bytes){minimal, sizeof(minimal) - 1});
	report("api", (struct bytes){api, sizeof(api) - 1});
	report("browser", (struct bytes){browser, sizeof(browser) - 1});
	return 0;
}
