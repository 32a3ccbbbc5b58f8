/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/api.h"
#include "broker/api/v1/handlers.h"

enum {
	KIB = 1024,
	SMALL = 4 * KIB,  /* a few words */
	LARGE = 64 * KIB, /* lists of names, certificate requests, reports */
	SECRET = 8 *
		 KIB, /* twice what is allowed, so that a little too long is named so */
	PART = 2 * PIECE_MAX,
};

enum {
	READER = TRY_OPERATOR | TRY_ORCHESTRATOR | TRY_AUDITOR,
	PLACER = TRY_OPERATOR | TRY_ORCHESTRATOR,
	SELF = TRY_HOST | TRY_HOST_ANY,
};

/* Method, path, handler, who may try, body and its limit, verb of the audit trail, in words. */
/* clang-format off */
static const struct route routes[] = {
	{ METHOD_GET, "/v1", api_version, TRY_ANYONE, BODY_NONE, 0,
	  "version", .says = "which broker this is" },
	{ METHOD_GET, "/v1/whoami", api_whoami, TRY_PERSON, BODY_NONE, 0,
	  "whoami", .says = "the identity behind a token" },

	{ METHOD_GET, "/v1/instances", api_instance_list, TRY_PERSON, BODY_NONE, 0,
	  "instance.list", .says = "the instances that the caller may see" },
	{ METHOD_PUT, "/v1/instances/{uuid}", api_instance_put, TRY_MEMBER, BODY_JSON, LARGE,
	  "instance.create", .says = "create an instance and its secret" },
	{ METHOD_GET, "/v1/instances/{uuid}", api_instance_get, TRY_PERSON | TRY_HOST, BODY_NONE, 0,
	  "instance.show", .says = "one instance" },
	{ METHOD_POST, "/v1/instances/{uuid}/place", api_instance_place, PLACER, BODY_JSON, SMALL,
	  "place", .says = "entitle one host to run the instance" },
	{ METHOD_PUT, "/v1/instances/{uuid}/secret", api_secret_put, TRY_MEMBER, BODY_BYTES, SECRET,
	  "secret.upload", .says = "upload the secret's value" },
	{ METHOD_GET, "/v1/instances/{uuid}/secret", api_secret_get, TRY_PERSON, BODY_NONE, 0,
	  "secret.read", .says = "read the secret's value back", .releases = true },
	{ METHOD_POST, "/v1/instances/{uuid}/new-tpm", api_instance_new_tpm, TRY_MEMBER, BODY_JSON, SMALL,
	  "instance.new-tpm", .says = "give the TPM up: the next start may make a new one" },
	{ METHOD_GET, "/v1/instances/{uuid}/permits", api_permit_list, TRY_PERSON, BODY_NONE, 0,
	  "permit.list", .says = "the permits of an instance" },
	{ METHOD_PUT, "/v1/instances/{uuid}/permits/{uuid}", api_permit_put, TRY_PERSON, BODY_JSON, SMALL,
	  "permit.create", .says = "permit one release to the placed host" },
	{ METHOD_DELETE, "/v1/instances/{uuid}/permits/{uuid}", api_permit_delete, TRY_PERSON, BODY_NONE, 0,
	  "permit.delete", .says = "take an unused permit back" },
	{ METHOD_GET, "/v1/instances/{uuid}/grants", api_grant_list, TRY_PERSON, BODY_NONE, 0,
	  "grant.list", .says = "the grants of an instance" },
	{ METHOD_PUT, "/v1/instances/{uuid}/grants/{uuid}", api_grant_put, TRY_PERSON, BODY_JSON, LARGE,
	  "grant.create", .says = "grant releases to hosts beforehand" },
	{ METHOD_DELETE, "/v1/instances/{uuid}/grants/{uuid}", api_grant_delete, TRY_PERSON, BODY_NONE, 0,
	  "grant.delete", .says = "take a grant back" },
	{ METHOD_GET, "/v1/instances/{uuid}/explain", api_explain, TRY_PERSON | TRY_HOST, BODY_NONE, 0,
	  "explain", .says = "what a release would be answered, and why" },
	{ METHOD_POST, "/v1/instances/{uuid}/release", api_release, TRY_HOST, BODY_JSON, SMALL,
	  "release", .says = "give the secret, sealed, to the host about to run the guest", .releases = true },
	{ METHOD_POST, "/v1/instances/{uuid}/lease", api_lease, TRY_HOST, BODY_JSON, SMALL,
	  "lease", .says = "renew the lease of a host's own copy" },

	{ METHOD_POST, "/v1/instances/{uuid}/handovers", api_handover_prepare, PLACER | TRY_HOST, BODY_JSON, SMALL,
	  "handover.prepare", .says = "name the host that a guest is to move to" },
	{ METHOD_GET, "/v1/instances/{uuid}/handovers", api_handover_list, TRY_PERSON | TRY_HOST, BODY_NONE, 0,
	  "handover.list", .says = "the hand-overs of an instance" },
	{ METHOD_GET, "/v1/instances/{uuid}/handovers/{id}", api_handover_get, TRY_PERSON | TRY_HOST, BODY_NONE, 0,
	  "handover.show", .says = "one hand-over, or a wait for its next state" },
	{ METHOD_POST, "/v1/instances/{uuid}/handovers/{id}/offer", api_handover_offer, TRY_HOST, BODY_JSON, LARGE,
	  "handover.offer", .says = "consent, as the source, to one ask of the destination" },
	{ METHOD_PUT, "/v1/instances/{uuid}/handovers/{id}/parts/{k}", api_part_put, TRY_HOST, BODY_BYTES, PART,
	  "handover.put-part", .says = "one part of the TPM's state, sealed by the source" },
	{ METHOD_GET, "/v1/instances/{uuid}/handovers/{id}/parts/{k}", api_part_get, TRY_HOST, BODY_NONE, 0,
	  "handover.get-part", .says = "one part of the TPM's state, for the destination" },
	{ METHOD_POST, "/v1/instances/{uuid}/handovers/{id}/claim", api_handover_claim, TRY_HOST, BODY_JSON, SMALL,
	  "handover.claim", .says = "take the secret, as the destination, sealed", .releases = true },
	{ METHOD_POST, "/v1/instances/{uuid}/handovers/{id}/say", api_handover_say, TRY_HOST, BODY_JSON, SMALL,
	  "handover.say", .says = "what one of its hosts has seen of the guest" },
	{ METHOD_POST, "/v1/instances/{uuid}/handovers/{id}/abort", api_handover_abort, PLACER | TRY_MEMBER | TRY_HOST, BODY_JSON, SMALL,
	  "handover.abort", .says = "call a hand-over off" },
	{ METHOD_POST, "/v1/instances/{uuid}/handovers/{id}/resolve", api_handover_resolve, TRY_OPERATOR, BODY_JSON, SMALL,
	  "handover.resolve", .says = "decide where the guest runs when a host is lost" },
	{ METHOD_POST, "/v1/instances/{uuid}/ask", api_ask_put, TRY_HOST, BODY_JSON, LARGE,
	  "ask", .says = "ask the placed host to let its guest come" },
	{ METHOD_GET, "/v1/instances/{uuid}/ask", api_ask_get, TRY_HOST, BODY_NONE, 0,
	  "ask.show", .says = "what the placed host has answered" },
	{ METHOD_POST, "/v1/instances/{uuid}/ask/refuse", api_ask_refuse, TRY_HOST, BODY_JSON, SMALL,
	  "ask.refuse", .says = "refuse to let a guest go" },

	{ METHOD_GET, "/v1/hosts/self/events", api_host_events, TRY_HOST, BODY_NONE, 0,
	  "host.events", .says = "what has changed for the calling host" },
	{ METHOD_GET, "/v1/hosts/self/handovers", api_host_handovers, TRY_HOST, BODY_NONE, 0,
	  "host.handovers", .says = "the hand-overs that are not over for the calling host" },
	{ METHOD_GET, "/v1/hosts/self", api_host_self, SELF, BODY_NONE, 0,
	  "host.self", .says = "the calling host's own state" },
	{ METHOD_GET, "/v1/hosts/self/instances", api_host_instances, TRY_HOST, BODY_NONE, 0,
	  "host.instances", .says = "what is placed on the calling host" },
	{ METHOD_POST, "/v1/hosts/self/reports", api_host_reports, TRY_HOST, BODY_JSON, LARGE,
	  "report", .says = "what happened on the calling host, in order" },
	{ METHOD_POST, "/v1/hosts/self/renew", api_host_renew, TRY_HOST, BODY_JSON, LARGE,
	  "host.renew", .says = "a new certificate for the same keys" },
	{ METHOD_POST, "/v1/enroll", api_enroll, TRY_ANYONE, BODY_JSON, LARGE,
	  "host.enroll", .says = "become a host, with an enrolment token" },
	{ METHOD_POST, "/v1/host-tokens", api_host_token, TRY_HOST_ADMIN, BODY_JSON, SMALL,
	  "host.token", .says = "make an enrolment token for one host" },
	{ METHOD_GET, "/v1/hosts", api_host_list, READER | TRY_HOST_ADMIN, BODY_NONE, 0,
	  "host.list", .says = "all hosts" },
	{ METHOD_GET, "/v1/hosts/{name}", api_host_get, READER | TRY_HOST_ADMIN, BODY_NONE, 0,
	  "host.show", .says = "one host" },
	{ METHOD_POST, "/v1/hosts/{name}/approve", api_host_approve, TRY_HOST_ADMIN, BODY_JSON, SMALL,
	  "host.approve", .says = "accept a host whose fingerprint was compared" },
	{ METHOD_GET, "/v1/hosts/{name}/instances", api_host_guests, READER | TRY_HOST_ADMIN, BODY_NONE, 0,
	  "host.guests", .says = "what is placed on one host" },
	{ METHOD_POST, "/v1/hosts/{name}/drain", api_host_drain, TRY_HOST_ADMIN, BODY_JSON, SMALL,
	  "host.drain", .says = "let a host keep its guests and take no others" },
	{ METHOD_POST, "/v1/hosts/{name}/undrain", api_host_undrain, TRY_HOST_ADMIN, BODY_JSON, SMALL,
	  "host.undrain", .says = "let a draining host take guests again" },
	{ METHOD_POST, "/v1/hosts/{name}/fence", api_host_fence, TRY_HOST_ADMIN, BODY_JSON, SMALL,
	  "host.fence", .says = "stop every release to a host" },
	{ METHOD_POST, "/v1/hosts/{name}/unfence", api_host_unfence, TRY_HOST_ADMIN, BODY_JSON, SMALL,
	  "host.unfence", .says = "end a fence" },
	{ METHOD_POST, "/v1/hosts/{name}/revoke", api_host_revoke, TRY_HOST_ADMIN, BODY_JSON, SMALL,
	  "host.revoke", .says = "end a host's identity for good" },

	{ METHOD_GET, "/v1/images", api_image_list, READER | TRY_MEMBER, BODY_NONE, 0,
	  "image.list", .says = "the policies of images" },
	{ METHOD_GET, "/v1/images/{name}", api_image_get, READER | TRY_MEMBER, BODY_NONE, 0,
	  "image.show", .says = "the policy of one image" },
	{ METHOD_PUT, "/v1/images/{name}", api_image_put, TRY_OPERATOR, BODY_JSON, SMALL,
	  "image.set", .says = "set the policy of one image" },
	{ METHOD_GET, "/v1/deployment", api_deployment_get, READER | TRY_MEMBER, BODY_NONE, 0,
	  "deployment.show", .says = "the policy of the whole deployment" },
	{ METHOD_PUT, "/v1/deployment", api_deployment_put, TRY_OPERATOR, BODY_JSON, SMALL,
	  "deployment.set", .says = "set the policy of the whole deployment" },

	{ METHOD_GET, "/v1/audit", api_audit_list, TRY_MEMBER | TRY_AUDITOR, BODY_NONE, 0,
	  "audit.list", .says = "the audit trail" },
	{ METHOD_GET, "/v1/audit/verify", api_audit_verify, TRY_AUDITOR, BODY_NONE, 0,
	  "audit.verify", .says = "recompute every chain of the audit trail" },
};
/* clang-format on */

const struct route *api_routes(size_t *ret_n)
{
	*ret_n = ARRAY_LEN(routes);
	return routes;
}
