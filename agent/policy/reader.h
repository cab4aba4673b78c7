/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * YAML, one node after the other: libyaml's events without the parts a policy has no use for (aliases,
 * anchors, tags, several documents). Knows nothing of what a policy says.
 *
 * Memory does not grow with the text: one event is held at a time.
 */
#ifndef POLICY_READER_H
#define POLICY_READER_H

#include <yaml.h>

#include "policy/policy.h"

#define READER_DEPTH_MAX 16 /* lists and mappings inside one another */

enum node_kind {
	NODE_END, /* of the list or mapping being read; of everything once reading has failed */
	NODE_SCALAR,
	NODE_LIST, /* its items follow, then NODE_END */
	NODE_MAP,  /* keys and values follow in turn, then NODE_END */
};

struct node {
	enum node_kind kind;
	struct place place;
	struct bytes text; /* of a scalar, valid until the next reader_next() */
	bool is_plain;	   /* not quoted */
	bool is_verbatim;  /* text stands in the file as it is: see node_place_at() */
};

struct reader {
	yaml_parser_t parser;
	yaml_event_t event;
	bool holds_event;
	unsigned depth;
	bool failed; /* a problem was added, and nothing more is read */
	int error;   /* 0 or -ENOMEM */
	struct bytes text;
	struct policy_problems *problems;
};

/*
 * Begin reading text, which must outlive the reader; *ret_root is the document's node. What is wrong with
 * the YAML is added to problems, once, and ends the reading. Returns 0 or -ENOMEM; end with reader_close()
 * if it is 0.
 */
int reader_open(struct reader *reader, struct bytes text, struct policy_problems *problems,
		struct node *ret_root);
void reader_close(struct reader *reader);

/* The next node. */
struct node reader_next(struct reader *reader);

/* Read past what belongs to node: nothing for a scalar. */
void reader_skip(struct reader *reader, const struct node *node);

/* After the root has been read: nothing may follow but the end. */
void reader_expect_end(struct reader *reader);

/* The place of text.at[offset] where that is known, else of the node. */
struct place node_place_at(const struct node *node, size_t offset);

/* What the node is, for people: "nothing", "a list", or its text in quotes, cut. Returns out. */
#define NODE_TEXT_MAX 72
const char *node_describe(const struct node *node, char out[static NODE_TEXT_MAX]);

#endif
