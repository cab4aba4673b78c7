/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/cache_url.h"

#include <errno.h>

#include "base/cleanup.h"
#include "http/caching_facts.h"
#include "message/chars.h"
#include "message/host.h"
#include "message/path.h"

static const char no_url[] = "a URL begins with http:// or https:// and a host";

static bool takes_scheme(struct bytes *text, const char *scheme)
{
	struct bytes name = bytes_of(scheme);

	if (text->len < name.len || !bytes_equal_nocase((struct bytes){text->at, name.len}, name))
		return false;
	*text = bytes_from(*text, name.len);
	return true;
}

/* "HTTP://host" off the front of *text. */
static bool take_scheme(struct bytes *text, bool *ret_is_https)
{
	*ret_is_https = takes_scheme(text, "https://");
	return *ret_is_https || takes_scheme(text, "http://");
}

static size_t authority_len(struct bytes text)
{
	size_t len = 0;

	while (len < text.len && text.at[len] != '/' && text.at[len] != '?')
		len++;
	return len;
}

/* The name in front of a port, if there is one. */
static struct bytes name_in(struct bytes authority, const struct host *host, uint16_t default_port)
{
	size_t len = authority.len;

	if (host->port && host->port != default_port)
		while (len && authority.at[--len] != ':')
			;
	return (struct bytes){authority.at, len};
}

/* Of a URL that is being read: memory for its normal form. */
struct reading {
	char authority[HOST_TEXT_MAX];
	char path[3 * CACHE_KEY_MAX];
	struct caching_url url;
	struct bytes host;
	bool is_ambiguous;
};

static const char *read_path(struct reading *reading)
{
	struct path path;

	if (!reading->url.path.len)
		reading->url.path = BYTES("/");
	if (reading->url.path.len > CACHE_KEY_MAX ||
	    path_normalise(reading->url.path,
			   (struct path_room){reading->path, sizeof(reading->path)},
			   &path) != MESSAGE_DONE)
		return "its path is none that a request may have";
	reading->url.path = path.text;
	reading->is_ambiguous = path.is_ambiguous;
	return NULL;
}

/* Take text apart; what is wrong with it, or NULL. */
static const char *read_url(struct bytes text, struct reading *reading)
{
	uint16_t port;
	struct host host;
	size_t len;

	if (!take_scheme(&text, &reading->url.is_https))
		return no_url;
	if (bytes_span(text, CHAR_TARGET) != text.len)
		return "a URL is printable ASCII without blanks and without a fragment";
	port = reading->url.is_https ? 443 : 80;
	len = authority_len(text);
	if (!host_parse((struct bytes){text.at, len}, &host))
		return no_url;
	reading->url.authority = host_format(&host, port, reading->authority);
	reading->host = name_in(reading->url.authority, &host, port);
	caching_url_split(bytes_from(text, len), &reading->url);
	return read_path(reading);
}

int cache_url_read(const struct http_policy *http, struct bytes text, struct buffer *out,
		   struct cache_url *ret_url)
{
	auto_free struct reading *reading = calloc(1, sizeof(*reading));

	if (!reading)
		return -ENOMEM;
	ret_url->why = read_url(text, reading);
	if (ret_url->why)
		return -EINVAL;
	ret_url->route = caching_route(http, reading->host, reading->url.path);
	ret_url->why = "requests for such a path are refused";
	if (reading->is_ambiguous && !ret_url->route->lenient_path)
		return -EINVAL;
	ret_url->why = "no key may be like that";
	return caching_url_key(ret_url->route, &reading->url, out, &ret_url->key);
}

int cache_url_prefix(struct bytes text, struct buffer *out)
{
	struct bytes rest = text;
	bool is_https;
	size_t len;

	if (!take_scheme(&rest, &is_https))
		return -EINVAL;
	buffer_add(out, is_https ? BYTES("https://") : BYTES("http://"));
	len = authority_len(rest);
	for (size_t i = 0; i < len; i++) {
		char small = char_lower(rest.at[i]);

		buffer_add(out, (struct bytes){&small, 1});
	}
	buffer_add(out, bytes_from(rest, len));
	return out->error;
}
