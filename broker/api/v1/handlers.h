/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handlers - every handler of the first version of the API; broker/api/routes.c says when
 *            each is called and who may try.
 *
 * Gives:   one function per route: it parses, decides, stages a change and a reply.
 * Refuses: with false and the error that the peer is told; then nothing is staged.
 * Knows:   the reply leaves only after the staged change is durable. A handler may be run
 *          again when one of its guards went stale, so it keeps nothing between runs.
 * Threads: a handler runs on one worker; x and its reader are that worker's alone.
 */
#ifndef BROKER_API_V1_HANDLERS_H
#define BROKER_API_V1_HANDLERS_H

#include "broker/exchange.h"

/* version.c */
api_handler api_version;
api_handler api_whoami;

/* instances.c */
api_handler api_instance_put;
api_handler api_instance_get;
api_handler api_instance_list;

/* place.c */
api_handler api_instance_place;

/* secrets.c */
api_handler api_secret_put;
api_handler api_secret_get;
api_handler api_instance_new_tpm;

/* permits.c */
api_handler api_permit_put;
api_handler api_permit_list;
api_handler api_permit_delete;

/* grants.c */
api_handler api_grant_put;
api_handler api_grant_list;
api_handler api_grant_delete;

/* handovers.c */
api_handler api_handover_prepare;
api_handler api_handover_list;
api_handler api_handover_get;

/* parts.c */
api_handler api_part_put;
api_handler api_part_get;

/* claim.c */
api_handler api_handover_offer;
api_handler api_handover_claim;

/* words.c */
api_handler api_handover_say;
api_handler api_handover_abort;
api_handler api_handover_resolve;

/* asks.c */
api_handler api_ask_put;
api_handler api_ask_get;
api_handler api_ask_refuse;

/* events.c */
api_handler api_host_events;
api_handler api_host_handovers;

/* explain.c */
api_handler api_explain;

/* release.c */
api_handler api_release;
api_handler api_lease;

/* enroll.c */
api_handler api_host_token;
api_handler api_enroll;
api_handler api_host_renew;

/* self.c */
api_handler api_host_self;
api_handler api_host_instances;

/* hosts.c */
api_handler api_host_list;
api_handler api_host_get;
api_handler api_host_approve;
api_handler api_host_drain;
api_handler api_host_undrain;
api_handler api_host_guests;
api_handler api_host_fence;
api_handler api_host_unfence;
api_handler api_host_revoke;

/* reports.c */
api_handler api_host_reports;

/* settings.c */
api_handler api_image_list;
api_handler api_image_get;
api_handler api_image_put;
api_handler api_deployment_get;
api_handler api_deployment_put;

/* audit.c */
api_handler api_audit_list;
api_handler api_audit_verify;

#endif
