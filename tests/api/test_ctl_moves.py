# SPDX-License-Identifier: Apache-2.0
"""vtpmctl and hand-overs: prepared, watched, called off, resolved."""
import threading

import bed
import pytest
from walk import Walk
from test_ctl import Ctl, name_of
from test_release import started


@pytest.fixture
def ctl(broker, tmp_path):
    return Ctl(broker, tmp_path)


def running(ctl, name, security="deployment"):
    i = started(ctl.broker, security, name=name)
    assert ctl.broker.h1.release(i).status_code == 200
    return i


def test_handover_is_prepared_shown_and_called_off(ctl):
    name = name_of("web")
    i = running(ctl, name)
    ctl.refused("operator", "handover", "show", name, status=5, says="no hand-over")
    facts = ctl.facts("operator", "handover", "prepare", name, "h2")
    assert (facts["number"], facts["mode"], facts["state"]) == ("1", "plain", "prepared")
    assert (facts["from"], facts["to"], facts["prepared by"]) == ("h1", "h2", "operator")
    assert ctl.facts("owner", "instance", "show", name)["hand-over"] == "to h2 (1, plain, prepared)"
    told = ctl.text("owner", "explain", name)
    assert "hand-over 1 to h2 is open: prepared, mode plain" in told and "allowed" in told
    errors = ctl.refused("operator", "handover", "prepare", name, "h2", "--mode", "strict", status=6,
                         says="under way")
    assert errors.endswith(f"next: vtpmctl handover show {name}\n")
    assert ctl.facts("owner", "handover", "show", name)["state"] == "prepared"
    assert ctl.facts("operator", "handover", "abort", name)["state"] == "aborted"
    assert ctl.json("operator", "handover", "prepare", i, "h2", "--mode", "strict")["number"] == 2
    assert ctl.json("operator", "handover", "show", i, "1")["state"] == "aborted"
    assert ctl.json("operator", "handover", "abort", i, "2")["state"] == "aborted"
    lines = ctl.text("auditor", "handover", "list", name).splitlines()
    assert lines[0].split() == ["NUMBER", "MODE", "STATE", "FROM", "TO", "PREPARED", "ENDED"]
    assert [line.split()[:5] for line in lines[1:]] == [["1", "plain", "aborted", "h1", "h2"],
                                                        ["2", "strict", "aborted", "h1", "h2"]]
    assert "hand-over" not in ctl.facts("owner", "instance", "show", name)


def test_handover_refusals(ctl):
    name = name_of("web")
    i = running(ctl, name)
    ctl.refused("operator", "handover", "prepare", name, "nowhere", status=5, says="nowhere")
    ctl.refused("operator", "handover", "prepare", name, "h2", "--mode", "fast", status=2, says="mode")
    ctl.refused("owner", "handover", "prepare", name, "h2", status=4, says="may not")
    ctl.refused("operator", "handover", "show", name, "zero", status=2, says="number")
    ctl.refused("operator", "handover", "show", i, "7", status=5, says="no hand-over 7")
    ctl.refused("operator", "handover", "show", i, "--wait", "0", status=2, says="--wait")
    ctl.refused("operator", "handover", "resolve", i, "--runs-on", "h1", status=2, says="--host-is-off")
    ctl.refused("operator", "handover", "resolve", i, "--host-is-off", status=2, says="--runs-on")
    ctl.refused("stranger", "handover", "list", i, status=5, says="")


def test_show_waits_for_the_end(ctl):
    i = running(ctl, name_of("web"))
    move = Walk(ctl.broker, i).prepare()
    ctl.refused("operator", "handover", "show", i, "--wait", "1", status=1, says="still prepared")
    told = []
    watch = threading.Thread(target=lambda: told.append(
        ctl.json("operator", "handover", "show", i, "--wait", "25")))
    watch.start()
    move.offer().claim()
    move.say(ctl.broker.h2, "running", "committed")
    watch.join()
    assert told[0]["state"] == "committed" and told[0]["ran_there"]
    facts = ctl.facts("owner", "handover", "show", i)
    assert (facts["that is"], facts["destination said"]) == ("the guest is the destination's", "running")
    assert ctl.facts("owner", "instance", "show", i)["placed on"].startswith("h2 ")


def test_lost_host_is_resolved(own_broker, tmp_path):
    ctl = Ctl(own_broker, tmp_path)
    name = name_of("web")
    i = running(ctl, name)
    move = Walk(own_broker, i).prepare().offer()
    move.claim()
    told = ctl.text("owner", "explain", name)
    assert "handover_open" in told and f"vtpmctl handover show {name}" in told
    assert ctl.facts("operator", "handover", "abort", name)["state"] == "aborting"
    assert f"vtpmctl handover resolve {name} --runs-on HOST" in ctl.text("operator", "handover", "show",
                                                                        name)
    words = ("handover", "resolve", name, "--runs-on", "h1", "--host-is-off")
    ctl.refused("owner", *words, status=4, says="may not")
    ctl.refused("operator", *words, status=6, says="first say")
    move.say(own_broker.h1, "keep", "aborting")
    errors = ctl.refused("operator", *words, status=6, says="fenced and off")
    assert "vtpmctl host fence" in errors
    own_broker.host_admin.post("/v1/hosts/h2/fence")
    facts = ctl.facts("operator", *words)
    assert facts["state"] == "aborted" and "h2" in facts["given up"]
    assert bed.refused(own_broker.h2.release(i), "host_fenced")
    assert own_broker.h1.release(i).status_code == 200
