# SPDX-License-Identifier: Apache-2.0
"""schema/openapi.yaml as a judge: every reply that a test sees is held against it."""
import copy
import re
from pathlib import Path
from urllib.parse import urlsplit

import jsonschema
import yaml

TOP = Path(__file__).resolve().parents[2]
METHODS = ("get", "put", "post", "delete")
DOCUMENT = yaml.safe_load((TOP / "schema/openapi.yaml").read_text(encoding="utf-8"))


def resolve(node):
    """Follows $ref; keys beside it (a description) stay."""
    while isinstance(node, dict) and "$ref" in node:
        found = DOCUMENT
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = {**found, **{k: v for k, v in node.items() if k != "$ref"}}
    return node


def expand(node, strict):
    """The schema without references; strict: an object has no fields but those it names."""
    node = resolve(node)
    if isinstance(node, list):
        return [expand(n, strict) for n in node]
    if not isinstance(node, dict):
        return node
    node = {k: expand(v, strict) for k, v in node.items()}
    if strict and "properties" in node and isinstance(node.get("required"), list):
        node.setdefault("additionalProperties", False)
    return node


class Operation:
    def __init__(self, path, method, node, shared):
        self.path, self.method, self.node = path, method, node
        self.id = node["operationId"]
        self.pattern = re.compile(re.sub(r"\{[^}]*\}", "[^/]+", path) + "$")
        self.parameters = [resolve(p) for p in shared + node.get("parameters", [])]
        body = resolve(node.get("requestBody", {}))
        self.body = expand(body.get("content", {}).get("application/json", {}).get("schema"), False)
        self.errors = set(node.get("x-errors", [])) | set(DOCUMENT["x-common-errors"])
        if self.body is not None:
            self.errors |= set(DOCUMENT["x-body-errors"])
        self.replies = {status: resolve(r) for status, r in node["responses"].items()}

    def __repr__(self):
        return f"{self.method.upper()} {self.path}"

    def judge(self, status, content_type, body):
        """Raises when the document does not say that this may be answered."""
        reply = self.replies.get(str(status))
        if reply is None and status >= 400:
            reply = self.replies["default"]
        assert reply is not None, f"{self}: {status} is not in the document"
        if "content" not in reply:
            assert body is None, f"{self}: {status} has no body in the document"
            return
        kind = content_type.split(";")[0]
        assert kind in reply["content"], f"{self}: {status} came as {kind}"
        if kind == "application/octet-stream":
            return
        schema = expand(copy.deepcopy(reply["content"][kind]["schema"]), True)
        jsonschema.Draft202012Validator(schema).validate(body)
        if status >= 400:
            assert body["code"] in self.errors, f"{self}: {body['code']} is not in the document"


def operations():
    found = []
    for path, item in DOCUMENT["paths"].items():
        found += [Operation(path, m, item[m], item.get("parameters", []))
                  for m in METHODS if m in item]
    return found


OPERATIONS = operations()
SUCCEEDED = set()  # ids of operations that answered well in this run


def operation(method, url):
    """The operation for this request, or None: a literal path before one with a parameter."""
    path = urlsplit(url).path
    fits = [o for o in OPERATIONS if o.method == method.lower() and o.pattern.match(path)]
    return min(fits, key=lambda o: o.path.count("{"), default=None)


def judge(response):
    """Holds a reply of the requests library against the document."""
    found = operation(response.request.method, response.url)
    if found is None:
        assert response.status_code in (400, 404, 405), f"{response.url} is not in the document"
        return
    body = None
    kind = response.headers.get("Content-Type", "")
    if response.content and "json" in kind:
        body = response.json()
    elif response.content:
        body = response.content
    found.judge(response.status_code, kind, body)
    if response.ok:
        SUCCEEDED.add(found.id)
    assert response.headers["Cache-Control"] == "no-store"
    assert re.fullmatch(r"[0-9a-f-]{36}", response.headers["X-Request-Id"])
