/* SPDX-License-Identifier: BSD-2-Clause */
/* When the status of the answer is known, and what is then said of limits. */
#include "base/duration.h"
#include "quota/quota_judge.h"

static bool counts(const struct quota *quota, unsigned status)
{
	/* It broke off on the way: the origin may have produced one that counts. */
	return !status || http_statuses_has(&quota->limit->how.count_status, status);
}

/* Of an identity and its source, which are settled one after the other, the one that has less left shows. */
static void show_settled(struct quota_result *result, const struct quota_held *held,
			 const struct limit_view *view)
{
	struct limit_view *shown = &result->judged[held->judged].view;
	bool is_second = held != result->held && held[-1].judged == held->judged;

	if (!is_second || view->remaining < shown->remaining)
		*shown = *view;
	shown->wait_ns = 0;
}

static void settle_one(struct limit_table *table, struct quota_result *result,
		       const struct quota_held *held, unsigned status, struct limit_moment moment)
{
	const struct limit_spec *spec = &held->quota->spec;
	const uint32_t cost = held->quota->limit->how.cost;
	struct limit_seek seek = {.key = quota_key_bytes(&held->key),
				  .coarse = quota_key_bytes(&held->key),
				  .spec = spec,
				  .is_shared = held->is_shared,
				  .set = held->set};
	struct limit_view view;

	limit_table_return(table, &seek, moment);
	if (seek.state) {
		if (counts(held->quota, status))
			limit_state_settle(seek.state, spec, cost, moment.now_ns);
		else
			limit_state_refund(seek.state, cost);
		view = limit_state_view(seek.state, spec, cost, moment.now_ns);
		show_settled(result, held, &view);
	}
	limit_table_release(table, &seek, 1);
}

void quota_settle(struct limit_table *table, struct quota_result *result, unsigned status,
		  uint64_t now_ns)
{
	struct limit_moment moment = limit_table_moment(table, now_ns);

	for (unsigned i = 0; i < result->held_count; i++)
		settle_one(table, result, &result->held[i], status, moment);
	result->held_count = 0;
	result->now_ns = moment.now_ns;
}

/* The one limit that is no quota of the policy: it shows only where it refuses. */
static struct limit_shown show_invention(const struct quota_plan *plan,
					 const struct quota_result *result)
{
	return (struct limit_shown){
		.name = BYTES("identities-per-source"),
		.spec = {.count = plan->http->max.identities_per_source,
			 .window_ns = QUOTA_IDENTITIES_WINDOW_NS,
			 .strategy = LIMIT_SLIDING_WINDOW},
		.view = {.reset_ns = result->now_ns + result->invents_wait_ns,
			 .wait_ns = result->invents_wait_ns},
		.refuses = true,
	};
}

/* Nor is the number of requests in flight; the next of them may end at any moment. */
static struct limit_shown show_crowd(const struct quota_result *result)
{
	return (struct limit_shown){
		.name = BYTES("concurrency"),
		.spec = {.window_ns = NS_PER_SEC, .strategy = LIMIT_SLIDING_WINDOW},
		.view = {.reset_ns = result->now_ns, .wait_ns = 1},
		.refuses = true,
	};
}

unsigned quota_show(const struct quota_plan *plan, const struct quota_result *result,
		    struct limit_shown *out)
{
	if (result->invents || result->is_crowded) {
		out[0] = result->invents ? show_invention(plan, result) : show_crowd(result);
		return 1;
	}
	for (unsigned i = 0; i < result->count; i++) {
		const struct quota_judged *judged = &result->judged[i];

		out[i] = (struct limit_shown){
			.name = bytes_of(judged->quota->limit->name),
			.spec = judged->quota->spec,
			.view = judged->view,
			.refuses = judged->refuses,
			.is_dry_run = judged->quota->limit->how.dry_run,
			.item = judged->quota->item,
			.policy_item = judged->quota->policy_item,
		};
	}
	return result->count;
}
