/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over every file of a corpus: an ordinary test that stays when a bug went. */
#include "tests/fuzz/target.h"
#include "tests/unit/check.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>

enum { INPUT_MAX = 1 << 20 };

static bool replay(const char *dir, const char *name)
{
	char path[PATH_MAX];
	uint8_t *bytes = malloc(INPUT_MAX);
	FILE *f = NULL;
	size_t len = 0;
	bool ok = bytes && snprintf(path, sizeof(path), "%s/%s", dir, name) < PATH_MAX;

	if (ok)
		f = fopen(path, "re");
	ok = f != NULL;
	if (ok)
		len = fread(bytes, 1, INPUT_MAX, f);
	ok = ok && !ferror(f) && LLVMFuzzerTestOneInput(bytes, len) == 0;
	if (f)
		fclose(f);
	free(bytes);
	return ok;
}

int main(int argc, char **argv)
{
	struct dirent **names = NULL;
	int n = argc == 2 ? scandir(argv[1], &names, NULL, alphasort) : -1;

	check("there is a corpus", n > 2);
	for (int i = 0; i < n; i++) {
		if (names[i]->d_name[0] != '.')
			check(names[i]->d_name, replay(argv[1], names[i]->d_name));
		free(names[i]);
	}
	free(names);
	return done();
}
