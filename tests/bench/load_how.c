/* SPDX-License-Identifier: BSD-2-Clause */
#include "load_how.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static void read_pids(char *list, struct how *how)
{
	for (char *at = strtok(list, ","); at && how->pid_count < PIDS_MAX; at = strtok(NULL, ","))
		how->pids[how->pid_count++] = atoi(at);
}

/* What the keys are drawn from. */
struct draw {
	enum key_order order;
	uint32_t count, first;
};

static void take_option(int option, struct how *how, struct draw *draw)
{
	switch (option) {
	case 'c':
		how->connections = atoi(optarg);
		break;
	case 's':
		how->seconds = atof(optarg);
		break;
	case 'w':
		how->warmup_s = atof(optarg);
		break;
	case 'n':
		how->requests = strtoull(optarg, NULL, 10);
		break;
	case '1':
		how->once = true;
		break;
	case 'p':
		how->path = optarg;
		break;
	case 'k':
		draw->count = (uint32_t)atol(optarg);
		break;
	case 'z':
		draw->order = KEYS_ZIPF;
		break;
	case 'f':
		draw->order = KEYS_IN_TURN;
		draw->first = (uint32_t)atol(optarg);
		break;
	case 'C':
		how->clients = (uint32_t)atol(optarg);
		break;
	case 'r':
		how->rate = atof(optarg);
		break;
	case 'b':
		how->is_busy = true;
		break;
	case 'P':
		read_pids(optarg, how);
		break;
	default:
		exit(2);
	}
}

void how_read(int argc, char **argv, struct how *how)
{
	struct draw draw = {KEYS_UNIFORM, 1, 0};
	int option;

	*how = (struct how){.connections = 64, .seconds = 2, .path = "/"};
	while ((option = getopt(argc, argv, "c:s:w:n:1p:k:zf:C:r:bP:")) != -1)
		take_option(option, how, &draw);

	how->to.sin_family = AF_INET;
	if (argc - optind != 2 || inet_pton(AF_INET, argv[optind], &how->to.sin_addr) != 1 ||
	    how->connections < 1 || how->connections > CONNECTIONS_MAX || !draw.count)
		exit(2);
	how->to.sin_port = htons((uint16_t)atoi(argv[optind + 1]));
	keys_draw(&how->keys, draw.order, draw.count, draw.first);
	if (how->clients)
		keys_draw(&how->askers, KEYS_UNIFORM, how->clients, 0);
}
