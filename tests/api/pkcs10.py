# SPDX-License-Identifier: Apache-2.0
"""Certificate requests of hosts (RFC 2986), in DER by hand: the library at hand cannot write an
object identifier of this size."""
import base64
import uuid

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

SEALING_OID = "2.25.229148210263829373194728451098732155821"


def tlv(tag, body):
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def sequence(*parts):
    return tlv(0x30, b"".join(parts))


def octets(body):
    return tlv(0x04, body)


def oid(text):
    first, second, *rest = (int(n) for n in text.split("."))
    out = b""
    for n in [first * 40 + second, *rest]:
        digits = [n & 0x7F]
        while n := n >> 7:
            digits.insert(0, 0x80 | (n & 0x7F))
        out += bytes(digits)
    return tlv(0x06, out)


def spki(key):
    return key.public_key().public_bytes(serialization.Encoding.DER,
                                         serialization.PublicFormat.SubjectPublicKeyInfo)


def sign(key, data):
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def request(identity, sealing, name, token_id, prover=None, token_in_proof=None, extensions=None):
    """PEM. `prover` signs in the sealing key's place; `extensions` replaces the one that belongs."""
    token = uuid.UUID(token_in_proof or token_id).bytes
    proof = sequence(octets(spki(sealing)), octets(sign(prover or sealing, spki(identity) + token)))
    if extensions is None:
        extensions = [sequence(oid(SEALING_OID), octets(proof))]
    common_name = sequence(oid("2.5.4.3"), tlv(0x0C, name.encode()))
    attribute = sequence(oid("1.2.840.113549.1.9.14"), tlv(0x31, sequence(*extensions)))
    info = sequence(tlv(0x02, b"\0"), sequence(tlv(0x31, common_name)), spki(identity),
                    tlv(0xA0, attribute))
    algorithm = sequence(oid("1.2.840.10045.4.3.2"))
    der = sequence(info, algorithm, tlv(0x03, b"\0" + sign(identity, info)))
    text = base64.b64encode(der).decode()
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE REQUEST-----", *lines,
                      "-----END CERTIFICATE REQUEST-----", ""])


def key():
    return ec.generate_private_key(ec.SECP256R1())
