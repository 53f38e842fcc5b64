#!/usr/bin/env python3
"""Lies, told to verify.py one at a time about a real portal; each must be refused, and for its own reason.

`mutations.py URL [URL ...]`: reads the portals once, then verifies them again through a fetch that alters the answers
of the first one. A mutation that is accepted, refused for a reason that is not its own, or that altered nothing, fails.
"""
import base64, contextlib, hashlib, io, json, re, struct, sys
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

sys.dont_write_bytecode = True
import verify

PACKAGE = r"/api/v1/packages/[0-9a-f]{64}"


def flip(data, at, mask=1):
    return data[:at] + bytes([data[at] ^ mask]) + data[at + 1:]


def entries(change):
    """A mutation of the first entry bundle that has what it needs: change works on the list of leaves, in place."""
    def mutate(data):
        r, leaves = verify.Reader(data, "bundle"), []
        while r.at < len(data):
            leaves.append(r.take(r.uint(2)))
        change(leaves)
        return b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)
    return mutate


def swap(leaves):
    leaves[-2:] = leaves[:-3:-1]


def edit_last(change):
    def mutate(leaves):
        leaves[-1] = change(leaves[-1])
    return entries(mutate)


def add_order(leaf):
    """The same signature with S + L: verifiers that skip RFC 8032 5.1.7 take both."""
    s = int.from_bytes(leaf[155:], "little") + verify.L
    return leaf[:155] + s.to_bytes(32, "little")


def lines(change):
    def mutate(data):
        text = data.decode().split("\n")
        change(text)
        return "\n".join(text).encode()
    return mutate


def other_root(text):
    text[2] = base64.b64encode(flip(base64.b64decode(text[2]), 0)).decode()


def other_size(text):
    text[1] = str(int(text[1]) - 1)


def extension(text):
    text.insert(3, "an extension line")


def foreign_cosigner(text):
    """The last cosignature, made by somebody else under the same name and key id."""
    head, data = text[-2].rsplit(" ", 1)
    raw = base64.b64decode(data)
    message = f"cosignature/v1\ntime {int.from_bytes(raw[4:12], 'big')}\n" + "\n".join(text[:3]) + "\n"
    key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"somebody else").digest())
    text[-2] = head + " " + base64.b64encode(raw[:12] + key.sign(message.encode())).decode()


def later_cosignature(text):
    """A fresher time than the one that was signed: what would hide that a portal is stale."""
    head, data = text[-2].rsplit(" ", 1)
    raw = base64.b64decode(data)
    text[-2] = head + " " + base64.b64encode(flip(raw, 11)).decode()


def no_cosigner(text):
    """The cosignatures under the key ids of unknown keys: to be ignored, so that none is left."""
    for i in range(4, len(text) - 1):
        head, data = text[i].rsplit(" ", 1)
        if "/node/" in head:
            text[i] = head + " " + base64.b64encode(b"\xff" + base64.b64decode(data)[1:]).decode()


def index_off_by_one(text):
    at = next(i for i, line in enumerate(text) if line.startswith("index "))
    index = int(text[at][6:])
    text[at] = f"index {index + 1 if index == 0 else index - 1}"


def proof_hash(text):
    text[2] = base64.b64encode(flip(base64.b64decode(text[2]), 31)).decode()


def document(change):
    def mutate(data):
        doc = json.loads(data)
        change(doc)
        return json.dumps(doc, ensure_ascii=False, separators=(",", ":")).encode()
    return mutate


def other_digit(printed):
    return re.sub("[0-9]", lambda m: str((int(m[0]) + 1) % 10), printed, count=1)


def each_figure(tables):
    for cell in (c for table in tables for row in table["rows"] for c in row):
        if cell["state"] == "value" and re.search("[0-9]", cell["printed"]):
            yield cell


def api_figure(doc):
    cell = next(each_figure(doc.get("tables", [])), None)
    if cell:
        cell["printed"] = other_digit(cell["printed"])


def api_value(doc):
    cell = next((c for c in each_figure(doc.get("tables", [])) if "value" in c), None)
    if cell:
        cell["value"] += "0"


def body_figure(data):
    """The first figure, altered as a careful liar would: the value with it, the byte form kept."""
    doc = json.loads(data[32:])
    lie(doc)
    return data[:32] + json.dumps(doc, ensure_ascii=False, separators=(",", ":")).encode()


def template_text(data):
    """The text of a template, another in its last byte; other bodies as they are."""
    return flip(data, len(data) - 1) if b'format = "gongshi.template/1"' in data else data


def lie(doc):
    plain = (c for c in each_figure(doc.get("tables", [])) if "value" in c and re.fullmatch("[1-8][0-9]*", c["printed"]))
    cell = next(plain, None)
    if cell and cell["printed"] == cell["value"].rstrip("0").ljust(len(cell["printed"]), "0"):
        cell["value"] = cell["value"].replace(cell["printed"], other_digit(cell["printed"]), 1)
        cell["printed"] = other_digit(cell["printed"])


def report(change):
    """On the cards of reports alone: governance cards are read before them."""
    return lambda card: change(card) if card[33:34] >= b"\x20" else card


def first_again():
    """The first answer, given to every later question too."""
    kept = []
    return lambda data: kept.append(data) or kept[0]


def relist(change):
    def mutate(doc):
        if doc["packages"]:
            change(doc["packages"])
    return document(mutate)


def unlist(packages):
    packages.pop()


def other_revision(packages):
    packages[0]["revision"] += 1


def next_index(packages):
    packages[0]["index"] += -1 if packages[0]["index"] else 1


def view(doc):
    doc["view_root"] = hashlib.sha256(doc["view_root"].encode()).hexdigest()


def wrong_federation(doc):
    doc["federation"] = hashlib.sha256(bytes.fromhex(doc["federation"])).hexdigest()


def own_anchor(doc):
    """A federation of the liar's own, coherent within itself."""
    anchor = hashlib.sha256(b"somebody else").digest()
    doc["anchor_key"], doc["federation"] = anchor.hex(), hashlib.sha256(anchor).hexdigest()
    doc["root_log"]["origin"] = "gongshi/root/" + doc["federation"]
    _, hash_hex, data = doc["root_log"]["vkey"].split("+", 2)
    key = base64.b64decode(data)[1:]
    doc["root_log"]["vkey"] = f"{doc['root_log']['origin']}+{verify.key_hash(doc['root_log']['origin'], 1, key).hex()}+{data}"


BUNDLE, NOTE = r"/tile/entries/.*", r"/checkpoint"
# name: ([(path, change, ..)], what the refusal must say)
MUTATIONS = {
    "a bit of an entry's card digest flipped": ([(BUNDLE, edit_last(lambda x: flip(x, 91)))], "does not verify"),
    "a bit of an entry's key flipped": ([(BUNDLE, edit_last(lambda x: flip(x, 51)))], "does not verify"),
    "an entry of another federation": ([(BUNDLE, edit_last(lambda x: flip(x, 19)))], "another federation"),
    "two entries swapped": ([(BUNDLE, entries(swap))], "sequenced before|own-log index|do not hash|not signed by the anchor"),
    "an entry left out": ([(BUNDLE, entries(lambda x: x.pop()))], "ends early"),
    "an entry too many": ([(BUNDLE, entries(lambda x: x.append(x[-1])))], "bytes after"),
    "received_at lowered": ([(BUNDLE, edit_last(lambda x: x[:8] + struct.pack(">Q", 1) + x[16:]))], "do not hash"),
    "received_at after sequenced_at": ([(BUNDLE, edit_last(lambda x: x[:8] + b"\x7f" + x[9:]))], "received after"),
    "sequenced_at lowered": ([(BUNDLE, edit_last(lambda x: struct.pack(">QQ", 1, 1) + x[16:]))], "sequenced before"),
    "a statement's signature with S + L": ([(BUNDLE, edit_last(add_order))], "S of the signature"),
    "an entry bundle cut": ([(BUNDLE, lambda x: x[:-1])], "ends early"),
    "a hash tile cut": ([(r"/tile/[0-9]+/.*", lambda x: x[:-32])], "not the hashes"),
    "a bit of a hash tile flipped": ([(r"/tile/[0-9]+/.*", lambda x: flip(x, 5))], "not the hashes"),
    "the checkpoint's root": ([(NOTE, lines(other_root))], "does not verify"),
    "the checkpoint's size": ([(NOTE, lines(other_size))], "does not verify"),
    "an extension line": ([(NOTE, lines(extension))], "does not verify|three lines"),
    "a cosignature by a foreign key": ([(NOTE, lines(foreign_cosigner))], "cosignature of .* does not verify"),
    "a cosignature's time": ([(NOTE, lines(later_cosignature))], "cosignature of .* does not verify"),
    "no cosignature": ([(NOTE, lines(no_cosigner))], "without the .*cosignature"),
    "the checkpoint without its last newline": ([(NOTE, lambda x: x[:-1])], "not a signed note"),
    "wrong federation in well-known": ([(r"/\.well-known/.*", document(wrong_federation))], "federation is not"),
    "another anchor in well-known": ([(r"/\.well-known/.*", document(own_anchor))], "checkpoint: not the three lines"),
    "a byte of a card": ([(PACKAGE + "/card", report(lambda x: flip(x, len(x) - 2)))], "card: digest is not"),
    "a byte after a card": ([(PACKAGE + "/card", report(lambda x: x + b"\0"))], "card: digest is not"),
    "another package's card": ([(PACKAGE + "/card", report(first_again()))], "card: digest is not"),
    "a bit of a salt": ([(PACKAGE + "/body", lambda x: flip(x, 7))], "digest is not the card's"),
    "a printed figure in the body": ([(PACKAGE + "/body", body_figure)], "(digest|length) is not the card's"),
    "a body cut": ([(PACKAGE + "/body", lambda x: x[:-1])], "length is not the card's"),
    "a figure in the API alone": ([(PACKAGE, document(api_figure))], "tables are not the body's"),
    "a value in the API alone": ([(PACKAGE, document(api_value))], "tables are not the body's"),
    "a figure in the API and the body": ([(PACKAGE, document(lie)), (PACKAGE + "/body", body_figure)], "is not the card's"),
    "a statement of other times": ([(PACKAGE + "/statement", lambda x: flip(x, 7))], "/statement is not entry"),
    "a proof's index off by one": ([(PACKAGE + "/proof", lines(index_off_by_one))], "proof: of index"),
    "a proof's hash": ([(PACKAGE + "/proof", lines(proof_hash))], "does not lead to"),
    "a proof a hash short": ([(PACKAGE + "/proof", lines(lambda x: x.pop(2)))], "too short|does not lead"),
    "a byte of a template": ([(PACKAGE + "/body", template_text)], "template .*: digest is not the card's"),
    "a package not listed": ([(r"/api/v1/packages\?.*state=released.*", relist(unlist))], "view root|previous"),
    "another revision in the list": ([(r"/api/v1/packages\?.*", relist(other_revision))], "is not the card's"),
    "another index in the list": ([(r"/api/v1/packages\?.*", relist(next_index))], "digest is not that of entry"),
    "another view root": ([(r"/api/v1/node", document(view))], "view root"),
}


def run(urls, changes=()):
    """verify.main with altered answers: (exit code, what it printed, how many answers were altered)."""
    real, altered, first = verify.fetch, 0, urls[0].rstrip("/")

    def fetch(url):
        nonlocal altered
        data = real(url)
        for path, change in changes if url.startswith(first + "/") else ():
            if re.fullmatch(path, url[len(first):]):
                try:
                    changed = change(data)
                except (IndexError, KeyError, StopIteration):
                    changed = data  # nothing here to lie about
                altered += changed != data
                data = changed
        return data
    out = io.StringIO()
    verify.fetch = fetch
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            code = verify.main(urls)
    finally:
        verify.fetch = real
    return code, out.getvalue().strip(), altered


def remember(fetch):
    """One snapshot for all runs: what moves meanwhile is not what is being tested."""
    known = {}

    def remembered(url):
        if url not in known:
            try:
                known[url] = fetch(url)
            except verify.Refused as error:
                known[url] = error
        if isinstance(known[url], verify.Refused):
            raise known[url]
        return known[url]
    return remembered


def main(urls):
    real, wrong = verify.fetch, 0
    verify.fetch = remember(real)
    verify.time.sleep = lambda _: None
    try:
        code, said, _ = run(urls)
        if code:
            print(f"FAILED: the unaltered portal is refused: {said}")
            return 1
        for name, (changes, reason) in MUTATIONS.items():
            code, said, altered = run(urls, changes)
            verdict = "ACCEPTED" if code == 0 else "ALTERED NOTHING" if not altered else \
                "WRONG REASON" if not re.search(reason, said) else "refused"
            if code == 0 and not altered:
                verdict = "ALTERED NOTHING"
            wrong += verdict != "refused"
            print(f"{verdict}: {name}: {said[:200]}")
    finally:
        verify.fetch = real
    print(f"{len(MUTATIONS) - wrong} mutations refused" + (f", {wrong} NOT" if wrong else ""))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) if len(sys.argv) > 1 else print(__doc__) or 1)
