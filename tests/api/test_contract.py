# SPDX-License-Identifier: Apache-2.0
"""schema/openapi.yaml against the tree: routes, fields, errors."""
import re
from pathlib import Path

import contract
import jsonschema
import pytest

TOP = Path(__file__).resolve().parents[2]
ROUTE = re.compile(r'\{\s*METHOD_(\w+),\s*"([^"]+)",\s*(\w+),\s*([A-Z_ |]+),\s*BODY_(\w+),\s*(\w+),'
                   r'\s*"([^"]+)",\s*\.says = "([^"]+)"')


def table():
    """The broker's site map, as its source has it."""
    return ROUTE.findall((TOP / "broker/api/routes.c").read_text(encoding="utf-8"))


def plain(path):
    return re.sub(r"\{[^}]*\}", "{}", path)


def test_every_route_is_in_the_document_and_no_other():
    served = {(m.lower(), plain(p)) for m, p, *_ in table()}
    assert len(served) == len(table()) > 30
    assert served == {(o.method, plain(o.path)) for o in contract.OPERATIONS}


def test_routes_and_document_use_the_same_words():
    said = {(o.method, plain(o.path)): (o.id, o.node["summary"]) for o in contract.OPERATIONS}
    for method, path, _, _, _, _, verb, says in table():
        assert said[method.lower(), plain(path)][0] == verb
        assert said[method.lower(), plain(path)][1].lower() == says.lower()


def test_document_and_routes_agree_on_bodies_and_identities():
    ops = {(o.method, plain(o.path)): o for o in contract.OPERATIONS}
    for method, path, _, may, body, _, _, _ in table():
        o = ops[method.lower(), plain(path)]
        kinds = contract.resolve(o.node.get("requestBody", {})).get("content", {})
        assert {"NONE": set(), "JSON": {"application/json"},
                "BYTES": {"application/octet-stream"}}[body] == set(kinds), path
        security = o.node.get("security", contract.DOCUMENT["security"])
        schemes = {name for s in security for name in s}
        if "TRY_ANYONE" in may:
            assert schemes == set(), path
        hosts = re.search(r"TRY_HOST\b|TRY_HOST_ANY|SELF", may) is not None
        assert ("certificate" in schemes) == hosts, path


def test_every_error_in_the_document_exists():
    text = (TOP / "common/errors.h").read_text(encoding="utf-8")
    known = set(re.findall(r'X\(\w+, "(\w+)",', text))
    for o in contract.OPERATIONS:
        assert o.errors <= known, o.errors - known


def test_every_schema_is_one():
    for name in contract.DOCUMENT["components"]["schemas"]:
        schema = contract.expand(contract.DOCUMENT["components"]["schemas"][name], True)
        jsonschema.Draft202012Validator.check_schema(schema)


def field_tables():
    """name -> the fields of each JSON body, from the handlers' tables."""
    found = {}
    for source in (TOP / "broker/api/v1").glob("*.c"):
        for name, body in re.findall(r"struct json_field (\w+)_fields\[\] = \{(.*?)\n\};",
                                     source.read_text(encoding="utf-8"), re.S):
            rows = re.findall(r"\.name = \"(\w+)\",(.*?)\}", body, re.S)
            found[name] = {field: ".required = true" in rest for field, rest in rows}
    return found


BODIES = [("create", "instance.create"), ("place", "place"), ("permit", "permit.create"),
          ("grant", "grant.create"), ("release", "release"), ("lease", "lease"), ("enroll", "host.enroll"),
          ("token", "host.token"), ("approve", "host.approve"), ("renew", "host.renew"),
          ("prepare", "handover.prepare"), ("offer", "handover.offer"), ("claim", "handover.claim"),
          ("say", "handover.say"), ("resolve", "handover.resolve"), ("ask", "ask"),
          ("refusal", "ask.refuse"), ("setting", "image.set"), ("setting", "deployment.set")]


@pytest.mark.parametrize("name,verb", BODIES)
def test_fields_of_bodies_are_those_of_the_document(name, verb):
    schema = next(o for o in contract.OPERATIONS if o.id == verb).body
    fields = field_tables()[name]
    assert set(fields) == set(schema["properties"])
    assert {f for f, required in fields.items() if required} == set(schema.get("required", []))
