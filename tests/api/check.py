#!/usr/bin/env python3
"""Holds the local API against its own OpenAPI document, with a client that is not Atlas's own.

A node is made and stocked in an empty directory and runs as a process of its own. schemathesis
(PyPI) then asks every route for what the document allows and for what it forbids, and judges
status, headers, media type and body of each answer. The live route never ends: schemathesis reads
its first event, and the rest is followed here, event by event, each held against its schema.

    tests/api/check.py [--atlas BINARY] [--seconds N] [--seed N]

Exit status: 0 everything agrees, 1 something does not, 77 schemathesis is not installed.
"""

import argparse
import http.client
import importlib.util
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

# What is asked of every answer.
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
]
SKIPPED = 77


class Node:
    """A stocked node, as a process."""

    def __init__(self, binary, directory):
        self.binary, self.directory = binary, directory
        self.run("id", "new", "ada")
        self.run("space", "create", "garden", "--as", "ada", "--type", "atlas.post=post",
                 "--type", "atlas.package=package", "--type", "atlas.task=task")
        for text in ("first light", "second thoughts", "third time"):
            self.run("put", "atlas.post", "--as", "ada", "--body", json.dumps({"text": text}))
        for name, needs in (("vlc", "libc6"), ("libc6", None)):
            body = {"name": name, "version": "1.0", "section": "libs"}
            if needs:
                body["depends"] = needs
            self.run("put", "atlas.package", "--as", "ada", "--body", json.dumps(body), may_fail=True)
        self.run("put", "atlas.task", "--as", "ada", "--key", "weed", "--body", '{"title":"Weed the beds"}')
        self.run("id", "new", "--app", "reader")
        self.process = subprocess.Popen(
            [binary, "--dir", directory, "up", "--api", "127.0.0.1:0", "--json"],
            stdout=subprocess.PIPE, text=True)
        self.url = json.loads(self.process.stdout.readline())["api"]
        self.token = pathlib.Path(directory, "api.token").read_text().strip()

    def run(self, *args, may_fail=False):
        done = subprocess.run([self.binary, "--dir", self.directory, *args, "--json"],
                              capture_output=True, text=True)
        if done.returncode and not may_fail:
            sys.exit(f"atlas {' '.join(args)} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def connect(self):
        return http.client.HTTPConnection(urllib.parse.urlsplit(self.url).netloc, timeout=60)

    def headers(self, **more):
        return {"Authorization": f"Bearer {self.token}", **more}

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


def schemathesis(node, seconds, seed):
    """Every route, with good requests and bad ones; of a stream that never ends, its first event."""
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"),
        "run", f"{node.url}/openapi.json", "--header", f"Authorization: Bearer {node.token}",
        "--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing",
        "--max-examples", "40", "--max-time", str(seconds), "--seed", str(seed),
        "--continue-on-failure", "--request-timeout", "60", "--generation-database", "none",
        "--no-color", "--warnings", "off",
    ]
    done = subprocess.run(command, cwd=node.directory)
    return done.returncode == 0


class Events:
    """Server-sent events of one answer, as (event, id, data)."""

    def __init__(self, node, path, **headers):
        self.connection = node.connect()
        self.connection.request("GET", path, headers=node.headers(**headers))
        self.answer = self.connection.getresponse()

    def next(self):
        fields = {}
        while True:
            line = self.answer.readline().decode()
            if not line:
                raise EOFError("the stream ended")
            name, _, value = line.rstrip("\n").partition(":")
            if line == "\n" and fields:
                return fields.get("event"), fields.get("id"), json.loads(fields["data"])
            if name:
                fields[name] = value.lstrip(" ")


def live(node):
    """The live route: bad questions are problems, good ones stream what the document says."""
    import jsonschema_rs

    connection = node.connect()
    connection.request("GET", "/openapi.json")
    document = json.loads(connection.getresponse().read())
    documented = document["paths"]["/v1/live"]["get"]["responses"]

    def conforms(name, value):
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        jsonschema_rs.validator_for(schema).validate(value)

    wrong = [
        ("?since=soon", {}, 400), ("?nonsense=1", {}, 400), ("?space=nowhere", {}, 404),
        ("?type=not%20a%20type", {}, 400), ("?link=", {}, 400), ("?index=name=x", {}, 400),
        ("", {"Last-Event-ID": "x"}, 400), ("", {"Authorization": "Bearer wrong"}, 401),
    ]
    for query, headers, status in wrong:
        connection = node.connect()
        connection.request("GET", f"/v1/live{query}", headers={**node.headers(), **headers})
        answer = connection.getresponse()
        problem = json.loads(answer.read())
        assert answer.status == status, f"/v1/live{query}: {answer.status}, expected {status}: {problem}"
        assert str(status) in documented, f"/v1/live: {status} is not documented"
        assert answer.getheader("content-type") == "application/problem+json", answer.getheader("content-type")
        conforms("Problem", problem)

    events = Events(node, "/v1/live?type=atlas.post")
    assert events.answer.status == 200
    assert events.answer.getheader("content-type").startswith("text/event-stream")
    event, seen, data = events.next()
    assert event == "ready", event
    conforms("WatermarkView", data)
    written = json.loads(node.run("put", "atlas.post", "--as", "ada", "--body", '{"text":"live"}'))
    event, last, data = events.next()
    assert (event, data["id"]) == ("record", written["id"]), (event, data)
    conforms("RecordView", data)
    node.run("rm", written["id"])
    event, _, data = events.next()
    assert (event, data["id"]) == ("gone", written["id"]), (event, data)
    conforms("GoneView", data)
    # Whoever comes back gets what was missed, from the event that was seen last.
    kept = json.loads(node.run("put", "atlas.post", "--as", "ada", "--body", '{"text":"missed"}'))
    event, _, data = Events(node, "/v1/live?type=atlas.post", **{"Last-Event-ID": last}).next()
    assert (event, data["id"]) == ("record", kept["id"]), (event, data)
    print("live route: as documented")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--atlas", default=str(ROOT / "target" / "debug" / "atlas"))
    parser.add_argument("--seconds", type=int, default=200, help="for schemathesis")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if importlib.util.find_spec("schemathesis") is None:
        print("SKIPPED: schemathesis is not installed (pip install -r tests/api/requirements.txt)", file=sys.stderr)
        return SKIPPED
    directory = tempfile.mkdtemp(prefix="atlas-api-")
    node = Node(str(pathlib.Path(given.atlas).resolve()), directory)
    try:
        live(node)
        agrees = schemathesis(node, given.seconds, given.seed)
        if node.process.poll() is not None:
            print(f"the node ended with {node.process.returncode}", file=sys.stderr)
            agrees = False
    finally:
        if node.process.poll() is None:
            node.stop()
    report = json.loads(node.run("doctor"))
    if not report["healthy"]:
        print(f"the store is not whole: {report}", file=sys.stderr)
        agrees = False
    shutil.rmtree(directory, ignore_errors=True)
    return 0 if agrees else 1


if __name__ == "__main__":
    sys.exit(main())
