// SPDX-License-Identifier: Apache-2.0
/*
 * guest_init - all there is in a guest that is moved: process 1, which uses its TPM and says so.
 *
 * At boot it makes an NV index with a random value, unless there is one, and extends a PCR with
 * another; then it prints a line every 200 ms: `tick COUNT nv VALUE pcr VALUE`, both read anew.
 * The value of the index outlives a boot, that of the PCR is another one at each boot.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NV_INDEX 0x01500001u
#define RH_OWNER 0x40000001u
#define RS_PW 0x40000009u
#define PCR 16
#define VALUE_BYTES 16

static int tpm;
static uint8_t message[1024];
static size_t filled;

static void put(uint32_t value, int bytes)
{
	while (bytes--)
		message[filled++] = (uint8_t)(value >> (8 * bytes));
}

static void put_bytes(const uint8_t *at, size_t len)
{
	memcpy(message + filled, at, len);
	filled += len;
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 |
	       at[3];
}

static void begin(uint16_t tag, uint32_t code)
{
	filled = 0;
	put(tag, 2);
	put(0, 4);
	put(code, 4);
}

/* An empty password. */
static void put_session(void)
{
	put(9, 4);
	put(RS_PW, 4);
	put(0, 2);
	put(0, 1);
	put(0, 2);
}

/* What the TPM answered; its answer is then in `message`. */
static uint32_t call(void)
{
	size_t len = filled;

	filled = 2;
	put((uint32_t)len, 4);
	if (write(tpm, message, len) != (ssize_t)len)
		return 0xffff0001u;
	ssize_t got = read(tpm, message, sizeof(message));
	return got < 10 ? 0xffff0002u : get32(message + 6);
}

static uint32_t get_random(uint8_t *ret)
{
	begin(0x8001, 0x17b);
	put(VALUE_BYTES, 2);
	uint32_t rc = call();
	if (rc == 0)
		memcpy(ret, message + 12, VALUE_BYTES);
	return rc;
}

static uint32_t nv_define(void)
{
	begin(0x8002, 0x12a);
	put(RH_OWNER, 4);
	put_session();
	put(0, 2);  /* the index's own password */
	put(14, 2); /* the public area: */
	put(NV_INDEX, 4);
	put(0x000b, 2);     /* SHA-256 */
	put(0x02060006, 4); /* AUTHREAD OWNERREAD AUTHWRITE OWNERWRITE NO_DA */
	put(0, 2);
	put(VALUE_BYTES, 2);
	return call();
}

static uint32_t nv_write(const uint8_t *value)
{
	begin(0x8002, 0x137);
	put(RH_OWNER, 4);
	put(NV_INDEX, 4);
	put_session();
	put(VALUE_BYTES, 2);
	put_bytes(value, VALUE_BYTES);
	put(0, 2);
	return call();
}

static uint32_t nv_read(uint8_t *ret)
{
	begin(0x8002, 0x14e);
	put(RH_OWNER, 4);
	put(NV_INDEX, 4);
	put_session();
	put(VALUE_BYTES, 2);
	put(0, 2);
	uint32_t rc = call();
	if (rc == 0)
		memcpy(ret, message + 16, VALUE_BYTES);
	return rc;
}

static uint32_t pcr_extend(const uint8_t *value)
{
	begin(0x8002, 0x182);
	put(PCR, 4);
	put_session();
	put(1, 4);
	put(0x000b, 2);
	put_bytes(value, VALUE_BYTES);
	put_bytes(value, VALUE_BYTES);
	return call();
}

static uint32_t pcr_read(uint8_t *ret)
{
	begin(0x8001, 0x17e);
	put(1, 4);
	put(0x000b, 2);
	put(3, 1);
	put(0x000001, 3); /* PCR 16 */
	uint32_t rc = call();
	if (rc == 0)
		memcpy(ret, message + 30, VALUE_BYTES);
	return rc;
}

static void print(const char *name, uint32_t rc, const uint8_t *value)
{
	printf(" %s ", name);
	if (rc)
		printf("error-%x", rc);
	for (int i = 0; rc == 0 && i < VALUE_BYTES; i++)
		printf("%02x", value[i]);
}

static void prepare(void)
{
	uint8_t value[VALUE_BYTES];
	uint32_t rc = nv_read(value);

	printf("boot nv %s\n", rc == 0 ? "found" : "made");
	if (rc &&
	    ((rc = get_random(value)) || (rc = nv_define()) || (rc = nv_write(value))))
		printf("boot nv error-%x\n", rc);
	if ((rc = get_random(value)) || (rc = pcr_extend(value)))
		printf("boot pcr error-%x\n", rc);
}

int main(void)
{
	mkdir("/dev", 0755);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	int console = open("/dev/ttyS0", O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		dup2(console, fd);
	setvbuf(stdout, NULL, _IOLBF, 0);
	tpm = open("/dev/tpm0", O_RDWR);
	prepare();
	for (unsigned count = 1;; count++) {
		uint8_t nv[VALUE_BYTES], pcr[VALUE_BYTES];
		uint32_t nv_rc = nv_read(nv), pcr_rc = pcr_read(pcr);

		printf("tick %u", count);
		print("nv", nv_rc, nv);
		print("pcr", pcr_rc, pcr);
		printf("\n");
		nanosleep(&(struct timespec){ .tv_nsec = 200000000 }, NULL);
	}
}
