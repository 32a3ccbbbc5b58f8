/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/rootkey.h"

#include "common/text.h"
#include "tests/unit/check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GOOD "vtpm-broker-root-1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"

static char dir[] = "/tmp/rootkey-test-XXXXXX";

static const char *path_of(const char *name)
{
	static char path[128];

	return text_format(path, sizeof(path), "%s/%s", dir, name) ? path : "";
}

static const char *file_with(const char *name, const char *text, mode_t mode)
{
	const char *path = path_of(name);
	FILE *f = fopen(path, "we");

	if (f) {
		fputs(text, f);
		fclose(f);
	}
	return chmod(path, mode) == 0 ? path : "";
}

static enum err_kind load(const char *path)
{
	OWNED(wrap_key) root = NULL;
	struct err e = { 0 };

	return rootkey_load(path, &root, &e) ? ERR_NONE : e.kind;
}

static void test_refusals(void)
{
	static const struct {
		const char *says, *text;
		mode_t mode;
		enum err_kind want;
	} rows[] = {
		{ "a key of the documented form is taken", GOOD "\n", 0400, ERR_NONE },
		{ "its owner may write it", GOOD "\n", 0600, ERR_NONE },
		{ "a key that all may read is refused", GOOD "\n", 0644,
		  ERR_ROOT_KEY_BAD },
		{ "a key that the group may read is refused", GOOD "\n", 0440,
		  ERR_ROOT_KEY_BAD },
		{ "a key that others may write is refused", GOOD "\n", 0402,
		  ERR_ROOT_KEY_BAD },
		{ "an empty file is refused", "", 0400, ERR_ROOT_KEY_BAD },
		{ "a short key is refused", "vtpm-broker-root-1 AAECAw\n", 0400,
		  ERR_ROOT_KEY_BAD },
		{ "a long key is refused", GOOD "8\n", 0400, ERR_ROOT_KEY_BAD },
		{ "two lines are refused", GOOD "\n\n", 0400, ERR_ROOT_KEY_BAD },
		{ "another form's number is refused",
		  "vtpm-broker-root-2 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n",
		  0400, ERR_ROOT_KEY_BAD },
		{ "a missing newline is refused", GOOD "A", 0400, ERR_ROOT_KEY_BAD },
		{ "other characters are refused",
		  "vtpm-broker-root-1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh+\n",
		  0400, ERR_ROOT_KEY_BAD },
		{ "stray bits are refused",
		  "vtpm-broker-root-1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9\n",
		  0400, ERR_ROOT_KEY_BAD },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		check(rows[i].says,
		      load(file_with("key", rows[i].text, rows[i].mode)) == rows[i].want);
		unlink(path_of("key"));
	}
}

static void test_odd_files(void)
{
	char target[128];

	check("a missing key is told from a bad one",
	      load(path_of("none")) == ERR_ROOT_KEY_MISSING);
	check("a target is written",
	      text_copy(target, sizeof(target), file_with("target", GOOD "\n", 0400)));
	check("a symbolic link is refused",
	      symlink(target, path_of("link")) == 0 &&
		      load(path_of("link")) == ERR_ROOT_KEY_BAD);
	check("a directory is refused", load(dir) == ERR_ROOT_KEY_BAD);
	check("a pipe is refused, and nobody waits for it",
	      mkfifo(path_of("pipe"), 0400) == 0 &&
		      load(path_of("pipe")) == ERR_ROOT_KEY_BAD);
	if (geteuid() == 0)
		check("a key that another user owns is refused",
		      chown(target, 65534, 65534) == 0 &&
			      load(target) == ERR_ROOT_KEY_BAD);
	else
		skip("a key that another user owns is refused",
		     "only root can give files away");
	unlink(path_of("link"));
	unlink(path_of("pipe"));
	unlink(target);
}

static void test_make(void)
{
	OWNED(wrap_key) made = NULL;
	OWNED(wrap_key) loaded = NULL;
	OWNED(wrap_key) second = NULL;
	char id[17] = "", same[17] = "", other[17] = "";
	struct stat st = { 0 };
	struct err e = { 0 };

	check("a key is made", rootkey_make(path_of("root"), &made, &e));
	check("its file has mode 0400 and one name",
	      stat(path_of("root"), &st) == 0 && (st.st_mode & 07777) == 0400 &&
		      st.st_nlink == 1);
	check("the file holds that key",
	      rootkey_load(path_of("root"), &loaded, &e) &&
		      secret_equal(wrap_key_secret(made), wrap_key_secret(loaded)));
	check("it is never written over", !rootkey_make(path_of("root"), &second, &e) &&
						  e.kind == ERR_EXISTS_DIFFERENT);
	check("a backup is the same key", rootkey_backup(made, path_of("backup"), &e) &&
						  load(path_of("backup")) == ERR_NONE);
	check("a backup is not written over either",
	      !rootkey_backup(made, path_of("backup"), &e) &&
		      e.kind == ERR_EXISTS_DIFFERENT);
	check("a directory that is not there is named",
	      !rootkey_backup(made, path_of("no/such"), &e) && e.kind == ERR_IO);
	check("a key has a short name", rootkey_id(made, id, &e) && strlen(id) == 16 &&
						rootkey_id(loaded, same, &e) &&
						strcmp(id, same) == 0);
	check("another key has another", wrap_key_new(&second, &e) &&
						 rootkey_id(second, other, &e) &&
						 strcmp(id, other) != 0);
	unlink(path_of("root"));
	unlink(path_of("backup"));
}

int main(void)
{
	if (!check("there is a directory to try in", mkdtemp(dir) != NULL))
		return done();
	test_refusals();
	test_odd_files();
	test_make();
	check("nothing is left behind, no temporary file either", rmdir(dir) == 0);
	return done();
}
