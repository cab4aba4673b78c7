/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the agent and its HTTP child say to each other: messages over a socketpair (SOCK_SEQPACKET), each
 * bounded, each checked by whoever gets it. The child parses strangers' bytes and may have been taken over,
 * so the parent believes nothing; the parent may be a newer or older program after an upgrade on disk, so the
 * child checks as well.
 *
 *   child                                   parent
 *   HELLO  ------------------------------->
 *          <-------------------------------  THREADS, TABLE, LOG, LISTENER ..., RESOLVED ...
 *          <-------------------------------  PREPARE (policy, and its API keys)
 *   PREPARED or REFUSED (text) ----------->
 *          <-------------------------------  SWITCH or ABANDON
 *   READY  ------------------------------->  (the first time only)
 *          <-------------------------------  LISTENER ..., RESOLVED ..., PREPARE: a reload
 *   BAN    ------------------------------->
 *          <-------------------------------  BANNED (some of them, whoever asked)
 *          <-------------------------------  ASK (topic, text)
 *   ANSWER (..., the last has no `more`) ->  (meanwhile either may say other things)
 *          <-------------------------------  DRAIN
 *
 * Knows the form of messages, not what they mean.
 */
#ifndef HTTP_PIPE_H
#define HTTP_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/abi.h>

#include "base/bytes.h"
#include "policy/http_policy.h"

#define PIPE_VERSION	   4
#define PIPE_PAYLOAD_MAX   32768 /* bytes; below a socket's default buffer by far */
#define PIPE_FDS_MAX	   64	 /* with one message */
#define PIPE_ADDRESSES_MAX 32	 /* of one name */

/* X(NAME, who sends it, least and most payload, least and most descriptors) */
#define PIPE_KINDS(X)                                                                         \
	X(HELLO, CHILD, 0, 0, 0, 0)                                                           \
	X(READY, CHILD, 0, 0, 0, 0)                                                           \
	X(PREPARED, CHILD, 0, 0, 0, 0)                                                        \
	X(REFUSED, CHILD, 1, 1024, 0, 0)                                                      \
	X(ANSWER, CHILD, sizeof(struct pipe_answer), PIPE_PAYLOAD_MAX, 0, 0)                  \
	X(BAN, CHILD, sizeof(struct pipe_ban), sizeof(struct pipe_ban), 0, 0)                 \
	X(THREADS, PARENT, sizeof(struct pipe_threads), sizeof(struct pipe_threads), 0, 0)    \
	X(LISTENER, PARENT, 1, HTTP_ADDRESS_TEXT_MAX - 1, 1, PIPE_FDS_MAX)                    \
	X(RESOLVED, PARENT, sizeof(struct pipe_resolved), sizeof(struct pipe_resolved), 0, 0) \
	X(TABLE, PARENT, sizeof(struct pipe_table), sizeof(struct pipe_table), 1, 1)          \
	X(LOG, PARENT, 0, 0, 0, 1)                                                            \
	X(PREPARE, PARENT, 0, 0, 1, 2)                                                        \
	X(SWITCH, PARENT, 0, 0, 0, 0)                                                         \
	X(ABANDON, PARENT, 0, 0, 0, 0)                                                        \
	X(BANNED, PARENT, sizeof(struct pipe_banned),                                         \
	  PIPE_BANNED_MAX * sizeof(struct pipe_banned), 0, 0)                                 \
	X(ASK, PARENT, sizeof(struct pipe_ask), PIPE_PAYLOAD_MAX, 0, 0)                       \
	X(DRAIN, PARENT, sizeof(struct pipe_drain), sizeof(struct pipe_drain), 0, 0)

enum pipe_kind {
#define X(name, sender, min, max, min_fds, max_fds) PIPE_##name,
	PIPE_KINDS(X)
#undef X
		PIPE_KIND_COUNT
};

/* ---- Payloads ---- */

/*
 * What the parent asks for. The text's meaning, and that of the answer (JSON), is the topic's; docs/control.md has the
 * answers as they are passed on. A question that cannot be answered gets {"status": 4xx or 5xx, "error": "a sentence"}.
 */
enum pipe_topic {
	PIPE_TOPIC_STATS,	/* counters and state, for /metrics and `sluice status`; no text */
	PIPE_TOPIC_CACHE_PURGE, /* "hard" or "soft", then "all", "url U", "prefix P", "glob G", "tag T" */
	PIPE_TOPIC_CACHE_STATS,	  /* no text */
	PIPE_TOPIC_CACHE_SHOW,	  /* a URL */
	PIPE_TOPIC_CACHE_TOP,	  /* "hits N" or "bytes N" */
	PIPE_TOPIC_LIMIT_CLIENTS, /* "all N TEXT" or "over N TEXT" */
	PIPE_TOPIC_LIMIT_EXPLAIN, /* an address, or the name of an API key */
	PIPE_TOPIC_LIMIT_RESET,	  /* likewise */
	PIPE_TOPIC_COUNT
};

#define PIPE_TOP_MAX	 1000  /* of CACHE_TOP */
#define PIPE_CLIENTS_MAX 10000 /* of LIMIT_CLIENTS */

struct pipe_ask {
	uint32_t serial; /* the answer's carry it */
	uint32_t topic;
	/* text follows */
};

struct pipe_answer {
	uint32_t serial;
	uint32_t more; /* 1: the text goes on in the next answer; else 0 */
		       /* text follows */
};

/* Why the HTTP plane wants a source dropped at the network card. */
enum pipe_ban_reason {
	PIPE_BAN_REFUSED,   /* too many requests over its limits */
	PIPE_BAN_MALFORMED, /* messages that break framing */
	PIPE_BAN_SLOW,	    /* heads and bodies that never end */
	PIPE_BAN_REASON_COUNT
};

struct pipe_ban {
	uint8_t family; /* of struct prefix; the address is whole, or its source's first one */
	uint8_t reason; /* enum pipe_ban_reason */
	uint8_t zero[2];
	uint32_t strikes; /* how many it took */
	uint8_t address[16];
};

/* Banned from now on, by whomever: what connections they have are to be closed. An array of these. */
struct pipe_banned {
	uint8_t family; /* of struct prefix */
	uint8_t bits;
	uint8_t address[16];
};
#define PIPE_BANNED_MAX 1024 /* in one message */

struct pipe_resolved {
	char name[HTTP_NAME_ROOM]; /* as the policy has it, NUL-terminated */
	uint32_t count;		   /* addresses; 0: nothing is known of the name yet */
	struct {
		uint8_t family;
		uint8_t address[16];
	} at[PIPE_ADDRESSES_MAX];
};

/* How many threads to run: as long as it lives. Listeners come with at least as many sockets. */
struct pipe_threads {
	uint32_t count;
};

/* The table of counts. */
struct pipe_table {
	uint32_t
		joins; /* 1: the child of an agent that is taken over from counts in it as well; else 0 */
};

struct pipe_drain {
	uint64_t within_ns;
};

/* ---- Messages ---- */

enum pipe_sender { PIPE_SENDER_CHILD, PIPE_SENDER_PARENT };

struct pipe_message {
	enum pipe_kind kind;
	struct bytes payload;  /* valid until the next pipe_receive() on the same buffer */
	int fds[PIPE_FDS_MAX]; /* the receiver's to close */
	size_t fd_count;
};

struct pipe_buffer {
	char at[PIPE_PAYLOAD_MAX + 16]; /* the header included */
};

/*
 * Send one message; parts of the payload are joined. Does not wait: returns 0; -EAGAIN if the other
 * side does not read; -EPIPE, -ECONNRESET if it is gone; -EMSGSIZE if it breaks the bounds of its kind.
 */
int pipe_send(int fd, const struct pipe_message *message);

/* The same, waiting for the other side to read; the kernel keeps no more than a handful of messages. -ETIMEDOUT. */
#define PIPE_PATIENCE_MS 5000
int pipe_send_patiently(int fd, const struct pipe_message *message);

/*
 * Receive one message of the other side. Returns 0; -EAGAIN if there is none; -EPIPE at the end;
 * -EPROTO for a message that breaks a rule above (its descriptors are closed), or -errno. After -EPROTO the
 * other side is not to be trusted any more.
 */
int pipe_receive(int fd, enum pipe_sender from, struct pipe_buffer *buffer,
		 struct pipe_message *ret_message);

/* Close what came along and was not taken (taken: set to -1). */
void pipe_close_fds(struct pipe_message *message);

/* "HELLO" and so on, for logs. */
const char *pipe_kind_name(enum pipe_kind kind);

#endif
