/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands - the site map of vtpmctl: help, completion and the manual's check come from it.
 *
 * Gives:   the table, in the order in which help shows it; one function per command, in the
 *          file that its first word names.
 * Threads: const.
 */
#ifndef CLIENT_CTL_COMMANDS_H
#define CLIENT_CTL_COMMANDS_H

#include "client/ctl/ctl.h"

extern const struct command commands[];
extern const size_t commands_count;
size_t commands_in_group(const char *word); /* commands of two words that begin so */

bool instance_create(struct ctl *ctl, struct err *e);
bool instance_show(struct ctl *ctl, struct err *e);
bool instance_list(struct ctl *ctl, struct err *e);
bool instance_place(struct ctl *ctl, struct err *e);
bool instance_xml(struct ctl *ctl, struct err *e);
bool instance_new_tpm(struct ctl *ctl, struct err *e);
bool value_upload(struct ctl *ctl, struct err *e);
bool value_read(struct ctl *ctl, struct err *e);
bool permit_give(struct ctl *ctl, struct err *e);
bool permit_list(struct ctl *ctl, struct err *e);
bool permit_delete(struct ctl *ctl, struct err *e);
bool grant_create(struct ctl *ctl, struct err *e);
bool grant_list(struct ctl *ctl, struct err *e);
bool grant_delete(struct ctl *ctl, struct err *e);
bool handover_prepare(struct ctl *ctl, struct err *e);
bool handover_list(struct ctl *ctl, struct err *e);
bool handover_show(struct ctl *ctl, struct err *e);
bool handover_abort(struct ctl *ctl, struct err *e);
bool handover_resolve(struct ctl *ctl, struct err *e);
bool explain_instance(struct ctl *ctl, struct err *e);
bool setting_image_set(struct ctl *ctl, struct err *e);
bool setting_image_show(struct ctl *ctl, struct err *e);
bool setting_image_list(struct ctl *ctl, struct err *e);
bool setting_deployment_set(struct ctl *ctl, struct err *e);
bool setting_deployment_show(struct ctl *ctl, struct err *e);
bool host_token(struct ctl *ctl, struct err *e);
bool host_list(struct ctl *ctl, struct err *e);
bool host_show(struct ctl *ctl, struct err *e);
bool host_approve(struct ctl *ctl, struct err *e);
bool host_guests(struct ctl *ctl, struct err *e);
bool host_drain(struct ctl *ctl, struct err *e);
bool host_undrain(struct ctl *ctl, struct err *e);
bool host_fence(struct ctl *ctl, struct err *e);
bool host_unfence(struct ctl *ctl, struct err *e);
bool host_revoke(struct ctl *ctl, struct err *e);
bool audit_list(struct ctl *ctl, struct err *e);
bool audit_verify(struct ctl *ctl, struct err *e);
bool matrix_print(struct ctl *ctl, struct err *e);
bool about_whoami(struct ctl *ctl, struct err *e);
bool about_version(struct ctl *ctl, struct err *e);
bool help_show(struct ctl *ctl, struct err *e);
bool help_completion(struct ctl *ctl, struct err *e);

#endif
