/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The numbering, kept in a pinned map "numbering": it has to live and die with the counters it explains.
 *
 * An array of blocks whose first one begins with magic and length. Each load makes a map of its own and puts the pin in
 * place of the old one in one step, so that an agent killed at any moment leaves the one or the other.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "kernel/datapath_private.h"

#define PIN_NAME      "numbering"
#define BLOCK_SIZE    4096u
#define BLOCKS_MAX    (1u << 18) /* 1 GiB: thrice what a million prefixes in two generations take */
#define NUMBERS_MAGIC 0x6d756e73u

struct numbers_head {
	uint32_t magic;
	uint32_t zero;
	uint64_t len;
};

/* Parse what fd holds. Returns 0 or -errno; -EINVAL: not one of ours. */
static int read_from(struct datapath *datapath, int fd)
{
	struct bpf_map_info info = {};
	uint32_t info_len = sizeof(info);
	const struct numbers_head *head;
	struct numbering *read = NULL;
	int error = -EINVAL;
	size_t size;

	if (bpf_obj_get_info_by_fd(fd, &info, &info_len) || info.type != BPF_MAP_TYPE_ARRAY ||
	    info.value_size != BLOCK_SIZE || info.max_entries > BLOCKS_MAX)
		return -EINVAL;
	size = (size_t)info.max_entries * BLOCK_SIZE;
	head = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (head == MAP_FAILED)
		return -errno;
	if (head->magic == NUMBERS_MAGIC && head->len <= size - sizeof(*head))
		error = numbering_load((struct bytes){(const char *)(head + 1), (size_t)head->len},
				       &read);
	munmap((void *)head, size);
	if (!error)
		datapath->numbering = read;
	return error;
}

int numbers_read(struct datapath *datapath, bool is_new)
{
	char path[BPFFS_PATH_MAX + 32];
	int error = -ENOENT;

	if (*datapath->pin_dir && !is_new) {
		snprintf(path, sizeof(path), "%s/" PIN_NAME, datapath->pin_dir);
		auto_close int fd = bpf_obj_get(path);

		error = fd < 0 ? -ENOENT : read_from(datapath, fd);
	}
	if (!error || error == -ENOMEM)
		return error;

	datapath->numbering_lost = datapath->config->generation != 0;
	if (datapath->numbering_lost)
		log_warning("the numbering of tiers and prefixes is gone with its pin; "
			    "their counters begin at 0 with the next policy");
	return numbering_new(&datapath->numbering);
}

int numbers_write(const struct datapath *datapath)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	auto_buffer struct buffer saved =
		buffer_new((size_t)BLOCKS_MAX * BLOCK_SIZE - sizeof(struct numbers_head));
	auto_close int fd = -1;
	struct numbers_head *head;
	size_t size;

	if (!*datapath->pin_dir)
		return 0;
	numbering_save(datapath->numbering, &saved);
	if (saved.error)
		return saved.error;

	size = (sizeof(*head) + saved.len + BLOCK_SIZE - 1) / BLOCK_SIZE * BLOCK_SIZE;
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, PIN_NAME, sizeof(uint32_t), BLOCK_SIZE,
			    (uint32_t)(size / BLOCK_SIZE), &opts);
	if (fd < 0)
		return -errno;
	head = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (head == MAP_FAILED)
		return -errno;
	*head = (struct numbers_head){.magic = NUMBERS_MAGIC, .len = saved.len};
	if (saved.len)
		memcpy(head + 1, saved.at, saved.len);
	munmap(head, size);
	return maps_pin(datapath, fd, PIN_NAME);
}
