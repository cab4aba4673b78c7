/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/url_pattern.h"

#include <stdint.h>

/* Two places to go back to are enough: only the last '*' can still take more. */
static bool glob_matches(struct bytes glob, struct bytes text)
{
	size_t g = 0, t = 0, star = SIZE_MAX, star_text = 0;

	while (t < text.len) {
		if (g < glob.len && glob.at[g] == '*') {
			star = g++;
			star_text = t;
		} else if (g < glob.len && (glob.at[g] == '?' || glob.at[g] == text.at[t])) {
			g++;
			t++;
		} else if (star != SIZE_MAX) {
			g = star + 1;
			t = ++star_text;
		} else {
			return false;
		}
	}
	while (g < glob.len && glob.at[g] == '*')
		g++;
	return g == glob.len;
}

bool url_pattern_matches(const struct url_pattern *pattern, struct bytes url)
{
	if (pattern->is_glob)
		return glob_matches(pattern->text, url);
	return url.len >= pattern->text.len && !memcmp(url.at, pattern->text.at, pattern->text.len);
}
