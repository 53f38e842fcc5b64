"""The formats of Gongshi as functions of bytes, for verify.py.

Written from RFC 6962, RFC 8032, C2SP signed-note, tlog-checkpoint, tlog-tiles, tlog-cosignature and tlog-proof, and
from src/statement/FORMAT.md, src/log/LOG.md and src/package/FORMAT.md alone; no code is shared with the program.
Whatever does not hold raises Refused.
"""
import base64, hashlib, json, re, struct, unicodedata
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
ORDER8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
SMALL_ORDER = {0, 1, P - 1, ORDER8, P - ORDER8}  # the y of the eight points of small order
BAD_CHARS = set(map(chr, [*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x61C, 0x200E, 0x200F, 0x2028, 0x2029, 0xFEFF]))
KINDS = {32: "Submit", 33: "Nil", 34: "NotApplicable", 35: "Correct", 36: "Withdraw"}


class Refused(Exception):
    """What does not hold; `status` is the HTTP status if it was the server that refused."""
    status = 0


def need(condition, what):
    if not condition:
        raise Refused(what)


# ---- bytes: digests, trees, signatures, texts

def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def node_hash(left, right):
    return sha(b"\x01", left, right)


def tree(hashes):
    """RFC 6962 2.1 over leaf hashes, by a stack of complete subtrees."""
    stack = []
    for n, h in enumerate(hashes, 1):
        while n % 2 == 0:
            h, n = node_hash(stack.pop(), h), n // 2
        stack.append(h)
    while len(stack) > 1:
        right = stack.pop()
        stack.append(node_hash(stack.pop(), right))
    return stack[0] if stack else sha()


def path_root(index, size, leaf, path):
    """The root that an inclusion proof leads to (RFC 9162 2.1.3.2); its length must be exact."""
    need(0 <= index < size, "proof: index outside the tree")
    fn, sn, h = index, size - 1, leaf
    for p in path:
        need(sn, "proof: too long")
        if fn & 1 or fn == sn:
            h = node_hash(p, h)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            h = node_hash(h, p)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0, "proof: too short")
    return h


def ed25519(key, message, signature, what):
    need(len(key) == 32 and len(signature) == 64, f"{what}: key or signature of wrong length")
    y = int.from_bytes(key, "little") & (1 << 255) - 1
    need(y < P, f"{what}: key not canonical")
    need(y not in SMALL_ORDER, f"{what}: key of small order")
    need(int.from_bytes(signature[32:], "little") < L, f"{what}: S of the signature not canonical")
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise Refused(f"{what}: signature does not verify") from None


def b64(text, what):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Refused(f"{what}: not base64") from None
    need(base64.b64encode(data).decode() == text, f"{what}: base64 not canonical")
    return data


def key32(text, what):
    need(isinstance(text, str), f"{what}: missing")
    data = bytes.fromhex(text) if re.fullmatch("[0-9a-f]{64}", text) else b64(text, what)
    need(len(data) == 32, f"{what}: not 32 bytes")
    return data


def parse_json(data, what):
    def pairs(items):
        need(len(dict(items)) == len(items), f"{what}: a key twice")
        return dict(items)
    try:
        return json.loads(data.decode(), object_pairs_hook=pairs, parse_float=str)
    except (ValueError, RecursionError) as error:
        raise Refused(f"{what}: not JSON: {error}") from None


class Reader:
    def __init__(self, data, what):
        self.data, self.at, self.what = data, 0, what

    def take(self, n):
        need(self.at + n <= len(self.data), f"{self.what}: ends early")
        self.at += n
        return self.data[self.at - n:self.at]

    def uint(self, n):
        return int.from_bytes(self.take(n), "big")

    def one_of(self, allowed, name):
        value = self.uint(1)
        need(value in allowed, f"{self.what}: {name} {value}")
        return value

    def text(self, most):
        raw = self.take(self.uint(2))
        try:
            text = raw.decode()
        except ValueError:
            raise Refused(f"{self.what}: text is not UTF-8") from None
        need(len(raw) <= most and unicodedata.is_normalized("NFC", text), f"{self.what}: text too long or not NFC")
        need(not any(c in BAD_CHARS or unicodedata.category(c) == "Cc" for c in text), f"{self.what}: text with controls")
        return text


# ---- notes, checkpoints, proofs (LOG.md)

def key_hash(name, kind, key):
    return sha(name.encode(), b"\n", bytes([kind]), key)[:4]


def parse_vkey(vkey, kind, what):
    need(isinstance(vkey, str) and len(vkey.split("+", 2)) == 3, f"{what}: not a verifier key")
    name, hash_hex, data = vkey.split("+", 2)
    data = b64(data, what)
    need(len(data) == 33 and data[0] == kind, f"{what}: not of type {kind}")
    need(hash_hex == key_hash(name, kind, data[1:]).hex(), f"{what}: key id does not fit the key")
    return name, data[1:]


def parse_note(raw, known, what):
    """known: {(name, type): key}. Answers the text and {(name, type): newest time, 0 for a plain signature}."""
    need(len(raw) <= 65536, f"{what}: longer than 64 KiB")
    try:
        note = raw.decode()
    except ValueError:
        raise Refused(f"{what}: not UTF-8") from None
    need(not any(unicodedata.category(c) == "Cc" and c != "\n" for c in note), f"{what}: control characters")
    text, blank, block = note.rpartition("\n\n")
    need(blank and block.endswith("\n"), f"{what}: not a signed note")
    text, lines, seen = text + "\n", block[:-1].split("\n"), {}
    need(text.startswith("gongshi/") and len(lines) <= 64, f"{what}: foreign text or more than 64 signatures")
    by_id = {(name, key_hash(name, kind, key)): (kind, key) for (name, kind), key in known.items()}
    for line in lines:
        match = re.fullmatch(r"\u2014 ([^\s+]+) (\S+)", line)
        need(match, f"{what}: malformed signature line")
        name, data = match[1], b64(match[2], what)
        need(len(data) > 4, f"{what}: empty signature")
        kind, key = by_id.get((name, data[:4]), (0, b""))
        if kind == 1:
            ed25519(key, text.encode(), data[4:], f"{what}: signature of {name}")
            seen[name, 1] = 0
        elif kind == 4:
            need(len(data) == 76, f"{what}: cosignature of {name} of wrong length")
            at = int.from_bytes(data[4:12], "big")
            need(at < 1 << 63, f"{what}: time of a cosignature")
            ed25519(key, f"cosignature/v1\ntime {at}\n{text}".encode(), data[12:], f"{what}: cosignature of {name}")
            seen[name, 4] = max(at, seen.get((name, 4), 0))
    return text, seen


def parse_checkpoint(raw, known, origin, what):
    text, seen = parse_note(raw, known, what)
    lines = text[:-1].split("\n")
    need(len(lines) == 3 and lines[0] == origin, f"{what}: not the three lines of {origin}")
    need(re.fullmatch("0|[1-9][0-9]{0,18}", lines[1]) and int(lines[1]) <= 1 << 62, f"{what}: size")
    root = b64(lines[2], what)
    need(len(root) == 32 and (lines[1] != "0" or root == sha()), f"{what}: root hash")
    need((origin, 1) in seen, f"{what}: not signed by the root's key")
    return int(lines[1]), root, seen


def parse_proof(raw, known, origin, what):
    head, blank, note = raw.partition(b"\n\n")
    lines = head.decode("utf-8", "replace").split("\n")
    need(blank and lines.pop(0) == "c2sp.org/tlog-proof@v1", f"{what}: not a tlog-proof")
    if lines and lines[0].startswith("extra "):
        need(len(b64(lines.pop(0)[6:], what)) <= 16384, f"{what}: extra too long")
    index = re.fullmatch("index (0|[1-9][0-9]{0,18})", lines.pop(0) if lines else "")
    need(index and len(lines) <= 63, f"{what}: index or number of hashes")
    path = [b64(line, what) for line in lines]
    need(all(len(h) == 32 for h in path), f"{what}: hash of wrong length")
    return int(index[1]), path, *parse_checkpoint(note, known, origin, what)[:2]


def tile_paths(level, count):
    for n in range((count + 255) // 256):
        width, digits = min(256, count - 256 * n), f"{n:03}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[i:i + 3] for i in range(0, len(digits), 3)]
        yield f"/tile/{level}/" + "/".join(["x" + g for g in groups[:-1]] + groups[-1:]) + \
            (f".p/{width}" if width < 256 else ""), 256 * n, width


# ---- statements and cards (statement/FORMAT.md)

def check_statement(leaf, federation, what):
    """A leaf of the root log: (sequenced, received, coarse kind, key, own index, card digest)."""
    need(len(leaf) == 187, f"{what}: {len(leaf)} bytes, not 187")
    sequenced, received = struct.unpack(">QQ", leaf[:16])
    statement = leaf[16:]
    need(received <= sequenced, f"{what}: received after it was sequenced")
    need(statement[0] == 1 and statement[1] == 1 and statement[2] in (1, 2), f"{what}: version, algorithm or kind")
    need(statement[3:35] == federation, f"{what}: of another federation")
    ed25519(statement[35:67], b"gongshi/statement/v1\n" + statement[:107], statement[107:], what)
    return sequenced, received, statement[2], statement[35:67], int.from_bytes(statement[67:75], "big"), statement[75:107]


def parse_card(card, statement, what):
    """Version to kind and signing key, checked against the statement: (reader at the fields, kind)."""
    need(len(card) <= 4096 and sha(card) == statement[75:107], f"{what}: digest is not the statement's")
    r = Reader(card, what)
    need(r.uint(1) == 1, f"{what}: version")
    r.take(32)
    kind = r.uint(1)
    need(r.take(32) == statement[35:67], f"{what}: signing key is not the statement's")
    need((1 if kind < 32 else 2) == statement[2], f"{what}: kind is not the statement's")
    return r, kind


def end_card(r, federation):
    fields = r.data[:r.at]
    if r.one_of((0, 1), "agency flag"):
        key = r.take(32)
        ed25519(key, b"gongshi/agency/v1\n" + federation + fields, r.take(64), f"{r.what}: agency's signature")
    need(r.at == len(r.data), f"{r.what}: bytes after its end")


def parse_delegate(card, statement, federation, what):
    """The new signing key, with both proofs of possession checked; None if the card is of another kind."""
    r, kind = parse_card(card, statement, what)
    if kind != 1:
        return None
    keys, proofs = [r.take(32), r.take(32)], [r.take(64), r.take(64)]
    r.one_of((1, 2, 3, 4), "level")
    division = r.text(32)
    r.text(200)
    count = r.uint(2)
    need(count <= 4, f"{what}: addresses")
    for _ in range(count):
        r.text(64)
    if r.one_of((0, 1, 2, 3), "hosting") == 3:
        count = r.uint(2)
        need(count <= 300, f"{what}: hosted divisions")
        for _ in range(count):
            r.text(32)
    r.take(24)
    if r.one_of((0, 1), "predecessor flag"):
        r.take(40)
    end_card(r, federation)
    message = b"gongshi/possession/v1\n" + federation + statement[35:67] + b"".join(keys) + division.encode()
    for key, proof in zip(keys, proofs):
        ed25519(key, message, proof, f"{what}: proof of possession")
    return keys[0]


def parse_template(card, statement, federation, what):
    """Id and body of a template; None if the card is of another kind."""
    r, kind = parse_card(card, statement, what)
    if kind != 6:
        return None
    name, body = r.text(64), (5, r.take(32), r.uint(8))
    need(name and body[2] <= 65536, f"{what}: id or length of a template")
    end_card(r, federation)
    return name, body


def parse_report(card, statement, federation, what):
    r, kind = parse_card(card, statement, what)
    need(kind in KINDS, f"{what}: kind {kind} is no report")
    c = {"kind": kind, "division": r.text(32), "name": r.text(300), "code": r.text(18), "year": r.uint(2),
         "revision": r.uint(4), "previous": r.take(32).hex(), "scope": r.one_of((1, 2), "scope"),
         "status": {1: "final", 2: "provisional"}[r.one_of((1, 2), "status")],
         "as_printed": r.one_of((0, 1), "as printed"), "template": r.text(64), "reason": r.uint(1), "bodies": []}
    for _ in range(r.one_of(range(17), "body count")):
        c["bodies"].append((r.one_of((1, 2, 3, 4), "role"), r.take(32), r.uint(8)))
    end_card(r, federation)
    need((bool(c["bodies"]) and c["bodies"][0][0] == 1) == (kind in (32, 35)), f"{what}: role of the first body")
    return c


# ---- bodies (package/FORMAT.md)

def check_body(body, entry, what):
    role, digest, length = entry
    need(len(body) >= 32, f"{what}: shorter than its salt")
    salt, content = body[:32], body[32:]
    chunks = [content[i:i + 65536] for i in range(0, len(content), 65536)] or [b""]
    need(len(content) == length, f"{what}: length is not the card's")
    need(tree([sha(b"\x00", salt, chunk) for chunk in chunks]) == digest, f"{what}: digest is not the card's")
    return content


def ordered(value, must, may, what):
    """An object with exactly the documented fields in the documented order, optional ones not empty."""
    need(isinstance(value, dict), f"{what}: not an object")
    order = [k for k in must.split() if k.rstrip("?") in value]
    need(list(value) == [k.rstrip("?") for k in order], f"{what}: fields {list(value)}")
    need(all(k.endswith("?") or k in value for k in must.split()), f"{what}: a field is missing")
    need(all(value[k] for k in may.split() if k in value), f"{what}: an empty optional field")


def significant(number):
    """A number's digits without zeros at its ends, and its sign: what a power of ten does not change."""
    digits = "".join(c for c in unicodedata.normalize("NFKC", number) if c in "0123456789")
    return digits.strip("0"), bool(digits.strip("0")) and number.strip()[:1] in "-\uff0d\u2212"


def parse_content(content, what):
    need(len(content) <= 32 << 20, f"{what}: longer than 32 MiB")
    doc = parse_json(content, what)
    try:
        again = json.dumps(doc, ensure_ascii=False, separators=(",", ":")).encode()
    except ValueError:
        again = b""
    need(again == content, f"{what}: not in its one byte form")
    optional = "narrative source_url as_printed members notes labels"
    ordered(doc, "format tables " + " ".join(k + "?" for k in optional.split()), optional, what)
    need(doc["format"] == "gongshi.package/1" and len(doc["tables"]) <= 200, f"{what}: format or number of tables")
    for table in doc["tables"]:
        ordered(table, "id name unit? template? columns rows", "unit template", what)
        need(1 <= len(table["columns"]) <= 200 and 1 <= len(table["rows"]) <= 20000, f"{what}: size of a table")
        for column in table["columns"]:
            ordered(column, "id header unit", "", what)
        for row in table["rows"]:
            need(len(row) == len(table["columns"]), f"{what}: a row without one cell a column")
            for cell, column in zip(row, table["columns"]):
                ordered(cell, "printed value? unit? state", "", what)
                need(cell["state"] in ("value", "blank", "not_applicable", "text"), f"{what}: state {cell['state']}")
                need((cell["state"] == "blank") == (cell["printed"] == ""), f"{what}: blank and not empty, or reverse")
                need(("value" in cell) == ("unit" in cell), f"{what}: value without unit, or reverse")
                if "value" in cell:
                    need(cell["state"] == "value" and cell["unit"] == column["unit"], f"{what}: unit of a cell")
                    need(re.fullmatch(r"-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?", cell["value"]) and cell["value"] != "-0",
                         f"{what}: value {cell['value']!r}")
                    need(significant(cell["printed"]) == significant(cell["value"]),
                         f"{what}: value {cell['value']} does not follow from printed {cell['printed']}")
    return doc


def table_shape(tables, what):
    try:
        return [(t["id"], t["name"], t.get("template"), [(c["id"], c["header"], c["unit"]) for c in t["columns"]],
                 [[(c["printed"], c.get("value"), c.get("unit"), c["state"]) for c in row] for row in t["rows"]])
                for t in tables]
    except (KeyError, TypeError, AttributeError) as error:
        raise Refused(f"{what}: tables lack {error}") from None


def view_root(packages):
    """PROTOCOL, Fold and view root: 4,096 buckets of lines."""
    buckets = [[] for _ in range(4096)]
    for p in packages:
        suspect = "+suspect" if p.get("suspect") and not p["state"].endswith("+suspect") else ""
        head = f"{p['agency']['id']}\t{p['year']}"
        line = f"{head}\t{p['revision']}\t{p['digest']}\t{p['state']}{suspect}\n".encode()
        buckets[int.from_bytes(sha(head.encode())[:2], "big") >> 4].append(line)
    return tree([sha(b"\x00", *sorted(bucket)) for bucket in buckets])
