/* SPDX-License-Identifier: Apache-2.0 */
/* vtpmctl without a broker: its words, its profiles, its tables, its files. */
#include "client/ctl/commands.h"
#include "client/ctl/file.h"
#include "client/ctl/help.h"
#include "client/ctl/options.h"
#include "client/ctl/table.h"
#include "tests/unit/check.h"

#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WORDS_MAX = 10 };

static bool parse(const char *line, struct ctl *ctl, char text[256], struct err *e)
{
	char *argv[WORDS_MAX + 1] = { 0 };
	int argc = 0;

	if (!text_copy(text, 256, line))
		return false;
	for (char *word = strtok(text, " "); word && argc < WORDS_MAX;
	     word = strtok(NULL, " "))
		argv[argc++] = word;
	return options_parse(argc, argv, ctl, e);
}

static void test_words(void)
{
	static const struct {
		const char *says, *line, *command, *arg; /* command NULL: refused */
	} rows[] = {
		{ "a command with its argument", "vtpmctl instance show web",
		  "instance show", "web" },
		{ "global options come first", "vtpmctl --profile p instance show web",
		  "instance show", "web" },
		{ "or last", "vtpmctl instance show web --profile p", "instance show",
		  "web" },
		{ "options and arguments in any order",
		  "vtpmctl instance place --host-is-off web h1", "instance place",
		  "web" },
		{ "a command that is also a group's word", "vtpmctl permit web", "permit",
		  "web" },
		{ "the longer command wins", "vtpmctl permit list web", "permit list",
		  "web" },
		{ "-- ends the options", "vtpmctl permit -- --web", "permit", "--web" },
		{ "an argument may be left out where it is in brackets", "vtpmctl help",
		  "help", NULL },
		{ "no command is refused", "vtpmctl", NULL, NULL },
		{ "a group alone is refused", "vtpmctl instance", NULL, NULL },
		{ "an unknown command is refused", "vtpmctl frobnicate", NULL, NULL },
		{ "an unknown second word is refused", "vtpmctl instance frobnicate",
		  NULL, NULL },
		{ "a missing argument is refused", "vtpmctl instance place web", NULL,
		  NULL },
		{ "one too many is refused", "vtpmctl instance show a b", NULL, NULL },
		{ "an unknown option is refused", "vtpmctl instance show a --weak", NULL,
		  NULL },
		{ "an option without its value is refused",
		  "vtpmctl instance create a --id", NULL, NULL },
		{ "a flag with a value is refused", "vtpmctl secret upload a f --weak=1",
		  NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ctl ctl = { 0 };
		struct err e = { 0 };
		char text[256];
		bool ok = parse(rows[i].line, &ctl, text, &e);

		if (!rows[i].command)
			check(rows[i].says, !ok && e.kind == ERR_USAGE && e.detail[0]);
		else
			check(rows[i].says,
			      ok && strcmp(ctl.command->words, rows[i].command) == 0 &&
				      (!rows[i].arg ||
				       (ctl.args[0] &&
					strcmp(ctl.args[0], rows[i].arg) == 0)));
	}
}

static void test_options(void)
{
	struct ctl ctl = { 0 };
	struct err e = { 0 };
	char text[256];
	int64_t n = 0;

	check("options reach their command",
	      parse("vtpmctl permit web --minutes 60 --json", &ctl, text, &e) &&
		      ctl.json && strcmp(ctl_option(&ctl, "minutes"), "60") == 0 &&
		      !ctl_option(&ctl, "purpose"));
	check("a number is read",
	      ctl_integer(&ctl, "minutes", (struct range){ 1, 1440, 10 }, &n, &e) &&
		      n == 60);
	check("a number out of range is refused and named",
	      !ctl_integer(&ctl, "minutes", (struct range){ 1, 59, 10 }, &n, &e) &&
		      e.kind == ERR_USAGE && strcmp(e.field, "minutes") == 0);
	ctl = (struct ctl){ 0 };
	check("--help needs no arguments",
	      parse("vtpmctl instance place --help", &ctl, text, &e) && ctl.help &&
		      ctl.command);
	ctl = (struct ctl){ 0 };
	check("--help of a group shows the group",
	      parse("vtpmctl host --help", &ctl, text, &e) && ctl.help && ctl.group);
}

/* The table is what help, completion and the manual are made of. */
static void test_table_of_commands(void)
{
	size_t options = 0, bad = 0;

	for (size_t i = 0; i < commands_count; i++) {
		const struct command *c = &commands[i];
		char *words[2] = { 0 };
		char text[64] = "";
		size_t n = 0, used, own = 0;

		for (const struct option_spec *o = c->options; o && o->name; o++)
			own++;
		options += own;
		bad += own > CTL_OPTIONS_MAX || !c->says[0] || !c->run ||
		       !text_copy(text, 64, c->words);
		for (char *w = strtok(text, " "); w && n < 2; w = strtok(NULL, " "))
			words[n++] = w;
		bad += options_find(words, n, &used) != c || used != n;
	}
	printf("# %zu commands, %zu options of their own\n", commands_count, options);
	check("every command is found by its words, has help and fits", bad == 0);
}

static bool write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) &&
		  fchmod(fd, mode) == 0;

	close(fd);
	return ok;
}

static void test_profiles(void)
{
	static const struct {
		const char *says, *text, *name, *url; /* url NULL: refused */
	} rows[] = {
		{ "the first profile by default",
		  "[a]\nurl = https://a\nca=/ca\n[b]\nurl=https://b\nca=/ca\n", NULL,
		  "https://a" },
		{ "another by name",
		  "[a]\nurl=https://a\nca=/ca\n[b]\nurl=https://b\nca=/ca\n", "b",
		  "https://b" },
		{ "an unknown name is refused", "[a]\nurl=https://a\nca=/ca\n", "c",
		  NULL },
		{ "an unknown key is refused", "[a]\nurl=https://a\nca=/ca\ntoken=x\n",
		  NULL, NULL },
		{ "a key that is there twice is refused",
		  "[a]\nurl=https://a\nurl=https://b\nca=/c\n", NULL, NULL },
		{ "a profile without a CA is refused", "[a]\nurl=https://a\n", NULL,
		  NULL },
		{ "a profile without an address is refused", "[a]\nca=/ca\n", NULL,
		  NULL },
		{ "a line that is no INI is refused", "[a]\nurl\n", NULL, NULL },
		{ "an empty file is refused", "", NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct profile p = { 0 };
		struct err e = { 0 };
		bool ok = write_file("config", rows[i].text, 0600) &&
			  config_read("config", rows[i].name, &p, &e);

		check(rows[i].says, rows[i].url ? ok && strcmp(p.url, rows[i].url) == 0
						: !ok && e.kind == ERR_CONFIG);
	}
}

static void test_profile_paths(void)
{
	struct profile p = { 0 };
	struct err e = { 0 };

	check("the default place is below XDG_CONFIG_HOME",
	      mkdir("vtpmctl", 0700) == 0 &&
		      write_file("vtpmctl/config",
				 "[x]\nurl=https://x\nca=ca.pem\ntoken_file=t\n", 0600) &&
		      config_read(NULL, NULL, &p, &e) && strcmp(p.name, "x") == 0);
	check("paths start at the file's own directory",
	      strstr(p.ca, "/vtpmctl/ca.pem") && strstr(p.token_file, "/vtpmctl/t"));
	setenv("VTPMCTL_PROFILE", "y", 1);
	check("VTPMCTL_PROFILE names the profile",
	      !config_read(NULL, NULL, &p, &e) && strcmp(e.field, "profile") == 0);
	unsetenv("VTPMCTL_PROFILE");
	check("a missing file is named", !config_read("nowhere", NULL, &p, &e) &&
						 e.kind == ERR_CONFIG &&
						 strstr(e.detail, "nowhere"));
}

static bool prints(const struct table *t, const char *want)
{
	char got[512] = "";
	FILE *f = fmemopen(got, sizeof got - 1, "w");
	struct err e = { 0 };
	bool ok = f && table_print(t, f, &e);

	if (f)
		fclose(f);
	if (!ok || strcmp(got, want) != 0)
		printf("# printed:\n%s# wanted:\n%s", got, want);
	return ok && strcmp(got, want) == 0;
}

static void test_tables(void)
{
	static const char *const heads[] = { "NAME", "HOST" };
	CLEANUP(table_done) struct table t = { .heads = heads, .columns = 2 };
	CLEANUP(table_done) struct table facts = { .columns = 2 };

	check("a heading stands alone", prints(&t, "NAME  HOST\n"));
	table_add(&t, "a\xc3\xa9\x1b[2Jb");
	table_add(&t, NULL);
	table_add(&t, "longer name");
	table_add_integer(&t, -5);
	check("columns line up by characters, and control characters are harmless",
	      prints(&t, "NAME         HOST\na\xc3\xa9?[2Jb      -\nlonger name  -5\n"));
	table_fact(&facts, "name", "x");
	table_fact(&facts, "security", "user");
	check("facts need no heading", prints(&facts, "name      x\nsecurity  user\n"));
}

static void test_files(void)
{
	OWNED(secret) token = NULL;
	OWNED(secret) value = NULL;
	struct new_file f = { .fd = -1 };
	struct err e = { 0 };
	struct stat st = { 0 };

	check("a token loses its line's end", write_file("t", "vtpm_abc\n", 0600) &&
						      file_read_token("t", &token, &e) &&
						      secret_len(token) == 8);
	check("a token file that others can read is refused",
	      write_file("t2", "vtpm_abc\n", 0640) &&
		      !file_read_token("t2", &token, &e) && e.kind == ERR_CONFIG);
	check("a value keeps every byte",
	      write_file("v", "abc\n", 0600) && file_read_value("v", &value, &e) &&
		      secret_len(value) == 4 && file_ends_a_line(value));
	check("an empty value is refused", write_file("v0", "", 0600) &&
						   !file_read_value("v0", &value, &e) &&
						   e.kind == ERR_BAD_SECRET_LENGTH);
	check("a file that is there is not overwritten",
	      !file_create("v", true, &f, &e) && e.kind == ERR_IO);
	check("a new file is the owner's alone", file_create("new", true, &f, &e) &&
							 fstat(f.fd, &st) == 0 &&
							 (st.st_mode & 0777) == 0600);
	file_done(&f);
	check("and goes away when nothing was written", access("new", F_OK) != 0);
	check("else it stays",
	      file_create("new", true, &f, &e) && file_write_secret(&f, value, &e));
	file_done(&f);
	check("with what was written", stat("new", &st) == 0 && st.st_size == 4);
}

static void test_queries(void)
{
	CLEANUP(call_done) struct call c = { 0 };
	CLEANUP(buf_done) struct buf json = { 0 };
	struct json_writer w = { .to = &json };

	buf_add(&c.path, "/v1/x");
	call_query(&c, "a", "b c");
	call_query(&c, "none", NULL);
	call_query(&c, "d", "&");
	check("queries are joined and escaped",
	      strcmp(c.path.at, "/v1/x?a=b%20c&d=%26") == 0);
	json_open(&w, NULL);
	call_put_commas(&w, "hosts", "a,b");
	json_close(&w);
	check("commas become a list", strcmp(json.at, "{\"hosts\":[\"a\",\"b\"]}") == 0);
}

static bool enter_folder(char dir[64])
{
	return text_copy(dir, 64, "/tmp/ctl_test.XXXXXX") && mkdtemp(dir) &&
	       chdir(dir) == 0 && setenv("XDG_CONFIG_HOME", dir, 1) == 0;
}

static bool leave_folder(const char *dir)
{
	static const char *const files[] = {
		"config", "vtpmctl/config", "vtpmctl", "t", "t2", "v", "v0", "new"
	};

	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (remove(files[i]) != 0)
			return false;
	return chdir("/") == 0 && rmdir(dir) == 0;
}

int main(void)
{
	struct err e = { 0 };
	char dir[64];

	setlocale(LC_CTYPE, "C.UTF-8");
	unsetenv("VTPMCTL_PROFILE");
	if (!secret_slab_open(60 * 1024, &e) || !enter_folder(dir))
		return 1;
	test_words();
	test_options();
	test_table_of_commands();
	test_profiles();
	test_profile_paths();
	test_tables();
	test_files();
	test_queries();
	check("nothing is left behind", leave_folder(dir));
	return done();
}
