/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/process.h"

#include "client/compute/files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { START_FIELD = 22, NAME_FIELD = 2 };

static bool read_stat(int64_t pid, char *ret, size_t cap)
{
	struct path path;
	struct err e = { 0 };
	ssize_t n;
	int fd;

	if (!path_set(&path, &e, "/proc/%lld/stat", (long long)pid))
		return false;
	fd = open(path.text, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, ret, cap - 1);
	close(fd);
	ret[n > 0 ? n : 0] = '\0';
	return n > 0;
}

int64_t process_since(int64_t pid)
{
	char text[1024];
	char *at, *end;
	int64_t since;

	if (pid <= 0 || !read_stat(pid, text, sizeof(text)))
		return 0;
	at = strrchr(text, ')'); /* the name, in brackets, may hold anything */
	if (at == NULL || at[1] != ' ' || at[2] == 'Z')
		return 0;
	for (int field = NAME_FIELD; field < START_FIELD && at != NULL; field++)
		at = strchr(at + 1, ' ');
	if (at == NULL)
		return 0;
	end = strchr(++at, ' ');
	if (end != NULL)
		*end = '\0';
	return text_parse_int(at, 1, INT64_MAX, &since) ? since : 0;
}

bool process_lives(int64_t pid, int64_t since)
{
	return since != 0 && process_since(pid) == since;
}

void processes_add(struct processes *l, struct process p)
{
	struct process *grown = reallocarray(l->at, l->n + 1, sizeof(*grown));

	if (grown == NULL) {
		l->failed = true;
		return;
	}
	l->at = grown;
	l->at[l->n++] = p;
}

bool processes_live(const struct processes *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (!process_lives(l->at[i].pid, l->at[i].since))
			return false;
	return !l->failed;
}

void processes_done(struct processes *l)
{
	free(l->at);
	*l = (struct processes){ 0 };
}
