# SPDX-License-Identifier: Apache-2.0
"""Bad input, made from the OpenAPI document: every field of every body, every path."""
import http.client
import json
import ssl

import contract
import pytest
from bed import new_id, refused

CALLER = {"instance.create": "owner", "place": "operator", "instance.new-tpm": "owner",
          "permit.create": "owner", "release": "h1", "lease": "h1", "report": "h1",
          "host.renew": "h1", "host.enroll": "anybody", "host.token": "host_admin",
          "host.approve": "host_admin", "host.fence": "host_admin", "host.unfence": "host_admin",
          "host.revoke": "host_admin", "handover.prepare": "operator", "handover.offer": "h1",
          "handover.claim": "h1", "handover.say": "h1", "handover.abort": "operator",
          "handover.resolve": "operator", "ask": "h1", "ask.refuse": "h1", "grant.create": "owner",
          "host.drain": "host_admin", "host.undrain": "host_admin", "image.set": "operator", "deployment.set": "operator"}
JSON_OPERATIONS = [o for o in contract.OPERATIONS if o.body is not None]
IDS = [o.id for o in JSON_OPERATIONS]


def path_of(o, instance):
    return (o.path.replace("{uuid}", instance).replace("{permit}", new_id())
            .replace("{grant}", new_id()).replace("{name}", "h2").replace("{number}", "1"))


def sample(schema):
    """A value that the schema takes."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        return {k: sample(v) for k, v in schema["properties"].items()
                if k in schema.get("required", [])}
    if kind == "array":
        return [sample(schema["items"])] if schema.get("minItems") else []
    if kind == "integer":
        return schema.get("minimum", 1)
    if kind == "boolean":
        return False
    if "[0-9a-f]{8}" in schema.get("pattern", ""):
        return new_id()
    return "n" * max(schema.get("minLength", 1), 1)


@pytest.fixture(scope="module")
def instance(broker):
    i = broker.owner.create(security="deployment")
    broker.operator.place(i, "h1")
    return i


def send(broker, o, instance, data, **headers):
    who = getattr(broker, CALLER[o.id])
    headers = {"If-Match": '"0"', "Content-Type": "application/json",
               **{k.replace("_", "-"): v for k, v in headers.items()}}
    return who.call(o.method.upper(), path_of(o, instance), data=data, headers=headers)


def test_every_json_operation_has_a_caller():
    assert set(IDS) == set(CALLER)


@pytest.mark.parametrize("o", JSON_OPERATIONS, ids=IDS)
@pytest.mark.parametrize("data,code", [
    (b"", "bad_json"), (b"{", "bad_json"), (b"nonsense", "bad_json"), (b"{}{}", "bad_json"),
    (b"{} x", "bad_json"), (b"{\"a\":}", "bad_json"), (b"{'a':1}", "bad_json"),
    (b"{\"a\":1,}", "bad_json"), (b"{\"\xff\":1}", "bad_json"), (b"{\"a\":\"\xc0\xaf\"}", "bad_json"),
    (b"{\"a\":\"\\u0000\"}", "bad_json"), (b"{\"a\":\"\0\"}", "bad_json"),
    (b"{\"a\":\"\\ud800\"}", "bad_json"), (b"{\"a\":1,\"a\":1}", "bad_json"),
    (b"\xef\xbb\xbf{}", "bad_json"), (b"[" * 100 + b"]" * 100, "bad_json"),
    (b"[]", "bad_type"), (b"null", "bad_json"), (b"7", "bad_json"), (b"\"x\"", "bad_json"),
    (b"{\"zz_unknown\":1}", "unknown_field")],
    ids=["empty", "half", "no-json", "two", "trailing", "no-value", "quotes", "comma", "not-utf8",
         "overlong", "nul-escape", "nul", "surrogate", "twice", "bom", "deep", "list", "null",
         "number", "text", "unknown"])
def test_body_that_is_not_what_it_should_be(broker, instance, o, data, code):
    got = send(broker, o, instance, data).json()["code"]
    assert got == code or (code != "bad_json" and got == "missing_field")


def wrong_values(schema):
    """(value, code) that this field must refuse."""
    kind = schema.get("type", "string")
    if kind != "boolean":
        yield True, "bad_type"
    if kind != "string":
        yield "text", "bad_type"
    if kind != "integer":
        yield 7, "bad_type"
    if kind != "array":
        yield ["x"], "bad_type"
    yield {"x": 1}, "bad_type"
    if kind == "integer":
        yield 1.5, "bad_type"
        yield 1 << 80, "bad_value"
        if "minimum" in schema:
            yield schema["minimum"] - 1, "bad_value"
        if "maximum" in schema:
            yield schema["maximum"] + 1, "bad_value"
    if kind == "string" and "[0-9a-f]{8}" in schema.get("pattern", ""):
        for text in ("", "7", "{" + new_id() + "}", new_id() + "0", new_id().replace("-", "_")):
            yield text, "bad_uuid"
    elif kind == "string" and "enum" in schema:
        yield "no-such-word", "bad_value"
        yield "x" * 300, "bad_value"
    elif kind == "string":
        if schema.get("minLength"):
            yield "x" * (schema["minLength"] - 1), "bad_value"
        if "maxLength" in schema:
            yield "x" * (schema["maxLength"] + 1), "bad_value"
    if kind == "array":
        yield [7], "bad_type"
        if "maxItems" in schema:
            yield [f"x{n}" for n in range(schema["maxItems"] + 1)], "bad_value"
        if schema.get("minItems"):
            yield [], "bad_value"


def field_cases():
    for o in JSON_OPERATIONS:
        for field, schema in o.body["properties"].items():
            for n, (value, code) in enumerate(wrong_values(schema)):
                if (o.id, field) == ("report", "reports") and isinstance(value, list) and value \
                        and len(value) < 100:
                    code = "bad_type"
                yield pytest.param(o, field, value, code, id=f"{o.id}-{field}-{n}")


@pytest.mark.parametrize("o,field,value,code", field_cases())
def test_field_that_is_not_what_it_should_be(broker, instance, o, field, value, code):
    body = {**sample(o.body), field: value}
    got = send(broker, o, instance, json.dumps(body).encode()).json()
    if o.id == "report":
        assert got["code"] in (code, "bad_value", "bad_type", "missing_field"), got
    else:
        assert got["code"] == code, got
    assert got["field"] in (field, None) or field in ("reports",), got


@pytest.mark.parametrize("o", JSON_OPERATIONS, ids=IDS)
def test_field_that_is_missing(broker, instance, o):
    for field in o.body.get("required", []):
        body = sample(o.body)
        del body[field]
        refused(send(broker, o, instance, json.dumps(body).encode()), "missing_field")


@pytest.mark.parametrize("o", JSON_OPERATIONS, ids=IDS)
def test_body_of_another_kind_or_too_large(broker, instance, o):
    refused(send(broker, o, instance, b"{}", Content_Type="text/plain"), "bad_content_type")
    refused(send(broker, o, instance, b"{" + b" " * 70000 + b"}"), "too_large")


OF_INSTANCES = [o for o in contract.OPERATIONS if "{uuid}" in o.path]
BAD_UUIDS = ["7", "g" * 36, "00000000-0000-0000-0000-000000000000", new_id() + "0"]


@pytest.mark.parametrize("n,o", enumerate(OF_INSTANCES), ids=[o.id for o in OF_INSTANCES])
def test_path_with_a_bad_uuid(broker, n, o):
    """Nobody has proved who he is by then, so each costs some of the address's credit."""
    for bad in BAD_UUIDS if n == 0 else [BAD_UUIDS[n % len(BAD_UUIDS)]]:
        path = (o.path.replace("{uuid}", bad).replace("{permit}", new_id())
                .replace("{grant}", new_id()).replace("{number}", "1"))
        refused(broker.owner.call(o.method.upper(), path), "bad_uuid")


@pytest.mark.parametrize("path,method,code", [
    ("/", "GET", "bad_path"), ("/v2", "GET", "unknown_path"), ("/v1/", "GET", None),
    ("/v1/nothing", "GET", "unknown_path"), ("/v1/hosts/h1/dance", "POST", "unknown_path"),
    ("/v1", "POST", "wrong_method"), ("/v1", "DELETE", "wrong_method"),
    ("/v1/instances", "PUT", "wrong_method"), ("/v1/audit", "DELETE", "wrong_method"),
    ("/v1/whoami", "BREW", "wrong_method"),
    ("/v1/hosts/../audit", "GET", "bad_path"), ("/v1/hosts/%2e%2e/audit", "GET", "bad_path"),
    ("/v1//hosts", "GET", "bad_path"), ("/v1/hosts/a%2fb", "GET", "bad_path"),
    ("/v1/hosts/a%00b", "GET", "bad_path"), ("/v1/hosts/%", "GET", "bad_path"),
    ("/v1/hosts/%zz", "GET", "bad_path"), ("/v1/hosts/%ff", "GET", "bad_path"),
    ("/v1/hosts/%c0%af", "GET", "bad_path"), ("/v1/hosts/h1/", "GET", None),
    ("/v1/hosts/" + "x" * 2000, "GET", "bad_path"), ("//v1", "GET", "bad_path"),
    ("/V1", "GET", "unknown_path"), ("/v1;x=1", "GET", "unknown_path")])
def test_paths(broker, path, method, code):
    """Sent as they stand: other clients tidy a path up first."""
    context = ssl.create_default_context(cafile=str(broker.state / "ca.pem"))
    c = http.client.HTTPSConnection("localhost", broker.port, context=context, timeout=10)
    c.putrequest(method, path, skip_host=False)
    c.putheader("Authorization", f"Bearer {broker.host_admin.token}")
    c.putheader("Content-Length", "0")
    c.endheaders()
    r = c.getresponse()
    said = json.loads(r.read())
    c.close()
    assert said["code"] == (code or said["code"]) and r.status in (400, 404, 405), said


@pytest.mark.parametrize("query,field", [
    ("limit=0", "limit"), ("limit=501", "limit"), ("limit=x", "limit"), ("limit=-1", "limit"),
    ("limit=1.5", "limit"), ("limit=", "limit"), ("=x", "query"), ("a=%00", "query"), ("a=%ff", "query"), ("&&", "query")])
def test_queries(broker, query, field):
    refused(broker.auditor.get("/v1/instances?" + query), "bad_value", field)


@pytest.mark.parametrize("header", ["X-Forwarded-Client-Cert", "X-Client-Cert",
                                    "X-SSL-Client-Cert", "Ssl-Client-Cert", "Forwarded"])
def test_forwarded_identities_are_refused(broker, header):
    r = broker.owner.get("/v1/whoami", headers={header: "x"})
    assert refused(r, "bad_value")["field"].lower() == header.lower()
