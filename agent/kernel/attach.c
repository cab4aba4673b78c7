/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <xdp/libxdp.h>

#include <sluice/abi.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/privileges.h"
#include "kernel/attach.h"
#include "kernel/chatter.h"
#include "kernel/program.h"
#include "kernel/slot.h"

#define RUN_PRIORITY \
	10 /* in the dispatcher: before most, as what is dropped should cost the others nothing */

void attachment_close(struct attachment *attachment)
{
	cleanup_close(&attachment->counters_fd);
	*attachment = ATTACHMENT_NONE;
}

static void cleanup_xdp_program(struct xdp_program **program)
{
	if (*program)
		xdp_program__close(*program);
}
#define auto_xdp_program __attribute__((cleanup(cleanup_xdp_program)))

/* An error as text: what the kernel or the library complained of, else what errno means. */
static const char *cause(int err)
{
	if (err == -EPERM)
		return "not permitted: it takes CAP_NET_ADMIN, CAP_BPF and CAP_PERFMON, and "
		       "CAP_SYS_ADMIN "
		       "to attach; run as root or through the systemd unit";
	return chatter_last()[0] ? chatter_last() : strerror(-err);
}

/* ---- Ways of attaching ------------------------------------------------------------- */

/* libxdp puts the program behind its dispatcher, or alone on the interface where the kernel refuses that. */
static int attach_by_libxdp(const struct datapath *datapath, unsigned ifindex, int counters_fd)
{
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts, .prog_name = "sl_ingress");
	auto_skeleton struct sluice_bpf *skeleton = NULL;
	auto_xdp_program struct xdp_program *program = NULL;
	int err;

	chatter_clear();
	err = program_open(datapath, counters_fd, &skeleton);
	if (err)
		return err;

	opts.obj = skeleton->obj;
	program = xdp_program__create(&opts);
	if (!program)
		return -errno;

	/* Passing on is the only verdict after which another program may see the packet. */
	for (unsigned action = XDP_ABORTED; !err && action <= XDP_REDIRECT; action++)
		err = xdp_program__set_chain_call_enabled(program, action, action == XDP_PASS);
	if (!err)
		err = xdp_program__set_run_prio(program, RUN_PRIORITY);
	/* libxdp does not see what the section's name says, and one such program denies jumbo frames to all. */
	if (!err)
		err = xdp_program__set_xdp_frags_support(program, true);
	return err ? err : xdp_program__attach(program, (int)ifindex, XDP_MODE_NATIVE, 0);
}

static int attach_single(const struct datapath *datapath, unsigned ifindex, int counters_fd,
			 __u32 mode_flag)
{
	auto_skeleton struct sluice_bpf *skeleton = NULL;
	int err = program_load(datapath, counters_fd, &skeleton);

	if (err)
		return err;
	/* Whoever came first since we looked stays. */
	return bpf_xdp_attach((int)ifindex, bpf_program__fd(skeleton->progs.sl_ingress),
			      mode_flag | XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);
}

static __u32 mode_flag_of(const struct slot *slot)
{
	return slot->generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
}

/* ---- What is there ------------------------------------------------------------------ */

static enum attach_mode mode_of(const struct slot *slot)
{
	if (slot->generic)
		return ATTACH_GENERIC;
	return slot->holder == SLOT_DISPATCHER ? ATTACH_DISPATCHER : ATTACH_NATIVE;
}

/* Take what the slot says into attachment: the newest of ours is the one that counts. */
static int note(const struct slot *slot, struct attachment *attachment)
{
	auto_close int program = -1, counters = -1;
	uint32_t id;
	int err;

	if (!slot->ours_count)
		return -ENOENT;
	id = slot->ours[slot->ours_count - 1];
	program = bpf_prog_get_fd_by_id(id);
	if (program < 0)
		return -errno;
	err = slot_program_map(program, "counters", &counters);
	if (err)
		return err;

	cleanup_close(&attachment->counters_fd);
	attachment->counters_fd = take_fd(counters);
	attachment->mode = mode_of(slot);
	attachment->main_id = slot->main_id;
	attachment->program_id = id;
	return 0;
}

static int remove_id(unsigned ifindex, const struct slot *slot, uint32_t id)
{
	auto_xdp_program struct xdp_program *program = xdp_program__from_id(id);
	long err = libxdp_get_error(program);

	if (err) {
		program = NULL;
		return (int)err;
	}
	return xdp_program__detach(program, (int)ifindex,
				   slot->generic ? XDP_MODE_SKB : XDP_MODE_NATIVE, 0);
}

/* Behind the dispatcher: detach all of ours but keep_id. Each detach replaces the dispatcher, so look again. */
static int remove_others_of_ours(unsigned ifindex, uint32_t keep_id)
{
	struct slot slot;
	int err = slot_read(ifindex, &slot);

	for (size_t i = 0; !err && i < slot.ours_count; i++)
		if (slot.ours[i] != keep_id)
			err = remove_id(ifindex, &slot, slot.ours[i]);
	return err;
}

/* ---- From nothing --------------------------------------------------------------------- */

static void set_why(char *why, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void set_why(char *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, INTERFACE_ERROR_MAX, format, args);
	va_end(args);
}

static enum attach_result settle(unsigned ifindex, struct attachment *attachment,
				 enum attach_result result, char *error)
{
	struct slot slot;
	int err = slot_read(ifindex, &slot);

	if (!err)
		err = note(&slot, attachment);
	if (!err)
		return result;
	set_why(error, "attached, but gone at once: %s", strerror(-err));
	attachment->mode = ATTACH_NONE;
	return ATTACH_FAILED;
}

/* No dispatcher: alone in the driver, else behind it. */
static enum attach_result attach_alone(const struct datapath *datapath, unsigned ifindex,
				       struct attachment *attachment, char *error)
{
	int err = attach_single(datapath, ifindex, attachment->counters_fd, XDP_FLAGS_DRV_MODE);

	if (!err)
		return settle(ifindex, attachment, ATTACH_DONE, error);

	set_why(attachment->why, "no native XDP: %s", cause(err));
	if (err != -EPERM && err != -EBUSY && err != -EEXIST)
		err = attach_single(datapath, ifindex, attachment->counters_fd, XDP_FLAGS_SKB_MODE);
	if (!err)
		return settle(ifindex, attachment, ATTACH_DONE, error);

	set_why(error, "%s", cause(err));
	return ATTACH_FAILED;
}

static enum attach_result attach_fresh(const struct datapath *datapath, unsigned ifindex,
				       struct attachment *attachment, char *error)
{
	enum attach_result result;
	int err;

	attachment->adopted = false;
	attachment->why[0] = '\0';
	/* The dispatcher's parts are held by pins: without lasting ones it would let everything pass once we are gone. */
	if (!datapath_is_pinned(datapath)) {
		set_why(attachment->why, "no dispatcher: there is no bpffs that outlives the agent "
					 "(mount -t bpf bpf /sys/fs/bpf)");
		return attach_alone(datapath, ifindex, attachment, error);
	}

	err = attach_by_libxdp(datapath, ifindex, attachment->counters_fd);
	if (err) {
		set_why(attachment->why, "no dispatcher: %s", cause(err));
		return attach_alone(datapath, ifindex, attachment, error);
	}
	result = settle(ifindex, attachment, ATTACH_DONE, error);
	if (attachment->mode == ATTACH_NATIVE)
		set_why(attachment->why, "no dispatcher: %s",
			chatter_last()[0] ? chatter_last() : "the kernel refuses it");
	return result;
}

/* ---- Beside others ----------------------------------------------------------------------- */

static enum attach_result join_dispatcher(const struct datapath *datapath, unsigned ifindex,
					  struct attachment *attachment, char *error)
{
	int err = attach_by_libxdp(datapath, ifindex, attachment->counters_fd);

	attachment->adopted = false;
	attachment->why[0] = '\0';
	if (!err)
		return settle(ifindex, attachment, ATTACH_DONE, error);
	set_why(error, "the dispatcher that is attached does not take another program: %s",
		cause(err));
	return ATTACH_FAILED;
}

static void tell_whose(unsigned ifindex, const struct slot *slot, char *error)
{
	char name[LOG_QUOTE_MAX], link[IF_NAMESIZE] = "";

	if (!if_indextoname(ifindex, link))
		snprintf(link, sizeof(link), "%u", ifindex);
	log_quote(slot->main_name, name, sizeof(name));
	if (!strcmp(slot->main_name, "xdp_dispatcher"))
		set_why(error,
			"a dispatcher (id %u) whose programs cannot be seen from here is attached; "
			"run where its "
			"bpffs is mounted, or detach it: ip link set dev %s xdp off",
			slot->main_id, link);
	else
		set_why(error,
			"somebody else's XDP program %s (id %u) is attached and leaves no room; "
			"detach it, or load it "
			"with xdp-loader so that both can run",
			name, slot->main_id);
}

/* ---- Over our own ------------------------------------------------------------------------- */

/* The kernel exchanges a single program for another in one step, and only if the old one is still there. */
static int swap_single(unsigned ifindex, const struct slot *slot, int old_fd, int new_fd)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = old_fd);

	return bpf_xdp_attach((int)ifindex, new_fd, mode_flag_of(slot) | XDP_FLAGS_REPLACE, &opts);
}

/*
 * The new one is put beside the old one before that is taken away: for the milliseconds between, a packet is judged,
 * charged and counted by both. The other order would let everything pass meanwhile.
 */
static int swap_behind_dispatcher(const struct datapath *datapath, unsigned ifindex,
				  const struct slot *old)
{
	auto_close int old_fd = bpf_prog_get_fd_by_id(old->ours[old->ours_count - 1]);
	auto_close int counters = -1;
	struct slot slot;
	int err;

	if (old_fd < 0)
		return -errno;
	err = slot_program_map(old_fd, "counters", &counters);
	if (!err)
		err = attach_by_libxdp(datapath, ifindex, counters);
	if (!err)
		err = slot_read(ifindex, &slot);

	for (size_t i = 0; !err && i < old->ours_count; i++)
		err = remove_id(ifindex, &slot, old->ours[i]);
	return err;
}

static enum attach_result adopt(const struct datapath *datapath, unsigned ifindex,
				const struct slot *slot, struct attachment *attachment, char *error)
{
	uint32_t known = attachment->mode == ATTACH_NONE ? 0 : attachment->program_id;
	auto_skeleton struct sluice_bpf *fresh = NULL;
	auto_close int old_fd = -1;
	int err = note(slot, attachment), fresh_fd;

	if (err) {
		attachment->mode = ATTACH_NONE;
		set_why(error, "reading our program that is attached: %s", cause(err));
		return ATTACH_FAILED;
	}
	if (attachment->program_id == known)
		return ATTACH_KEPT;

	old_fd = bpf_prog_get_fd_by_id(attachment->program_id);
	err = program_load(datapath, attachment->counters_fd, &fresh);
	if (err) {
		/* What is there keeps limiting by the maps it has. */
		set_why(attachment->why, "left as an earlier agent attached it: %s", cause(err));
		return ATTACH_KEPT;
	}
	set_why(attachment->why, "%s",
		attachment->mode == ATTACH_DISPATCHER ? "" : "as attached by an earlier agent");

	fresh_fd = bpf_program__fd(fresh->progs.sl_ingress);
	if (slot_same_program(old_fd, fresh_fd)) {
		attachment->adopted = true;
		if (slot->ours_count > 1)
			(void)remove_others_of_ours(
				ifindex, attachment->program_id); /* judged twice until then */
		return ATTACH_KEPT;
	}

	err = slot->holder == SLOT_OURS ? swap_single(ifindex, slot, old_fd, fresh_fd)
					: swap_behind_dispatcher(datapath, ifindex, slot);
	if (!err)
		return settle(ifindex, attachment, ATTACH_SWAPPED, error);
	set_why(attachment->why, "an older program is left in place: %s", cause(err));
	return ATTACH_KEPT;
}

/* ---- The two calls --------------------------------------------------------------------------- */

enum attach_result attach_program(const struct datapath *datapath, unsigned ifindex,
				  struct attachment *attachment,
				  char error[static INTERFACE_ERROR_MAX])
{
	auto_lower bool raised = privileges_raise();
	struct slot slot;
	int err;

	chatter_clear();
	err = slot_read(ifindex, &slot);
	if (err) {
		attachment->mode = ATTACH_NONE;
		set_why(error, "asking for its XDP program: %s", cause(err));
		return ATTACH_FAILED;
	}
	if (slot.ours_count)
		return adopt(datapath, ifindex, &slot, attachment, error);

	attachment->mode = ATTACH_NONE;
	switch (slot.holder) {
	case SLOT_FREE:
		return attach_fresh(datapath, ifindex, attachment, error);
	case SLOT_DISPATCHER:
		return join_dispatcher(datapath, ifindex, attachment, error);
	case SLOT_OURS:
	case SLOT_OTHERS:
		break;
	}
	tell_whose(ifindex, &slot, error);
	return ATTACH_FAILED;
}

int attach_remove(unsigned ifindex, char error[static INTERFACE_ERROR_MAX])
{
	auto_lower bool raised = privileges_raise();
	struct slot slot;
	int err;

	chatter_clear();
	err = slot_read(ifindex, &slot);
	for (size_t i = 0; !err && i < slot.ours_count; i++)
		err = remove_id(ifindex, &slot, slot.ours[i]);
	if (!err)
		return (int)slot.ours_count;

	set_why(error, "%s", cause(err));
	return err;
}
