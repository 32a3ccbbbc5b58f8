/* SPDX-License-Identifier: Apache-2.0 */
#include "common/err.h"

#include "tests/unit/check.h"

#include <errno.h>
#include <string.h>

static void test_list(void)
{
	bool round_trip = true, statuses = true, exits = true, words = true;

	for (int kind = ERR_NONE + 1; kind < ERR_KINDS; kind++) {
		const struct err_info *info = err_info((enum err_kind)kind);

		round_trip &= (int)err_kind_of(info->code) == kind;
		statuses &= info->status >= 400 && info->status < 600;
		exits &= info->exit_code >= 1 && info->exit_code <= 8;
		words &= strspn(info->code, "abcdefghijklmnopqrstuvwxyz_") ==
			 strlen(info->code);
		words &= info->title[0] != '\0' &&
			 info->title[strlen(info->title) - 1] != '.';
	}
	check("every error has a code of its own, that leads back to it", round_trip);
	check("every error has an HTTP status that says failure", statuses);
	check("every error has an exit code of the documented eight", exits);
	check("every code is snake_case, every title a sentence", words);
	check("an unknown code is no error of ours", err_kind_of("no_such") == ERR_NONE);
	check("no code is no error of ours", err_kind_of(NULL) == ERR_NONE);
}

static void test_setters(void)
{
	struct err e = { 0 };

	check("a setter returns false", !err_set(&e, ERR_CONFLICT, "row %d", 7));
	check("the peer reads the words", strcmp(e.detail, "row 7") == 0);
	check("the trail begins with them", strcmp(e.trail, "row 7") == 0);
	err_field(&e, ERR_BAD_VALUE, "name", "too odd");
	check("a field is named",
	      strcmp(e.field, "name") == 0 && e.kind == ERR_BAD_VALUE);
	err_set(&e, ERR_IO, "plain");
	check("a later error does not keep the earlier field", e.field[0] == '\0');
	errno = ENOSPC;
	err_errno(&e, ERR_IO, "cannot write");
	check("errno's words go to the trail", strstr(e.trail, "No space left") != NULL);
	check("errno's words do not go to the peer",
	      strcmp(e.detail, "cannot write") == 0);
	err_clear(&e);
	check("a cleared error is none", e.kind == ERR_NONE && e.trail[0] == '\0');
}

static void test_wrap(void)
{
	struct err e = { 0 };
	char longer[400];

	err_set(&e, ERR_IO, "the cause");
	err_wrap(&e, "release %d", 1);
	check("context stands in front of the cause",
	      strcmp(e.trail, "release 1: the cause") == 0);
	check("context is not for the peer", strcmp(e.detail, "the cause") == 0);
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	for (int i = 0; i < 20; i++)
		err_wrap(&e, "step %d with some more words to fill the trail", i);
	check("a full trail keeps its cause",
	      strcmp(e.trail + strlen(e.trail) - strlen("the cause"), "the cause") == 0);
	check("a full trail keeps the newest context",
	      strncmp(e.trail, "step 19", 7) == 0);
	err_wrap(&e, "%s", longer);
	check("even a context that is too long leaves the cause",
	      strstr(e.trail, "the cause") != NULL && strlen(e.trail) < sizeof(e.trail));
	err_set(&e, ERR_IO, "%s", longer);
	check("words that are too long are cut",
	      strlen(e.detail) == sizeof(e.detail) - 1);
}

int main(void)
{
	test_list();
	test_setters();
	test_wrap();
	return done();
}
