/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-bare - what libmicrohttpd alone can do here: TLS 1.3, a client certificate asked for,
 *              `ok` for every request, nothing verified and nothing stored.
 *
 * Usage: bench-bare CERTIFICATE.pem KEY.pem CA.pem    prints its port; ends with its input.
 */
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = 16384, CONNECTIONS = 4096 };

/* wide: the form is libmicrohttpd\'s */
static enum MHD_Result answer(void *ctx, struct MHD_Connection *c, const char *url,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_len, void **seen)
{
	struct MHD_Response *r = ctx;

	(void)url;
	(void)method;
	(void)version;
	(void)upload;
	if (*seen == NULL || *upload_len > 0) {
		*seen = ctx;
		*upload_len = 0;
		return MHD_YES;
	}
	return MHD_queue_response(c, 200, r);
}

static char *file_text(const char *path)
{
	char *text = calloc(1, FILE_MAX);
	FILE *f = fopen(path, "r");

	if (f == NULL || text == NULL || fread(text, 1, FILE_MAX - 1, f) == 0) {
		fprintf(stderr, "bench-bare: %s cannot be read\n", path);
		abort();
	}
	fclose(f);
	return text;
}

int main(int argc, char **argv)
{
	static char ok[] = "ok";
	struct MHD_Response *r;
	struct MHD_Daemon *d;
	char end;

	if (argc != 4)
		return 2;
	r = MHD_create_response_from_buffer(2, ok, MHD_RESPMEM_PERSISTENT);
	d = MHD_start_daemon(MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_TLS, 0, NULL, NULL,
			     answer, r, MHD_OPTION_HTTPS_MEM_CERT, file_text(argv[1]),
			     MHD_OPTION_HTTPS_MEM_KEY, file_text(argv[2]),
			     MHD_OPTION_HTTPS_MEM_TRUST, file_text(argv[3]),
			     MHD_OPTION_HTTPS_PRIORITIES, "NORMAL:-VERS-ALL:+VERS-TLS1.3",
			     MHD_OPTION_THREAD_POOL_SIZE, 2u, MHD_OPTION_CONNECTION_LIMIT,
			     (unsigned)CONNECTIONS, MHD_OPTION_LISTEN_BACKLOG_SIZE, 1024u,
			     MHD_OPTION_END);
	if (d == NULL)
		return 1;
	printf("%u\n", (unsigned)MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT)->port);
	fflush(stdout);
	while (read(STDIN_FILENO, &end, 1) > 0)
		;
	MHD_stop_daemon(d);
	MHD_destroy_response(r);
	return 0;
}
