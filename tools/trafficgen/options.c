// SPDX-License-Identifier: BSD-2-Clause
#include "options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_SEC     1000000000ull
#define SECONDS_MAX    86400.0
#define BITS_MAX       32
#define DEFAULT_BITS   24
#define DEFAULT_PORT   80
#define DEFAULT_SOURCE 40000

static const char usage[] =
	"usage: trafficgen --interface IF --dst MAC/ADDR --base ADDR [options]\n"
	"Sends frames of many sources out of an interface, as fast as it goes or paced.\n"
	"\n"
	"  --netns NAME       the sender's network namespace (default: the present one)\n"
	"  --interface IF     interface the frames leave by\n"
	"  --dst MAC/ADDR     Ethernet and IP destination\n"
	"  --base ADDR        first source; IPv6 sources differ in their second 32 bits\n"
	"  --sources N        as many sources, one after the other (default 1), or \"ever-new\"\n"
	"  --bits N           bits of the source that change with ever-new (default 24)\n"
	"  --rate PPS|max     frames a second (default max)\n"
	"  --seconds S        how long (default 1)\n"
	"  --size BYTES       of the frame, Ethernet header included (default: the shortest)\n"
	"  --proto udp|tcp-syn  (default udp)\n"
	"  --port P           destination port (default 80)\n"
	"  --source-port P    (default 40000)\n"
	"\n"
	"Prints one JSON object: frames offered, taken by the other end, seconds, rate.\n";

static int refuse(const char *option, const char *value, const char *expected)
{
	fprintf(stderr, "trafficgen: --%s: \"%s\" is not %s\n", option, value, expected);
	return -EINVAL;
}

static bool parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret_number)
{
	char *end;
	unsigned long long number;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || number < min || number > max)
		return false;
	*ret_number = number;
	return true;
}

static bool parse_mac(const char *text, uint8_t mac[6])
{
	int used = 0;

	return sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2],
		      &mac[3], &mac[4], &mac[5], &used) == 6 &&
	       !text[used];
}

/* Returns 4, 6, or 0 for what is no address. */
static uint8_t parse_address(const char *text, uint8_t address[16])
{
	if (inet_pton(AF_INET, text, address) == 1)
		return 4;
	return inet_pton(AF_INET6, text, address) == 1 ? 6 : 0;
}

static int parse_destination(const char *text, struct template_flow *flow)
{
	char mac[18] = "";
	const char *slash = strchr(text, '/');

	if (slash && (size_t)(slash - text) < sizeof(mac))
		memcpy(mac, text, (size_t)(slash - text));
	if (!slash || !parse_mac(mac, flow->dst_mac))
		return refuse("dst", text, "MAC/ADDR");
	flow->family = parse_address(slash + 1, flow->dst);
	return flow->family ? 0 : refuse("dst", text, "MAC/ADDR");
}

static int parse_sources(const char *text, uint32_t *ret_sources)
{
	uint64_t number = 0;

	if (strcmp(text, "ever-new") && !parse_number(text, 1, UINT32_MAX, &number))
		return refuse("sources", text, "a number or ever-new");
	*ret_sources = (uint32_t)number;
	return 0;
}

static int parse_rate(const char *text, uint64_t *ret_rate)
{
	*ret_rate = 0;
	if (strcmp(text, "max") && !parse_number(text, 1, UINT32_MAX, ret_rate))
		return refuse("rate", text, "a number or max");
	return 0;
}

static int parse_seconds(const char *text, uint64_t *ret_ns)
{
	char *end;
	double seconds = strtod(text, &end);

	/* Written so that what is no number fails, too. */
	if (end == text || *end || !(seconds > 0 && seconds <= SECONDS_MAX))
		return refuse("seconds", text, "a number of seconds above 0");
	*ret_ns = (uint64_t)(seconds * NS_PER_SEC);
	return 0;
}

static int parse_protocol(const char *text, bool *ret_is_tcp_syn)
{
	*ret_is_tcp_syn = !strcmp(text, "tcp-syn");
	if (!*ret_is_tcp_syn && strcmp(text, "udp"))
		return refuse("proto", text, "udp or tcp-syn");
	return 0;
}

static int parse_bounded(const char *option, const char *text, uint64_t max, uint64_t *ret_number)
{
	if (parse_number(text, 0, max, ret_number))
		return 0;
	return refuse(option, text, "a number in its range");
}

enum option_id {
	OPTION_NETNS,
	OPTION_INTERFACE,
	OPTION_DST,
	OPTION_BASE,
	OPTION_SOURCES,
	OPTION_BITS,
	OPTION_RATE,
	OPTION_SECONDS,
	OPTION_SIZE,
	OPTION_PROTO,
	OPTION_PORT,
	OPTION_SOURCE_PORT,
	OPTION_HELP,
};

static const struct option long_options[] = {
	{"netns", required_argument, NULL, OPTION_NETNS},
	{"interface", required_argument, NULL, OPTION_INTERFACE},
	{"dst", required_argument, NULL, OPTION_DST},
	{"base", required_argument, NULL, OPTION_BASE},
	{"sources", required_argument, NULL, OPTION_SOURCES},
	{"bits", required_argument, NULL, OPTION_BITS},
	{"rate", required_argument, NULL, OPTION_RATE},
	{"seconds", required_argument, NULL, OPTION_SECONDS},
	{"size", required_argument, NULL, OPTION_SIZE},
	{"proto", required_argument, NULL, OPTION_PROTO},
	{"port", required_argument, NULL, OPTION_PORT},
	{"source-port", required_argument, NULL, OPTION_SOURCE_PORT},
	{"help", no_argument, NULL, OPTION_HELP},
	{NULL, 0, NULL, 0},
};

struct parsing {
	struct options options;
	uint8_t base_family; /* 0: --base was not given */
};

static int parse_base(const char *text, struct parsing *parsing)
{
	parsing->base_family = parse_address(text, parsing->options.flow.src);
	return parsing->base_family ? 0 : refuse("base", text, "an address");
}

static int parse_small(enum option_id id, const char *text, struct options *options)
{
	uint64_t number = 0;
	int err;

	if (id == OPTION_BITS) {
		err = parse_bounded("bits", text, BITS_MAX, &number);
		options->bits = (uint8_t)number;
	} else if (id == OPTION_SIZE) {
		err = parse_bounded("size", text, TEMPLATE_SIZE_MAX, &number);
		options->flow.size = (uint16_t)number;
	} else if (id == OPTION_PORT) {
		err = parse_bounded("port", text, UINT16_MAX, &number);
		options->flow.dst_port = (uint16_t)number;
	} else {
		err = parse_bounded("source-port", text, UINT16_MAX, &number);
		options->flow.src_port = (uint16_t)number;
	}
	return err;
}

static int parse_one(enum option_id id, const char *text, struct parsing *parsing)
{
	struct options *options = &parsing->options;

	switch (id) {
	case OPTION_NETNS:
		options->netns = text;
		return 0;
	case OPTION_INTERFACE:
		options->interface = text;
		return 0;
	case OPTION_DST:
		return parse_destination(text, &options->flow);
	case OPTION_BASE:
		return parse_base(text, parsing);
	case OPTION_SOURCES:
		return parse_sources(text, &options->sources);
	case OPTION_RATE:
		return parse_rate(text, &options->rate);
	case OPTION_SECONDS:
		return parse_seconds(text, &options->duration_ns);
	case OPTION_PROTO:
		return parse_protocol(text, &options->flow.is_tcp_syn);
	case OPTION_BITS:
	case OPTION_SIZE:
	case OPTION_PORT:
	case OPTION_SOURCE_PORT:
		return parse_small(id, text, options);
	case OPTION_HELP:
		fputs(usage, stdout);
		exit(0);
	}
	return -EINVAL;
}

static int check(const struct parsing *parsing)
{
	const struct options *options = &parsing->options;

	if (!options->interface || !options->flow.family || !parsing->base_family) {
		fputs("trafficgen: --interface, --dst and --base are needed; see --help\n", stderr);
		return -EINVAL;
	}
	if (options->flow.family != parsing->base_family) {
		fputs("trafficgen: --dst and --base are of different families\n", stderr);
		return -EINVAL;
	}
	return 0;
}

static uint16_t shortest(const struct template_flow *flow)
{
	return flow->family == 6 && flow->is_tcp_syn ? 74 : 62;
}

int options_parse(int argc, char **argv, struct options *ret_options)
{
	struct parsing parsing = {
		.options = {.sources = 1,
			    .bits = DEFAULT_BITS,
			    .duration_ns = NS_PER_SEC,
			    .flow = {.dst_port = DEFAULT_PORT, .src_port = DEFAULT_SOURCE}},
	};
	int id, err;

	while ((id = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		err = id == '?' ? -EINVAL : parse_one((enum option_id)id, optarg, &parsing);
		if (err)
			return err;
	}
	if (optind < argc)
		return refuse("help", argv[optind], "an option");
	err = check(&parsing);
	if (err)
		return err;
	if (!parsing.options.flow.size)
		parsing.options.flow.size = shortest(&parsing.options.flow);
	*ret_options = parsing.options;
	return 0;
}
