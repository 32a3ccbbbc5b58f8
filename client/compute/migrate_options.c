/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/migrate_options.h"

#include "policy/handover.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define FLAG(name) offsetof(struct migrate_options, name)

/* Options without a value: each sets one member. */
static const struct flag {
	const char *name;
	size_t at;
	const char *says;
	bool live; /* of no use to --cold */
} flags[] = {
	{ "all", FLAG(all), "every guest that runs here and has an encrypted TPM", true },
	{ "plain", FLAG(plain),
	  "as virsh migrate does it: the guest runs on HOST before the broker knows",
	  true },
	{ "cold", FLAG(cold), "a guest that is off; its TPM's state goes along", false },
	{ "direct", FLAG(direct), "this program connects to URI, not libvirtd", true },
	{ "tunnelled", FLAG(tunnelled), "through libvirtd's own connection", true },
	{ "transient", FLAG(transient), "HOST keeps no definition", true },
	{ "keep-source", FLAG(keep_source), "this host keeps its definition", false },
	{ "auto-converge", FLAG(auto_converge), "slow a guest down that changes too fast",
	  true },
	{ "compressed", FLAG(compressed), "compress pages that are sent again", true },
	{ "tls", FLAG(tls), "TLS between the two emulators", true },
	{ "unsafe", FLAG(unsafe), "also with a disk cache that libvirt takes for unsafe",
	  true },
	{ "copy-storage-all", FLAG(copy_all), "disks that are not shared go along",
	  true },
	{ "copy-storage-inc", FLAG(copy_inc), "the same, over a common base", true },
	{ "json", FLAG(json), "the result as JSON", false },
	{ "help", FLAG(help), "this text", false },
};

/* What virsh has and we do anyway. */
static const char *const implied[] = { "live", "p2p", "persistent", "undefinesource" };

enum {
	OPT_FLAG = 256,
	OPT_IMPLIED = OPT_FLAG + ARRAY_LEN(flags),
	OPT_STATE,
	OPT_BANDWIDTH,
	OPT_MIGRATE_URI,
	OPTIONS = ARRAY_LEN(flags) + ARRAY_LEN(implied) + 4
};

static void list_options(struct option *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		*ret++ = (struct option){ flags[i].name, no_argument, NULL,
					  OPT_FLAG + (int)i };
	for (size_t i = 0; i < ARRAY_LEN(implied); i++)
		*ret++ = (struct option){ implied[i], no_argument, NULL, OPT_IMPLIED };
	*ret++ = (struct option){ "state-dir", required_argument, NULL, OPT_STATE };
	*ret++ = (struct option){ "bandwidth", required_argument, NULL, OPT_BANDWIDTH };
	*ret++ = (struct option){ "migrate-uri", required_argument, NULL,
				  OPT_MIGRATE_URI };
	*ret = (struct option){ 0 };
}

static bool take(struct migrate_options *o, int c, const char **ret_state, struct err *e)
{
	bool yes = true;

	if (c >= OPT_FLAG && c < OPT_IMPLIED)
		memcpy((uint8_t *)o + flags[c - OPT_FLAG].at, &yes, sizeof(yes));
	else if (c == OPT_STATE)
		*ret_state = optarg;
	else if (c == OPT_MIGRATE_URI)
		o->migrate_uri = optarg;
	else if (c == OPT_BANDWIDTH)
		return text_parse_int(optarg, 1, 1000000, &o->bandwidth) ||
		       err_set(e, ERR_USAGE,
			       "--bandwidth takes MiB/s, from 1 to 1000000");
	return true;
}

static bool read_options(int argc, char *argv[], struct migrate_options *o, struct err *e)
{
	struct option long_options[OPTIONS];
	const char *state = NULL;
	int c;

	list_options(long_options);
	opterr = 0;
	optind = 0; /* from the beginning, also when it is called again */
	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (c == '?')
			return err_set(e, ERR_USAGE, "%.40s: no such option, or no value",
				       argv[optind - 1]);
		if (c == 'h')
			o->help = true;
		else if (!take(o, c, &state, e))
			return false;
	}
	return config_places(state, &o->at, e);
}

static bool read_words(struct migrate_options *o, char *const *words, int n,
		       struct err *e)
{
	const int most = o->all ? 2 : 3, least = o->cold ? most - 1 : most;

	if (n < least)
		return err_set(e, ERR_USAGE, "migrate needs %s",
			       o->all    ? "HOST and URI"
			       : o->cold ? "GUEST and HOST"
					 : "GUEST, HOST and URI");
	if (n > most)
		return err_set(e, ERR_USAGE, "there is one argument too many: %.80s",
			       words[most]);
	if (!o->all)
		o->guest = *words++;
	o->host = words[0];
	o->uri = n == most ? words[1] : NULL;
	return text_is_name(o->host, 63) ||
	       err_set(e, ERR_USAGE,
		       "%.80s is no host's name; vtpmctl host list prints them", o->host);
}

static bool fits_cold(const struct migrate_options *o, struct err *e)
{
	if (!o->cold)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (flags[i].live && ((const bool *)o)[flags[i].at])
			return err_set(e, ERR_USAGE,
				       "--cold and --%s contradict one another",
				       flags[i].name);
	if (o->bandwidth || o->migrate_uri)
		return err_set(e, ERR_USAGE, "--cold moves no memory: no --%s",
			       o->bandwidth ? "bandwidth" : "migrate-uri");
	return true;
}

static bool fits(const struct migrate_options *o, struct err *e)
{
	const struct {
		bool both;
		const char *a, *b;
	} rows[] = {
		{ o->direct && o->tunnelled, "direct", "tunnelled" },
		{ o->tunnelled && o->migrate_uri, "tunnelled", "migrate-uri" },
		{ o->tunnelled && o->tls, "tunnelled", "tls" },
		{ o->copy_all && o->copy_inc, "copy-storage-all", "copy-storage-inc" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].both)
			return err_set(e, ERR_USAGE,
				       "--%s and --%s contradict one another", rows[i].a,
				       rows[i].b);
	return fits_cold(o, e);
}

bool migrate_options_parse(int argc, char *argv[], struct migrate_options *ret,
			   struct err *e)
{
	struct migrate_options o = { 0 };

	if (!read_options(argc, argv, &o, e) ||
	    (!o.help &&
	     (!fits(&o, e) || !read_words(&o, argv + optind, argc - optind, e))))
		return false;
	*ret = o;
	return true;
}

const char *migrate_options_mode(const struct migrate_options *o)
{
	return handover_mode_name(o->cold    ? HANDOVER_COLD
				  : o->plain ? HANDOVER_PLAIN
					     : HANDOVER_STRICT);
}

void migrate_options_help(void)
{
	puts("usage: vtpm-client migrate [OPTIONS] GUEST HOST URI\n"
	     "       vtpm-client migrate [OPTIONS] --all HOST URI\n"
	     "       vtpm-client migrate --cold [OPTIONS] GUEST HOST [URI]\n\n"
	     "GUEST is a domain's name or UUID, HOST the other host as the broker names\n"
	     "it, URI its libvirt, such as qemu+ssh://HOST/system.\n");
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		printf("  --%-18s %s\n", flags[i].name, flags[i].says);
	puts("  --bandwidth MIB/S    at most that much\n"
	     "  --migrate-uri URI    where the other emulator listens\n"
	     "  --state-dir DIR      where this host's agent has its socket\n\n"
	     "--live, --p2p, --persistent and --undefinesource are what it does anyway.");
}
