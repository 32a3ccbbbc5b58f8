# SPDX-License-Identifier: Apache-2.0
"""What one host signs and seals for another opens elsewhere, and what others sign and seal opens here.

The others are jwcrypto for JOSE and pyca/cryptography for the certificates.
"""
import base64
import datetime
import hashlib
import json
import os
import subprocess
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from jwcrypto import jwe, jwk, jws

TOOL = Path(os.environ["VTPM_BUILD"]) / "tests" / "interop" / "relay_tool"
IDS = {"instance": "2f1b2c3d-0001-4000-8000-00000000000a",
       "secret": "2f1b2c3d-0001-4000-8000-00000000000b",
       "attempt": "2f1b2c3d-0001-4000-8000-00000000000c"}
CLAIMS = {**IDS, "version": 3, "purpose": "migrate-in", "epoch": 7, "nonce": "0123456789abcdef",
          "handover": 5}
VALUES = [b"x", b"\x00\xff" * 8, b"0123456789abcdef" * 4, os.urandom(4096)]


def tool(*words, given=""):
    return subprocess.run([TOOL, *words], input=given, capture_output=True, text=True, timeout=30,
                          check=False)


def says(done):
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def spki(key):
    return key.public_key().public_bytes(serialization.Encoding.DER,
                                         serialization.PublicFormat.SubjectPublicKeyInfo)


def b64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Authority:
    """A CA of its own; nothing here is of ours."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a CA")])
        usage = x509.KeyUsage(digital_signature=False, content_commitment=False,
                              key_encipherment=False, data_encipherment=False, key_agreement=False,
                              key_cert_sign=True, crl_sign=True, encipher_only=False,
                              decipher_only=False)
        self.cert = self.build(self.name, self.key, 3650).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), True).add_extension(
            usage, True).sign(self.key, hashes.SHA256())

    def build(self, subject, key, days):
        now = datetime.datetime.utcnow()
        return x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(
            key.public_key()).serial_number(x509.random_serial_number()).not_valid_before(
            now - datetime.timedelta(days=5)).not_valid_after(
            now + datetime.timedelta(days=days)).add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False).add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False)

    def issue(self, name, key, days=90, use=ExtendedKeyUsageOID.CLIENT_AUTH):
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        return self.build(subject, key, days).add_extension(
            x509.BasicConstraints(ca=False, path_length=None), True).add_extension(
            x509.ExtendedKeyUsage([use]), False).sign(self.key, hashes.SHA256())


class Host:
    def __init__(self, folder, name, ca, **how):
        self.identity, self.sealing = (ec.generate_private_key(ec.SECP256R1()) for _ in "12")
        self.cert = ca.issue(name, self.identity, **how)
        self.paths = []
        for kind, pem in (("identity", self.pem(self.identity)),
                          ("cert", self.cert.public_bytes(serialization.Encoding.PEM)),
                          ("sealing", self.pem(self.sealing))):
            path = folder / f"{name}-{kind}.pem"
            path.write_bytes(pem)
            self.paths.append(str(path))

    @staticmethod
    def pem(key):
        return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                 serialization.NoEncryption())

    @property
    def jwk(self):
        return jwk.JWK.from_pem(self.pem(self.sealing))

    @property
    def hash(self):
        return hashlib.sha256(spki(self.identity)).hexdigest()

    def sign(self, claims, kind, **change):
        der = self.cert.public_bytes(serialization.Encoding.DER)
        header = {"alg": "ES256", "typ": kind, "x5c": [base64.b64encode(der).decode()], **change}
        token = jws.JWS(json.dumps(claims))
        token.add_signature(jwk.JWK.from_pem(self.pem(self.identity)), None,
                            json.dumps({k: v for k, v in header.items() if v is not None}))
        return token.serialize(compact=True)

    def seal(self, plain, typ="vtpm-relay", cty="JWS", **change):
        """To this host."""
        header = {"alg": "ECDH-ES", "enc": "A256GCM", "typ": typ, "cty": cty,
                  "kid": self.jwk.thumbprint(), **CLAIMS, **change}
        token = jwe.JWE(plain, json.dumps({k: v for k, v in header.items() if v is not None}))
        token.add_recipient(self.jwk)
        return token.serialize(compact=True)


@pytest.fixture(name="world")
def fixture_world(tmp_path):
    """The CA's file, a source and a destination."""
    ca = Authority()
    path = tmp_path / "ca.pem"
    path.write_bytes(ca.cert.public_bytes(serialization.Encoding.PEM))
    return str(path), Host(tmp_path, "a", ca), Host(tmp_path, "b", ca)


def sealing_path(host):
    return host.paths[2]


def verified(signed, host):
    """The payload of a JWS by a host, whose certificate must be in x5c."""
    token = jws.JWS()
    token.deserialize(signed, key=jwk.JWK.from_pem(host.pem(host.identity)))
    der = host.cert.public_bytes(serialization.Encoding.DER)
    assert token.jose_header["x5c"] == [base64.b64encode(der).decode()]
    return token.jose_header, token.payload


@pytest.mark.parametrize("value", VALUES, ids=len)
def test_jwcrypto_opens_what_we_sign_and_seal(world, value):
    _, a, b = world
    ours = says(tool("seal", *a.paths[:2], sealing_path(b), given=value.hex()))
    sealed = jwe.JWE()
    sealed.deserialize(ours, key=b.jwk)
    assert {name: sealed.jose_header[name] for name in CLAIMS} == CLAIMS
    assert (sealed.jose_header["typ"], sealed.jose_header["cty"]) == ("vtpm-relay", "JWS")
    header, payload = verified(sealed.payload.decode(), a)
    assert header["typ"] == "vtpm-relay"
    assert json.loads(payload) == {**CLAIMS, "kid": b.jwk.thumbprint(), "value": b64url(value)}


def nested(world, value=b"value", claims=None, header=None, outer=None):
    """What jwcrypto makes of a value; the rest changes one thing or another."""
    _, a, b = world
    payload = {**CLAIMS, "kid": b.jwk.thumbprint(), "value": b64url(value), **(claims or {})}
    payload = {k: v for k, v in payload.items() if v is not None}
    return b.seal(a.sign(payload, "vtpm-relay", **(header or {})), **(outer or {}))


@pytest.mark.parametrize("value", VALUES, ids=len)
def test_we_open_what_jwcrypto_signs_and_seals(world, value):
    ca, a, b = world
    header, opened = says(tool("open", ca, sealing_path(b), given=nested(world, value))).splitlines()
    assert bytes.fromhex(opened) == value
    assert header.split() == [b.jwk.thumbprint(), IDS["instance"], IDS["secret"], "3", "migrate-in",
                              "7", IDS["attempt"], "0123456789abcdef", "5", "a", a.hash]


@pytest.mark.parametrize("change", [
    {"claims": {"epoch": 8}}, {"claims": {"handover": None}}, {"claims": {"kid": "k" * 43}},
    {"claims": {"value": None}}, {"claims": {"value": "c2VjcmU="}}, {"claims": {"value": "a\"b"}},
    {"claims": {"more": 1}}, {"claims": {"nonce": "fedcba9876543210"}},
    {"header": {"typ": "vtpm-ask"}}, {"header": {"typ": None}}, {"header": {"x5c": None}},
    {"header": {"x5c": []}}, {"outer": {"typ": "vtpm-release"}}, {"outer": {"cty": None}},
    {"outer": {"handover": 6}}, {"outer": {"epoch": 8}}, {"outer": {"zip": "DEF"}},
], ids=str)
def test_we_refuse_what_others_may_sign_and_seal_otherwise(world, change):
    ca, _, b = world
    done = tool("open", ca, sealing_path(b), given=nested(world, **change))
    assert done.returncode == 1 and done.stdout == "" and "bad_sealed" in done.stderr


def test_we_refuse_senders_whom_the_ca_does_not_vouch_for(world, tmp_path):
    ca, _, b = world
    for how, code in (({"days": -1}, "certificate_expired"),
                      ({"use": ExtendedKeyUsageOID.SERVER_AUTH}, "bad_certificate")):
        theirs = Authority()
        stranger = Host(tmp_path, "a", theirs, **how)
        sealed = nested((None, stranger, b))
        assert "bad_certificate" in tool("open", ca, sealing_path(b), given=sealed).stderr
        own = tmp_path / "theirs.pem"
        own.write_bytes(theirs.cert.public_bytes(serialization.Encoding.PEM))
        assert code in tool("open", str(own), sealing_path(b), given=sealed).stderr


def test_others_open_a_state_of_ours(world):
    _, a, b = world
    state = os.urandom(9000)
    sealed = jwe.JWE()
    sealed.deserialize(says(tool("state", *a.paths[:2], sealing_path(b), given=state.hex())),
                       key=b.jwk)
    signed, _, rest = sealed.payload.partition(b"\n")
    assert rest == state and sealed.jose_header["typ"] == "vtpm-state"
    _, payload = verified(signed.decode(), a)
    assert json.loads(payload) == {**CLAIMS, "kid": b.jwk.thumbprint(), "size": len(state),
                                   "sha256": b64url(hashlib.sha256(state).digest())}


def test_we_open_a_state_of_others(world):
    ca, a, b = world
    state = os.urandom(9000)
    claims = {**CLAIMS, "kid": b.jwk.thumbprint(), "size": len(state),
              "sha256": b64url(hashlib.sha256(state).digest())}
    plain = a.sign(claims, "vtpm-state").encode() + b"\n" + state
    opened = says(tool("unstate", ca, sealing_path(b), given=b.seal(plain, "vtpm-state", "vtpm-state")))
    assert bytes.fromhex(opened.splitlines()[1]) == state


def test_jwcrypto_verifies_what_we_ask(world):
    _, _, b = world
    header, payload = verified(says(tool("ask", *b.paths)), b)
    asked = json.loads(payload)
    assert header["typ"] == "vtpm-ask" and abs(asked.pop("issued_us") / 1e6 - time.time()) < 60
    assert asked == {**IDS, "purpose": "migrate-in", "nonce": "0123456789abcdef", "sealing": b64url(spki(b.sealing))}


def test_we_check_what_jwcrypto_asks(world):
    ca, _, b = world
    asked = {**IDS, "purpose": "cold-migrate", "nonce": "0123456789abcdef",
             "sealing": b64url(spki(b.sealing)),
             "issued_us": time.time_ns() // 1000}
    assert says(tool("check", ca, given=b.sign(asked, "vtpm-ask"))).split() == [
        IDS["instance"], IDS["secret"], IDS["attempt"], "cold-migrate", "0123456789abcdef", "b",
        b.hash,
        b.jwk.thumbprint()]
    old = {**asked, "issued_us": asked["issued_us"] - 3600 * 10**6}
    assert "bad_sealed" in tool("check", ca, given=b.sign(old, "vtpm-ask")).stderr
    assert "bad_sealed" in tool("check", ca, given=b.sign(asked, "vtpm-relay")).stderr
