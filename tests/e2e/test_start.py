# SPDX-License-Identifier: Apache-2.0
"""Plain `virsh start` through the hook, under each policy."""
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

import world as bed


def test_a_deployment_guest_starts_and_starts_again(world):
    guest = world.guest("deployment")
    guest.start()
    assert world.host.secrets() == []
    guest.became("expected")
    guest.stop()
    guest.start()
    guest.stop()


def test_a_user_guest_needs_a_permit_for_each_start(world):
    guest = world.guest("user")
    said = guest.refused()
    assert "vtpm-client: " in said and f"vtpmctl permit" in said
    guest.permit()
    guest.start()
    assert world.host.secrets() == []
    guest.stop()
    said = guest.refused()
    assert "used already" in said and "vtpmctl permit" in said
    guest.permit()
    guest.start()
    guest.stop()


def test_a_host_guest_needs_a_permit_once(world):
    guest = world.guest("host")
    assert "vtpmctl permit" in guest.refused()
    guest.permit()
    guest.start()
    assert guest.copy().stat().st_mode & 0o777 == 0o600
    guest.stop()
    guest.start()
    guest.stop()


def test_a_guest_that_is_placed_nowhere_does_not_start(world):
    guest = world.guest("deployment", place=False)
    guest.refused()
    assert world.host.secrets() == []
    world.ctl("operator", "instance", "place", guest.id, "h1")
    guest.start()
    guest.stop()


def test_a_domain_that_names_another_secret_is_refused(world):
    guest = world.guest("deployment", secret=bed.new_id())
    said = guest.refused()
    assert "another secret" in said and "vtpmctl instance xml" in said


def test_a_fenced_host_gets_nothing(world):
    guest = world.guest("deployment")
    world.ctl("host-admin", "host", "fence", "h1")
    try:
        assert "fenced" in guest.refused()
    finally:
        world.ctl("host-admin", "host", "unfence", "h1")
    guest.start()
    guest.stop()


def test_a_guest_without_a_tpm_starts_and_nobody_is_asked(world):
    before = world.agent_log()
    name = "plain"
    bed.define(world.host, name, bed.new_id())
    world.host.virsh("start", name)
    world.host.virsh("destroy", name)
    assert world.agent_log() == before


def test_a_tpm_with_somebody_elses_secret_is_left_alone(world):
    host, foreign = world.host, bed.Foreign(world.host)
    foreign.start()
    assert foreign.secret in host.secrets()
    foreign.stop()
    assert foreign.secret in host.secrets()
    foreign.forget()
    assert "Secret not found" in foreign.refused()


def test_a_state_that_is_gone_is_not_replaced_and_burns_no_permit(world):
    guest = world.guest("user", permit=True)
    guest.start()
    guest.stop()
    world.no_reports_wait()
    guest.became("expected")
    state = guest.tpm_state()
    kept = state.read_bytes()
    state.unlink()
    guest.permit()
    said = guest.refused()
    assert "TPM state" in said and "vtpmctl instance new-tpm" in said
    assert not state.exists()
    state.write_bytes(kept)
    guest.start()
    guest.stop()


def test_the_owner_gives_a_lost_tpm_up(world):
    guest = world.guest("deployment")
    guest.start()
    guest.stop()
    world.no_reports_wait()
    guest.became("expected")
    guest.tpm_state().unlink()
    guest.refused()
    world.no_reports_wait()
    world.ctl("owner", "instance", "new-tpm", guest.id)
    guest.start()
    guest.became("expected")
    guest.stop()


def test_the_value_is_nowhere_on_the_host(world):
    guest = world.guest("user", permit=True)
    value = world.folder / "value"
    world.ctl("owner", "secret", "read", guest.id, "--out", value)
    secret = value.read_bytes().strip()
    value.unlink()
    guest.start()
    found = subprocess.run(["grep", "-rlF", secret.decode(), world.folder, "--exclude=*.sock"],
                           capture_output=True, text=True, check=False)
    assert found.stdout == ""
    seen = world.host.run("sh", "-c", "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' ' '",
                          check=False).stdout
    assert "swtpm" in seen and secret.decode() not in seen
    guest.stop()


def test_guests_start_at_the_same_time(world):
    guests = [world.guest("deployment") for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda g: g.start(), guests))
    assert world.host.secrets() == []
    for guest in guests:
        guest.stop()
    world.no_reports_wait()


def test_what_guests_did_is_on_record(world):
    guest = world.guest("user", permit=True)
    guest.start()
    guest.stop()
    guest.refused()
    world.no_reports_wait()
    records = world.audit(guest.id)
    for verb in ("release", "report.started", "report.stopped"):
        assert verb in [v for v, _ in records]
    assert ("release", "permit_used") in records


def test_a_restored_image_is_asked_for_as_such(world):
    guest = world.guest("user", permit=True)
    guest.start()
    world.host.virsh("managedsave", guest.name)
    guest.permit()
    said = guest.refused()
    assert "vtpm-client: " in said
    assert world.host.virsh("domstate", guest.name).stdout.strip() == "shut off"
    world.host.virsh("managedsave-remove", guest.name)
    guest.start()
    guest.stop()


def test_an_incoming_migration_is_refused_at_its_beginning(world):
    guest = world.guest("deployment")
    guest.start()
    guest.stop()
    xml = world.host.virsh("dumpxml", guest.name).stdout
    done = world.host.hook(guest.name, "migrate", "begin", "-", xml=xml)
    assert done.returncode == 1 and done.stdout == "" and "vtpm-client: " in done.stderr


@pytest.mark.parametrize("words", [
    ("reconnect", "begin", "-"), ("stopped", "end", "-"), ("start", "begin", "-"),
    ("attach", "begin", "-"), ("started", "begin", "-"), ("release", "end", "-"),
    ("prepare", "end", "-"), ("something", "new", "-"), ("prepare",), ()])
def test_no_other_operation_ever_fails(world, words):
    guest_xml = bed.domain_xml("x", bed.new_id(), "<tpm model='tpm-crb'><backend type='emulator' "
                               f"version='2.0'><encryption secret='{bed.new_id()}'/></backend></tpm>")
    for xml in (guest_xml, "", "<domain>", "\0" * 100):
        done = world.host.hook("x", *words, xml=xml)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("xml", ["", "not xml", "<domain", "<domain><uuid>1</uuid></domain>",
                                 "<!DOCTYPE a [<!ENTITY b 'c'>]><domain/>", "<a>" * 5000,
                                 "<domain><devices><tpm><backend><encryption/></backend></tpm>"
                                 "</devices></domain>"])
def test_what_is_no_domain_of_ours_passes(world, xml):
    done = world.host.hook("x", "prepare", "begin", "-", xml=xml)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_same_hook_is_a_command_of_the_client(world):
    guest = world.guest("user")
    xml = world.host.virsh("dumpxml", guest.name).stdout
    done = world.host.run(bed.CLIENT, "hook", guest.name, "prepare", "begin", "-", input=xml,
                          check=False)
    assert done.returncode == 1 and "vtpmctl permit" in done.stderr


def test_by_hand_what_the_hook_does(world):
    guest = world.guest("deployment")
    hook = world.host.disk / "etc/libvirt/hooks/qemu.d/50-vtpm-client"
    kept = hook.read_bytes()
    hook.unlink()
    try:
        world.client("deliver", guest.id)
        assert guest.show()["secret"]["id"] in world.host.secrets()
        guest.start()
        guest.stop()
        world.client("forget", guest.id)
        assert world.host.secrets() == []
    finally:
        hook.write_bytes(kept)
        hook.chmod(0o755)


def test_a_guest_that_runs_stays_running_for_the_broker(world):
    guest = world.guest("deployment")
    guest.start()
    world.no_reports_wait()
    said = world.client("deliver", guest.id, check=False)
    assert said.returncode != 0 and "runs under libvirt" in said.stderr
    said = world.host.hook(guest.name, "migrate", "begin", "-",
                           xml=world.host.virsh("dumpxml", guest.name).stdout)
    assert said.returncode == 1 and "on this host already" in said.stderr
    world.no_reports_wait()
    assert guest.show()["placement"]["running"] is True
    guest.stop()
    guest.start()
    guest.stop()


def test_what_was_delivered_and_taken_back_has_ended(world):
    guest = world.guest("deployment")
    world.client("deliver", guest.id)
    world.client("forget", guest.id)
    world.no_reports_wait()
    assert guest.show()["placement"]["running"] is False
    assert world.host.secrets() == []


def test_run_and_a_start_at_once_are_refused_and_run_keeps_its_place(world):
    guest = world.guest("deployment")
    words = world.host.words(bed.CLIENT, "run", guest.id)
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=world.env) as emulator:
        assert "ready" in emulator.stdout.readline()
        assert "runs already" in guest.refused()
        world.no_reports_wait()
        assert guest.show()["placement"]["running"] is True
        world.host.kill("swtpm", "TERM")
    bed.until(lambda: guest.show()["placement"]["running"] is False, "the end of run is told")


def test_of_two_runs_at_once_one_runs_with_its_sockets(world):
    guest = world.guest("deployment")
    words = world.host.words(bed.CLIENT, "run", guest.id)
    both = [subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env=world.env) for _ in range(2)]
    bed.until(lambda: any(p.poll() is not None for p in both), "one is refused")
    both.sort(key=lambda p: p.poll() is None)
    assert "state_busy" in both[0].communicate()[1]
    assert "ready" in both[1].stdout.readline()
    folder = world.host.disk / "var/lib/vtpm-client/tpm" / guest.id
    assert (folder / "swtpm.sock").is_socket() and (folder / "swtpm.sock.ctrl").is_socket()
    world.host.kill("swtpm", "TERM")
    both[1].communicate()
