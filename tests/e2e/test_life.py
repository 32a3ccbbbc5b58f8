# SPDX-License-Identifier: Apache-2.0
"""What a guest's life holds besides starts, under libvirt and under each policy: what asks the
broker, and what does not. doc/operations.md names these tests."""
import pytest

import world as bed

POLICIES = ["user", "host", "deployment"]


def running(world, policy):
    guest = world.guest(policy, permit=policy != "deployment")
    guest.start()
    world.no_reports_wait()
    return guest


def releases(world, guest):
    return [verb for verb, _ in world.audit(guest.id)].count("release")


def grant(world, guest, purpose):
    world.ctl("owner", "grant", "create", guest.id, "--purpose", purpose, "--hosts", "h1")


def comes_back(world, guest, purpose, *words):
    """The same words are refused first where the owner has to have said something."""
    if guest.policy == "user":
        said = world.host.virsh(*words, check=False)
        assert said.returncode != 0 and "vtpm-client: " in said.stderr
        assert guest.name not in world.host.running()
        grant(world, guest, purpose)
    world.host.virsh(*words)
    assert guest.name in world.host.running() and world.host.secrets() == []
    world.no_reports_wait()


@pytest.mark.parametrize("policy", POLICIES)
def test_a_guest_that_runs_asks_nobody(world, policy):
    """Its own reboot is a reset of the machine; the emulator goes on."""
    guest = running(world, policy)
    before = releases(world, guest)
    for words in (["reset"], ["suspend"], ["resume"]):
        world.host.virsh(words[0], guest.name)
    image = world.host.disk / "var/lib/libvirt/qemu" / f"{guest.name}.mem"
    world.host.virsh("snapshot-create-as", guest.name, "s1", "--live", "--no-metadata", "--memspec",
                     f"/var/lib/libvirt/qemu/{image.name},snapshot=external")
    assert image.exists()
    assert guest.name in world.host.running()
    world.no_reports_wait()
    assert releases(world, guest) == before and guest.show()["placement"]["running"]
    guest.stop()


@pytest.mark.parametrize("policy", POLICIES)
def test_a_managed_save_is_resumed(world, policy):
    guest = running(world, policy)
    before = releases(world, guest)
    world.host.virsh("managedsave", guest.name)
    world.no_reports_wait()
    assert releases(world, guest) == before and not guest.show()["placement"]["running"]
    comes_back(world, guest, "resume", "start", guest.name)
    guest.stop()


@pytest.mark.parametrize("policy", POLICIES)
def test_a_saved_image_is_restored(world, policy):
    guest = running(world, policy)
    world.host.virsh("save", guest.name, "/var/lib/libvirt/qemu/saved")
    world.no_reports_wait()
    assert not guest.show()["placement"]["running"]
    comes_back(world, guest, "restore", "restore", "/var/lib/libvirt/qemu/saved")
    guest.stop()


@pytest.mark.parametrize("policy", POLICIES)
def test_a_fence_ends_no_guest_that_runs(world, policy):
    guest = running(world, policy)
    world.ctl("host-admin", "host", "fence", "h1")
    try:
        assert guest.name in world.host.running()
        guest.stop()
        assert "fenced" in guest.refused()
    finally:
        world.ctl("host-admin", "host", "unfence", "h1")
    world.no_reports_wait()


@pytest.mark.parametrize("policy", POLICIES)
def test_tear_down_keeps_the_secret(world, policy):
    guest = running(world, policy)
    guest.became("expected")
    secret = guest.show()["secret"]
    guest.stop()
    world.host.virsh("undefine", "--keep-tpm", guest.name)
    assert guest.show()["secret"] == secret
    guest.define()
    if policy == "user":
        guest.permit()
    guest.start()
    guest.stop()
    # Without --keep-tpm libvirt deletes the TPM's state, and no new one takes its place.
    world.host.virsh("undefine", guest.name)
    world.no_reports_wait()
    assert not guest.tpm_state().exists() and guest.show()["secret"] == secret
    guest.define()
    if policy == "user":
        guest.permit()
    assert "vtpmctl instance new-tpm" in guest.refused()


def boots(world, agent_first):
    world.kill_agent("TERM")
    world.stop_broker()
    world.host.down()
    world.host.up()
    world.start_broker()
    if agent_first:
        world.start_agent(wait_for_libvirt=False)
        world.host.start_libvirtd()
    else:
        world.host.start_libvirtd()
        world.start_agent()


@pytest.mark.parametrize("purpose, agent_first", [("reboot", False), ("reboot", True),
                                                  ("autostart", True)])
def test_a_granted_user_guest_comes_back_after_a_boot(world, purpose, agent_first):
    """It ran when the host went down, or has only the flag."""
    guest, other = running(world, "user"), running(world, "user")
    for one in (guest, other):
        one.became("expected")
        if purpose == "autostart":
            one.stop()
        world.host.virsh("autostart", one.name)
    grant(world, guest, purpose)
    grant(world, other, "resume")
    world.no_reports_wait()
    boots(world, agent_first)
    bed.until(lambda: guest.name in world.host.running(), "the agent starts it")
    assert other.name not in world.host.running()
    found = world.json("auditor", "audit", "list", "--instance", guest.id, "--limit", "100")
    assert purpose in [r["purpose"] for r in found["items"] if r["verb"] == "release"]
    for one in (guest, other):
        world.host.virsh("autostart", "--disable", one.name)
    guest.stop()
