/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "limit/table_parts.h"

#define STATE_BYTES_MAX (128 * 1024)

static struct table_head layout_of(struct limit_table_size size)
{
	uint64_t slot = offsetof(struct table_slot, state) + size.state_bytes;
	uint64_t sets = (size.entries + LIMIT_TABLE_WAYS - 1) / LIMIT_TABLE_WAYS;
	uint64_t shared = sets / 16;

	return (struct table_head){
		.magic = TABLE_MAGIC,
		.slot_bytes = (slot + TABLE_LINE - 1) / TABLE_LINE * TABLE_LINE,
		.sets = sets,
		.shared_sets = shared > TABLE_SET_MIN ? shared : TABLE_SET_MIN,
	};
}

static uint64_t bytes_of_layout(const struct table_head *head)
{
	return TABLE_HEAD + ((uint64_t)head->sets + head->shared_sets) * table_set_bytes(head);
}

uint64_t limit_table_bytes(struct limit_table_size size)
{
	struct table_head head = layout_of(size);

	return bytes_of_layout(&head);
}

struct limit_table_size limit_table_within(uint64_t bytes, uint64_t state_bytes)
{
	struct limit_table_size size = {.entries = LIMIT_TABLE_ENTRIES_MAX,
					.state_bytes = state_bytes};
	uint64_t fits = 0;

	/* fits: entries that do; size.entries: the next to be tried, a step of a bisection. */
	for (uint64_t step = LIMIT_TABLE_ENTRIES_MAX; step; step /= 2) {
		size.entries = fits + step;
		if (size.entries <= LIMIT_TABLE_ENTRIES_MAX && limit_table_bytes(size) <= bytes)
			fits = size.entries;
	}
	size.entries = fits;
	return size;
}

static bool is_possible(struct limit_table_size size)
{
	return size.entries && size.entries <= LIMIT_TABLE_ENTRIES_MAX &&
	       size.state_bytes >= sizeof(struct limit_state) &&
	       size.state_bytes <= STATE_BYTES_MAX;
}

int limit_table_create(struct limit_table_size size, int *ret_fd)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	struct table_head head;
	auto_close int fd = -1;

	if (!is_possible(size))
		return -EINVAL;
	head = layout_of(size);
	if (getrandom(head.secret, sizeof(head.secret), 0) != sizeof(head.secret))
		return -EIO;

	fd = memfd_create("sluice-limits", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || ftruncate(fd, bytes_of_layout(&head)))
		return -errno;
	if (pwrite(fd, &head, sizeof(head), 0) != sizeof(head))
		return -EIO;
	/* A table that shrank under its mapping would be a SIGBUS. */
	if (fcntl(fd, F_ADD_SEALS, seals))
		return -errno;

	*ret_fd = take_fd(fd);
	return 0;
}

/* What is mapped was made by this version of limit_table_create(), and is all there. */
static bool is_table(const struct table_head *head, uint64_t bytes)
{
	return head->magic == TABLE_MAGIC && head->sets && head->shared_sets &&
	       head->sets <= LIMIT_TABLE_ENTRIES_MAX &&
	       head->shared_sets <= head->sets + TABLE_SET_MIN &&
	       head->slot_bytes % TABLE_LINE == 0 &&
	       head->slot_bytes >= sizeof(struct table_slot) &&
	       head->slot_bytes <= STATE_BYTES_MAX + 2 * TABLE_LINE &&
	       bytes_of_layout(head) == bytes;
}

static int map_table(int fd, int flags, struct limit_table **ret_table)
{
	auto_free struct limit_table *table = calloc(1, sizeof(*table));
	struct stat stat;

	if (!table)
		return -ENOMEM;
	if (fstat(fd, &stat))
		return -errno;
	if (stat.st_size < TABLE_HEAD)
		return -EINVAL;

	table->bytes = stat.st_size;
	table->head = mmap(NULL, table->bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (table->head == MAP_FAILED)
		return -errno;
	/* A view's own page from here on: nobody changes what is about to be checked. */
	if (flags == MAP_PRIVATE)
		__atomic_fetch_or(&table->head->epoch, 0, __ATOMIC_RELAXED);
	if (!is_table(table->head, table->bytes)) {
		munmap(table->head, table->bytes);
		return -EINVAL;
	}
	table->epoch = table->head->epoch & ~TABLE_JOINED;
	*ret_table = take_ptr(table);
	return 0;
}

bool limit_table_is_sized(int fd, struct limit_table_size size)
{
	const struct table_head wanted = layout_of(size);
	struct table_head head;

	return pread(fd, &head, sizeof(head), 0) == sizeof(head) && head.magic == wanted.magic &&
	       head.slot_bytes == wanted.slot_bytes && head.sets == wanted.sets &&
	       head.shared_sets == wanted.shared_sets;
}

static void begin_epoch(struct limit_table *table)
{
	/* 0 is the word of a free lock. */
	do
		table->epoch = __atomic_add_fetch(&table->head->epoch, 1, __ATOMIC_ACQ_REL) &
			       ~TABLE_JOINED;
	while (!table->epoch);
	table->word = table->epoch;
}

int limit_table_open(int fd, struct limit_table **ret_table)
{
	struct limit_table *table = NULL;
	int err = map_table(fd, MAP_SHARED, &table);

	if (!table)
		return err;
	begin_epoch(table);
	*ret_table = table;
	return 0;
}

int limit_table_join(int fd, struct limit_table **ret_table)
{
	struct limit_table *table = NULL;
	int err = map_table(fd, MAP_SHARED, &table);

	if (!table)
		return err;
	if (table->epoch)
		table->word = table->epoch | TABLE_JOINED;
	else
		begin_epoch(table);
	*ret_table = table;
	return 0;
}

int limit_table_view(int fd, struct limit_table **ret_table)
{
	return map_table(fd, MAP_PRIVATE, ret_table);
}

void limit_table_close(struct limit_table *table)
{
	if (!table)
		return;
	munmap(table->head, table->bytes);
	free(table);
}

uint64_t limit_table_memory(const struct limit_table *table)
{
	return table->bytes;
}

struct limit_moment limit_table_moment(const struct limit_table *table, uint64_t now_ns)
{
	return (struct limit_moment){now_ns + table->head->ahead_ns, table->epoch};
}

/* Before the machine's start there is no CLOCK_MONOTONIC: move the clock, the instants would not fit. */
void limit_table_continue(struct limit_table *table, uint64_t saved_ns, uint64_t elapsed_ns,
			  uint64_t now_ns)
{
	table->head->ahead_ns = saved_ns + elapsed_ns - now_ns;
}
