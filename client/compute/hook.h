/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook - libvirt's messenger: carries what libvirt is about to do to the agent, and back whether it
 *        may go on. See https://libvirt.org/hooks.html for its arguments.
 *
 * Vetoes:  only `prepare begin`, `migrate begin` and `restore begin` of a domain whose TPM is
 *          encrypted; every other call exits 0, whatever happens (a `reconnect` that fails
 *          kills a running guest).
 * Passes:  a domain without encryption with nothing contacted; a guest that was never seen
 *          here while the agent is down (libvirt then looks for its secret itself).
 * Output:  nothing on stdout, one line on stderr. At most 10 seconds.
 * Knows:   no libvirt, no network and no secret.
 */
#ifndef CLIENT_COMPUTE_HOOK_H
#define CLIENT_COMPUTE_HOOK_H

/* argv: NAME OPERATION SUB-OPERATION EXTRA; the domain's XML on stdin. Returns the exit code. */
int hook_run(int argc, char *const *argv);

#endif
