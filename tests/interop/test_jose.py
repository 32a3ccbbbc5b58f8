# SPDX-License-Identifier: Apache-2.0
"""What we seal and sign opens elsewhere, and what others seal and sign opens here.

The others are jwcrypto (Python, pyca/cryptography) and cjose (C, OpenSSL and jansson).
"""
import base64
import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from jwcrypto import jwe, jwk, jws

TOOL = Path(os.environ["VTPM_BUILD"]) / "tests" / "interop" / "jose_tool"
VALUES = [b"x", b"\x00\xff" * 8, b"0123456789abcdef" * 4, os.urandom(4096)]
IDS = {"instance": "2f1b2c3d-0001-4000-8000-00000000000a",
       "secret": "2f1b2c3d-0001-4000-8000-00000000000b",
       "attempt": "2f1b2c3d-0001-4000-8000-00000000000c"}
CLAIMS = {**IDS, "version": 3, "purpose": "start", "epoch": 7, "nonce": "0123456789abcdef"}


def tool(*words, given=""):
    env = dict(os.environ)
    if words[0].startswith("cjose-"):  # it leaks a byte of its own at every opening
        env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    return subprocess.run([TOOL, *words], input=given, capture_output=True, text=True,
                          timeout=30, check=False, env=env)


def says(done):
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(name="key")
def fixture_key(tmp_path):
    """A new key as (jwcrypto's form, PEM file), known by its thumbprint."""
    key = jwk.JWK.generate(kty="EC", crv="P-256")
    key = jwk.JWK(**{**json.loads(key.export()), "kid": key.thumbprint()})
    path = tmp_path / "key.pem"
    path.write_bytes(key.export_to_pem(private_key=True, password=None))
    return key, str(path)


def sealed_by_jwcrypto(key, value, **change):
    header = {"alg": "ECDH-ES", "enc": "A256GCM", "typ": "vtpm-release",
              "kid": key.thumbprint(), **CLAIMS, **change}
    token = jwe.JWE(value, json.dumps({k: v for k, v in header.items() if v is not None}))
    token.add_recipient(key)
    return token.serialize(compact=True)


def test_our_key_id_is_the_thumbprint_of_rfc_7638(key):
    assert says(tool("kid", key[1])) == key[0].thumbprint()


@pytest.mark.parametrize("value", VALUES, ids=len)
def test_jwcrypto_opens_what_we_seal(key, value):
    token = jwe.JWE()
    token.deserialize(says(tool("seal", key[1], given=value.hex())), key=key[0])
    assert token.payload == value
    header = token.jose_header
    assert {name: header[name] for name in CLAIMS} == CLAIMS
    assert (header["kid"], header["typ"]) == (key[0].thumbprint(), "vtpm-release")


@pytest.mark.parametrize("value", VALUES, ids=len)
def test_we_open_what_jwcrypto_seals(key, value):
    header, opened = says(tool("open", key[1],
                               given=sealed_by_jwcrypto(key[0], value))).splitlines()
    assert bytes.fromhex(opened) == value
    assert header.split() == [key[0].thumbprint(), IDS["instance"], IDS["secret"], "3",
                              "start", "7", IDS["attempt"], "0123456789abcdef"]


@pytest.mark.parametrize("change", [
    {"typ": "JWE"}, {"typ": None}, {"kid": "someone-else"}, {"kid": None},
    {"apu": "QQ"}, {"apv": "QQ"}, {"enc": "A128GCM"}, {"enc": "A256CBC-HS512"},
    {"alg": "ECDH-ES+A256KW"}, {"zip": "DEF"}, {"instance": None}, {"epoch": "7"},
    {"version": 3.5}, {"nonce": "short"},
], ids=str)
def test_we_refuse_what_others_may_seal_otherwise(key, change):
    done = tool("open", key[1], given=sealed_by_jwcrypto(key[0], b"value", **change))
    assert done.returncode == 1 and done.stdout == ""
    assert "bad_sealed" in done.stderr


def test_we_refuse_what_is_sealed_to_another_key(key):
    other = jwk.JWK.generate(kty="EC", crv="P-256")
    sealed = sealed_by_jwcrypto(other, b"value", kid=key[0].thumbprint())
    assert "does not verify" in tool("open", key[1], given=sealed).stderr


def test_jwcrypto_refuses_our_value_once_touched(key):
    head, *rest = says(tool("seal", key[1], given="00")).split(".")
    header = json.loads(base64.urlsafe_b64decode(head + "=="))
    header["epoch"] = 8
    head = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    token = jwe.JWE()
    with pytest.raises(jwe.InvalidJWEData):
        token.deserialize(".".join([head, *rest]), key=key[0])


def public_hash(key):
    der = serialization.load_pem_public_key(key.export_to_pem()).public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def test_jwcrypto_verifies_our_lease(key):
    token = jws.JWS()
    token.deserialize(says(tool("lease", key[1])), key=key[0])
    assert token.jose_header == {"alg": "ES256", "typ": "vtpm-lease",
                                 "kid": key[0].thumbprint()}
    assert json.loads(token.payload) == {
        "host": public_hash(key[0]), "instance": IDS["instance"], "version": 3, "epoch": 7,
        "issued_us": 1790000000000000, "ends_us": 1790600000000000}


def signed_by_jwcrypto(key, payload, **change):
    token = jws.JWS(json.dumps(payload))
    header = {"alg": "ES256", "typ": "vtpm-lease", **change}
    token.add_signature(key, None, json.dumps(header))
    return token.serialize(compact=True)


LEASE = {"host": "0123456789abcdef" * 4, "instance": IDS["instance"], "version": 3, "epoch": 7,
         "issued_us": 1, "ends_us": 2}


def test_we_verify_a_lease_of_jwcrypto(key):
    for _ in range(20):  # r and s begin with zero bytes now and then
        signed = signed_by_jwcrypto(key[0], LEASE)
        assert says(tool("check", key[1], given=signed)) == \
            f"{LEASE['host']} {IDS['instance']} 3 7 1 2"


def test_jwcrypto_verifies_twenty_leases_of_ours(key):
    for _ in range(20):
        jws.JWS().deserialize(says(tool("lease", key[1])), key=key[0])


def test_we_refuse_another_statement(key):
    assert "bad_sealed" in tool("check", key[1],
                                given=signed_by_jwcrypto(key[0], LEASE, typ="JWT")).stderr


# ---- cjose ----

def needs_cjose():
    if "cjose-" in tool("cjose-open").stderr:
        pytest.skip("built without cjose")


def test_cjose_opens_what_we_seal(key):
    needs_cjose()
    ours = says(tool("seal", key[1], given=VALUES[2].hex()))
    assert bytes.fromhex(says(tool("cjose-open", given=f"{key[0].export()}\n{ours}\n"))) \
        == VALUES[2]


def test_we_open_what_cjose_seals(key):
    needs_cjose()
    given = f"{key[0].export_public()}\n{VALUES[2].hex()}\n"
    theirs = tool("cjose-seal", given=given)
    header, opened = says(tool("open", key[1], given=says(theirs))).splitlines()
    assert bytes.fromhex(opened) == VALUES[2] and header.split()[1] == IDS["instance"]
