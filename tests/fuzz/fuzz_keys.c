/* SPDX-License-Identifier: BSD-2-Clause */
/* The file of API keys: whatever stands in it is read within its bounds, and what is read can be found. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/key_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *text, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *text, size_t size)
{
	struct bytes file = {(const char *)text, size};
	struct key_file *keys = NULL;
	struct key_error error;

	if (key_file_parse(file, &error, &keys)) {
		assert(error.line && error.column);
		return 0;
	}
	if (key_file_count(keys)) {
		assert(key_file_hashed(keys, key_file_hash(keys, 0)) == 0);
		assert(key_file_named(keys, key_file_name(keys, 0)) == 0);
	}
	key_file_free(keys);
	return 0;
}
