/* SPDX-License-Identifier: BSD-2-Clause */
#include <linux/if_link.h>
#include <net/if.h>
#include <string.h>

#include "kernel/link_message.h"

static void copy_name(char *out, size_t size, const struct nlattr *attr)
{
	/* strncpy: what follows the name must be zero, rows are compared as bytes */
	if (!mnl_attr_validate(attr, MNL_TYPE_NUL_STRING))
		strncpy(out, mnl_attr_get_str(attr), size - 1);
}

static uint32_t get_u32(const struct nlattr *attr)
{
	return mnl_attr_validate(attr, MNL_TYPE_U32) ? 0 : mnl_attr_get_u32(attr);
}

static void read_kind(const struct nlattr *info, struct link *link)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, info) if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
		copy_name(link->kind, sizeof(link->kind), attr);
}

static void read_xdp(const struct nlattr *xdp, struct link *link)
{
	uint8_t attached = XDP_ATTACHED_NONE;
	const struct nlattr *attr;
	uint32_t id = 0;

	mnl_attr_for_each_nested(attr, xdp)
	{
		switch (mnl_attr_get_type(attr)) {
		case IFLA_XDP_ATTACHED:
			if (!mnl_attr_validate(attr, MNL_TYPE_U8))
				attached = mnl_attr_get_u8(attr);
			break;
		case IFLA_XDP_PROG_ID:
			id = get_u32(attr);
			break;
		case IFLA_XDP_DRV_PROG_ID:
			link->native_id = get_u32(attr);
			break;
		case IFLA_XDP_SKB_PROG_ID:
			link->generic_id = get_u32(attr);
			break;
		}
	}
	/* Old kernels tell of a single program in one attribute only. */
	if (attached == XDP_ATTACHED_DRV && !link->native_id)
		link->native_id = id;
	if (attached == XDP_ATTACHED_SKB && !link->generic_id)
		link->generic_id = id;
}

static void read_attribute(const struct nlattr *attr, struct link *link)
{
	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		copy_name(link->name, sizeof(link->name), attr);
		break;
	case IFLA_MTU:
		link->mtu = get_u32(attr);
		break;
	case IFLA_MASTER:
		link->master = get_u32(attr);
		break;
	case IFLA_LINK:
		link->lower = get_u32(attr);
		break;
	case IFLA_LINK_NETNSID:
		link->lower_elsewhere = true;
		break;
	case IFLA_LINKINFO:
		read_kind(attr, link);
		break;
	case IFLA_XDP:
		read_xdp(attr, link);
		break;
	}
}

bool link_read(const struct nlmsghdr *message, struct link *ret_link)
{
	const struct ifinfomsg *about = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*about) || about->ifi_family != AF_UNSPEC ||
	    about->ifi_index <= 0)
		return false;

	memset(ret_link, 0, sizeof(*ret_link));
	ret_link->ifindex = (unsigned)about->ifi_index;
	ret_link->up = about->ifi_flags & IFF_UP;
	ret_link->type = about->ifi_type;
	mnl_attr_for_each(attr, message, sizeof(*about)) read_attribute(attr, ret_link);
	return ret_link->name[0] != '\0';
}

const char *link_error_text(const struct nlmsghdr *message)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
	unsigned skip = sizeof(*error);
	const struct nlattr *attr;

	if (message->nlmsg_type != NLMSG_ERROR || !(message->nlmsg_flags & NLM_F_ACK_TLVS) ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*error))
		return NULL;
	if (!(message->nlmsg_flags & NLM_F_CAPPED))
		skip += error->msg.nlmsg_len - sizeof(error->msg);
	if (skip > mnl_nlmsg_get_payload_len(message))
		return NULL;

	mnl_attr_for_each(
		attr, message,
		skip) if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
			  !mnl_attr_validate(attr,
					     MNL_TYPE_NUL_STRING)) return mnl_attr_get_str(attr);
	return NULL;
}
