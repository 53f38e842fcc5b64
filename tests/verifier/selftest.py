#!/usr/bin/env python3
"""verify.py and mutations.py against a small federation built here from the formats, without the program.

1. An honest federation, served over HTTP by two portals, is accepted; every mutation of it is refused.
2. Federations whose root signs anything are refused: what only the root could forge is not caught by digests.
"""
import base64, contextlib, http.server, io, json, pathlib, re, sys, threading, urllib.parse
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

sys.dont_write_bytecode = True
import formats, mutations, verify
from verify import sha, tree


class Key:
    def __init__(self, seed):
        self.private = Ed25519PrivateKey.from_private_bytes(sha(seed.encode()))
        self.public = self.private.public_key().public_bytes_raw()
        self.name = f"gongshi/node/{sha(self.public).hex()}"

    def sign(self, message):
        return self.private.sign(message)

    def line(self, name, kind, signature):
        return f"\u2014 {name} {base64.b64encode(verify.key_hash(name, kind, self.public) + signature).decode()}\n"

    def vkey(self, name, kind):
        data = base64.b64encode(bytes([kind]) + self.public).decode()
        return f"{name}+{verify.key_hash(name, kind, self.public).hex()}+{data}"


class Identity(Key):
    """A key of small order: everybody can sign everything with it, and OpenSSL agrees."""
    def __init__(self):
        self.public, self.name = b"\x01" + bytes(31), ""

    def sign(self, message):
        return self.public + bytes(32)


def text(value):
    return len(value.encode()).to_bytes(2, "big") + value.encode()


def uint(value, size):
    return value.to_bytes(size, "big")


class Federation:
    """defect: the name of what is wrong with it; the root signs it all the same."""
    def __init__(self, defect="", fill=300):
        self.defect = defect
        self.anchor, self.root, self.city, self.town = (Key(n) for n in ("anchor", "root", "city", "town"))
        self.id = sha(self.anchor.public)
        self.origin = f"gongshi/root/{self.id.hex()}"
        self.leaves, self.own, self.files, self.packages, self.now = [], {}, {}, [], 1_700_000_000_000
        first = self.city if defect == "entry 0 not by the anchor" else self.anchor
        self.delegate(first, self.root, 1, "330000")
        self.delegate(self.root, self.city, 2, "330200")
        self.delegate(self.city, self.town, 4, "330282108")
        for year in range(fill):
            self.state(self.root, 8, uint(year, 2) + uint(0, 8))
        if defect == "a key of small order":
            self.state(Identity(), 8, uint(1, 2) + uint(0, 8))
        one = self.report(32, "附海镇人民政府", 2024, 1, "released", "1.19", "11900")
        if defect == "sequenced earlier":
            self.now -= 10_000
        old = self.report(32, "附海镇人民政府", 2023, 1, "superseded", "7", "70000")
        self.report(35, "附海镇人民政府", 2023, 2, "released", "8", "80000", previous=old)
        self.report(32, "附海镇综合行政执法队", 2024, 1, "withdrawn", "3", "30000")
        self.report(33, "附海镇消防队", 2024, 1, "released", None, None)
        self.report(32, "附海镇水务站", 2022, 1, "released", "1,753.790", "17537900", code="11330282MB0X",
                    agency=Key("agency"))
        self.report(32, "附海镇档案馆", 2022, 1, "released", "x" * 140000, None)
        self.figure = one

    def state(self, key, kind, fields, agency=None, own=None):
        key_in_card = self.anchor.public if self.defect == "card of another key" and kind == 32 else key.public
        card = b"\x01" + sha(b"salt", uint(len(self.leaves), 4)) + bytes([kind]) + key_in_card + fields
        card += b"\x01" + agency.public + agency.sign(b"gongshi/agency/v1\n" + self.id + card) if agency else b"\x00"
        if self.defect == "bytes after a card" and kind == 32:
            card += b"\x00"
        index = self.own.get(key.public, 0)
        self.own[key.public] = index + (0 if self.defect == "own-log index twice" and kind == 32 else 1)
        federation = sha(b"x") if self.defect == "statement of another federation" and kind == 32 else self.id
        coarse = 1 if kind < 32 or self.defect == "coarse kind" else 2
        statement = bytes([1, 1, coarse]) + federation + key.public + uint(index, 8) + sha(card)
        statement += key.sign(b"gongshi/statement/v1\n" + statement)
        if self.defect == "signature with S + L" and kind == 32:
            s = int.from_bytes(statement[139:], "little") + verify.L
            statement = statement[:139] + s.to_bytes(32, "little")
        self.now += 1000
        late = self.defect == "received after sequenced" and kind == 32
        early = 0 if key in (self.root, self.anchor) else 500
        self.leaves.append(uint(self.now, 8) + uint(self.now + (1 if late else -early), 8) + statement)
        digest = sha(statement).hex()
        self.files[f"/api/v1/packages/{digest}/card"] = card
        return digest

    def delegate(self, issuer, key, level, division):
        transport = Key(division)
        message = b"gongshi/possession/v1\n" + self.id + issuer.public + key.public + transport.public + division.encode()
        proof = transport.sign(message + (b"!" if self.defect == "proof of possession" else b""))
        self.state(issuer, 1, key.public + transport.public + key.sign(message) + proof + bytes([level]) +
                   text(division) + text("某某司法局") + uint(1, 2) + text("127.0.0.1:7000") +
                   b"\x03" + uint(1, 2) + text("330282") + uint(2**40 - 1, 8) + uint(0, 8) + uint(2**62, 8) + b"\x00")

    def report(self, kind, name, year, revision, state, printed, value, previous="", code="", agency=None):
        bodies, tables, body = b"\x00", [], None
        if printed:
            cell = {"printed": printed, "value": value, "unit": "次", "state": "value"}
            if value is None:
                cell = {"printed": printed, "state": "text"}
            if self.defect == "value does not follow" and value:
                cell["value"] = "1" + value
            tables = [{"id": "t1", "name": "行政检查\"实施\"情况", "unit": "万次",
                       "columns": [{"id": "c1", "header": "检查次数", "unit": "次"}], "rows": [[cell]]}]
            content = json.dumps({"format": "gongshi.package/1", "tables": tables, "narrative": "合成示例\n" + name},
                                 ensure_ascii=False, separators=(",", ": " if self.defect == "byte form" else ":")).encode()
            salt = sha(b"body salt", name.encode(), uint(year, 2))
            body = salt + content
            chunks = [content[i:i + 65536] for i in range(0, len(content), 65536)]
            bodies = b"\x01\x01" + tree([sha(b"\x00", salt, c) for c in chunks]) + uint(len(content), 8)
        fields = text("330282108") + text(name) + text(code) + uint(year, 2) + uint(revision, 4) + \
            (bytes.fromhex(previous) if previous else bytes(32)) + b"\x01\x01\x00" + text("") + b"\x00" + bodies
        if self.defect == "not NFC":
            fields = text("e\u0301") + fields[11:]
        if self.defect == "agency's signature" and agency:
            agency.sign = lambda message: self.town.sign(message)
        digest = self.state(self.town, kind, fields, agency)
        p = {"digest": digest, "index": len(self.leaves) - 1,
             "agency": {"id": code or f"330282108:{name}", "name": name, **({"code": code} if code else {})},
             "division": {"code": "330282108", "name": "附海镇"}, "year": year, "revision": revision, "state": state,
             "status": "final", "template": None}
        if self.defect == "agency of another name":
            p["agency"]["name"] = p["agency"]["name"] + "!"
        if self.defect == "agency of another id":
            p["agency"]["id"] = "330282108:别人"
        self.packages.append(p)
        at = f"/api/v1/packages/{digest}"
        if state == "withdrawn":
            del self.files[at + "/card"]
        else:
            self.files[at + "/statement"] = self.leaves[-1]
            if body:
                self.files[at + "/body"] = body
            narrative = "合成示例\n" + name if printed else None
            self.files[at] = json.dumps({**p, "tables": tables, "narrative": narrative}).encode()
        return digest

    def checkpoint(self, node, hashes):
        body = f"{self.origin}\n{len(hashes)}\n{base64.b64encode(tree(hashes)).decode()}\n"
        note = body + "\n" + self.root.line(self.origin, 1, self.root.sign(body.encode()))
        for key, at in ((self.root, 1_700_000_900), (Key("a stranger"), 3), (node, 1_700_000_901)):
            name = key.name
            if self.defect == "cosignature by the wrong key":
                key = Key("somebody") if key is node else key
                key.public = node.public if key.name != self.root.name else key.public
            message = f"cosignature/v1\ntime {at}\n{body}".encode()
            note += key.line(name, 4, uint(at, 8) + key.sign(message))
        return note.encode()

    def path(self, index, start, end):
        """RFC 6962 2.1.1, recursively, as it is written there."""
        if end - start == 1:
            return []
        k = 1 << (end - start - 1).bit_length() - 1
        if index < start + k:
            return self.path(index, start, start + k) + [tree(self.hashes[start + k:end])]
        return self.path(index, start + k, end) + [tree(self.hashes[start:start + k])]

    def portal(self, node):
        """Every answer of one node's portal: {path: bytes}."""
        files, n = dict(self.files), len(self.leaves)
        self.hashes = hashes = [sha(b"\x00", leaf) for leaf in self.leaves]
        for path, start, width in verify.tile_paths("entries", n):
            files[path] = b"".join(uint(len(leaf), 2) + leaf for leaf in self.leaves[start:start + width])
        level = hashes
        for i in range(2):
            for path, start, width in verify.tile_paths(i, len(level)):
                files[path] = b"".join(level[start:start + width])
            level = [tree(level[j:j + 256]) for j in range(0, len(level) // 256 * 256, 256)]
        files["/checkpoint"] = self.checkpoint(node, hashes)
        small = max((p["index"] for p in self.packages), default=0) + 1
        for p in self.packages:
            if p["state"] != "withdrawn":
                proof = "".join(base64.b64encode(h).decode() + "\n" for h in self.path(p["index"], 0, small))
                files[f"/api/v1/packages/{p['digest']}/proof"] = \
                    f"c2sp.org/tlog-proof@v1\nindex {p['index']}\n{proof}\n".encode() + self.checkpoint(node, hashes[:small])
        root = base64.b64encode(tree(hashes)).decode()
        files["/.well-known/gongshi.json"] = json.dumps({
            "federation": self.id.hex(), "anchor_key": self.anchor.public.hex(), "code": "1",
            "root_log": {"origin": self.origin, "vkey": self.root.vkey(self.origin, 1)},
            "cosigner": {"name": node.name, "vkey": node.vkey(node.name, 4)}}).encode()
        view = verify.view_root(self.packages[1:] if self.defect == "view root" else self.packages)
        files["/api/v1/node"] = json.dumps({"federation": self.id.hex(), "root_log": {"size": n, "root_hash": root},
                                            "view_root": base64.b64encode(view).decode()}).encode()
        return files

    def answer(self, files, path):
        url = urllib.parse.urlsplit(path)
        if url.path != "/api/v1/packages":
            return files.get(url.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        fit = [p for p in self.packages if p["state"] == query.get("state", "released")]
        start, limit = int(query.get("after", "0")), int(query["limit"])
        more = {"next": str(start + limit)} if len(fit) > start + limit else {}
        return json.dumps({"packages": fit[start:start + limit], **more}).encode()


def serve(federation, node):
    files = federation.portal(node)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            data = federation.answer(files, self.path)
            self.send_response(404 if data is None else 200)
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *_):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}"


def verify_in_memory(portals, *options):
    """verify.main over {url: (federation, files)} without sockets: (exit code, what it said)."""
    def fetch(url):
        base = url[:url.index("/", 7)]
        federation, files = portals[base]
        data = federation.answer(files, url[len(base):])
        if data is None:
            error = verify.Refused(f"{url}: HTTP 404")
            error.status = 404
            raise error
        return data
    real, verify.fetch, out = verify.fetch, fetch, io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            code = verify.main([*options, *portals])
    finally:
        verify.fetch = real
    return code, out.getvalue().strip()


DEFECTS = {
    "sequenced earlier": "sequenced before",
    "received after sequenced": "received after it was sequenced",
    "signature with S + L": "S of the signature not canonical",
    "a key of small order": "key of small order",
    "statement of another federation": "of another federation",
    "entry 0 not by the anchor": "not signed by the anchor",
    "own-log index twice": "own-log index",
    "coarse kind": "is not a report|kind is not the statement's",
    "card of another key": "signing key is not the statement's",
    "bytes after a card": "bytes after its end",
    "not NFC": "not NFC",
    "proof of possession": "proof of possession",
    "agency's signature": "agency's signature",
    "byte form": "one byte form",
    "value does not follow": "does not follow from printed",
    "agency of another name": "name is not the card's",
    "agency of another id": "agency id",
    "view root": "view root",
    "cosignature by the wrong key": "cosignature of",
}


def refuses(function, *arguments):
    try:
        function(*arguments)
    except verify.Refused as error:
        return "small order" in str(error) or "key not canonical" in str(error)


def main():
    failed = []

    def check(good, what):
        print(("pass" if good else "FAIL") + f": {what}")
        failed.extend([] if good else [what])
    for n, want in ((0, "000"), (256 * 999, "999"), (256 * 1234067, "x001/x234/067")):
        check(list(verify.tile_paths("entries", n + 5))[-1][0] == f"/tile/entries/{want}.p/5", f"tile path {want}")
    example = '{"format":"gongshi.package/1","tables":[{"id":"t1","name":"行政检查","unit":"万次",' \
        '"columns":[{"id":"c1","header":"检查","unit":"次"}],"rows":[[{"printed":"1.19","value":"11900","unit":"次","state":"value"}]]}]}'
    digest = bytes.fromhex("2e1c18da96591b3e5a5dc558cae47735fc9234bca8a2a1f889ba7e65f9713f76")
    content = verify.check_body(bytes(range(32)) + example.encode(), (1, digest, 221), "the example of FORMAT.md")
    check(verify.parse_content(content, "example")["tables"], "the example of package/FORMAT.md")

    golden = pathlib.Path(__file__).parent.parent / "golden" / "log" / "rfc6962-tree.txt"
    vectors = [line.split(" ") for line in golden.read_text().splitlines()]
    hashes = [sha(b"\x00", bytes.fromhex(v[1].strip("-"))) for v in vectors if v[0] == "leaf"]
    roots = {int(v[1]): bytes.fromhex(v[2]) for v in vectors if v[0] == "root"}
    paths = [(int(v[1]), int(v[2]), [bytes.fromhex(h) for h in v[3:]]) for v in vectors if v[0] == "inclusion"]
    check(len(roots) == 9 and all(tree(hashes[:n]) == root for n, root in roots.items()), "published roots of RFC 6962")
    check(paths and all(verify.path_root(i, n, hashes[i], path) == roots[n] for i, n, path in paths), "published proofs")
    y = [0, 1, formats.P - 1, formats.ORDER8, formats.P - formats.ORDER8]
    for key in [n + sign for n in [*y, formats.P, formats.P + 1, 2**255 - 1] for sign in (0, 2**255)]:
        key = key.to_bytes(32, "little")
        check(refuses(formats.ed25519, key, b"", key + bytes(32), "key"), f"key {key.hex()}")

    honest = Federation()
    servers, urls = zip(*(serve(honest, node) for node in (honest.root, honest.town)))
    figure = "附海镇人民政府:2024:行政检查:检查次数="
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = verify.main([*urls, "--anchor", honest.anchor.public.hex(), "--figure", figure + "1.19"])
    said = out.getvalue()
    check(code == 0 and said.count("ok http") == 2 and "= 1.19 (11900 次)" in said, "honest portals over HTTP")
    for why, arguments in {"a figure that is not there": [urls[0], "--figure", figure + "1.2"],
                           "another anchor": [urls[0], "--anchor", "00" * 32], "nobody there": ["http://127.0.0.1:1"],
                           "not a portal": [urls[0] + "/nothing"]}.items():
        with contextlib.redirect_stdout(io.StringIO()) as out:
            code = verify.main(arguments)
        check(code == 1 and out.getvalue().startswith("FAILED: "), f"{why}: {out.getvalue().strip()}")
    check(mutations.main(list(urls)) == 0, "mutations of an honest portal")

    honest = Federation(fill=3)
    for defect, reason in DEFECTS.items():
        forged = Federation(defect, fill=3)
        code, said = verify_in_memory({"http://one": (forged, forged.portal(forged.town))})
        check(code == 1 and re.search(reason, said), f"{defect}: {said}")
    fork = Federation(fill=3)
    fork.report(32, "附海镇某站", 2021, 1, "released", "5", "50000")
    honest.report(32, "附海镇某站", 2021, 1, "released", "6", "60000")
    both = {"http://one": (honest, honest.portal(honest.root)), "http://two": (fork, fork.portal(fork.city))}
    code, said = verify_in_memory(both)
    check(code == 1 and "root differs" in said, f"a split view: {said}")
    hidden = honest.portal(honest.town)
    for leaf in honest.leaves[:3]:
        hidden.pop(f"/api/v1/packages/{sha(leaf[16:]).hex()}/card", None)
    code, said = verify_in_memory({"http://one": (honest, hidden)}, "--json")
    check(code == 0 and "Delegate's card is not served" in said, "without governance cards: accepted, with a note")
    for server in servers:
        server.shutdown()
    print(f"FAILED: {len(failed)}: {failed}" if failed else "selftest passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
