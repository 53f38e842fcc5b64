#!/usr/bin/env python3
"""An independent verifier of Gongshi portals: what they show is what was signed, down to every figure.

Knows the public formats (formats.py) and the HTTP contract, and nothing of the program. Everything comes through
fetch(url). Exit 0: every portal verified and all agree. Exit 1: `FAILED: <what>`.
"""
import argparse, base64, json, re, sys, time, unicodedata
import urllib.error, urllib.parse, urllib.request

sys.dont_write_bytecode = True
from formats import (check_body, check_statement, key32, key_hash, L, need, parse_checkpoint, parse_content,
                     parse_delegate, parse_json, parse_proof, parse_report, parse_template, parse_vkey,
                     path_root, Reader, Refused, sha, table_shape, tile_paths, tree, view_root)


def fetch(url):
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=20) as answer:
            data = answer.read((64 << 20) + 1)
    except urllib.error.HTTPError as error:
        refused = Refused(f"{url}: HTTP {error.code}")
        refused.status = error.code
        raise refused from None
    except Exception as error:  # refused connections, time-outs, cut answers: all are a failure to verify
        raise Refused(f"{url}: {error}") from None
    need(len(data) <= 64 << 20, f"{url}: more than 64 MiB")
    return data


def read_log(base, size, federation, anchor):
    """All entries, checked one by one, and their leaf hashes."""
    leaves, last, own, cards = [], 0, {}, set()
    for path, _, width in tile_paths("entries", size):
        r = Reader(fetch(base + path), path)
        leaves += [r.take(r.uint(2)) for _ in range(width)]
        need(r.at == len(r.data), f"{path}: bytes after its {width} entries")
    for i, leaf in enumerate(leaves):
        sequenced, received, coarse, key, index, card = check_statement(leaf, federation, f"entry {i}")
        need(sequenced >= last, f"entry {i}: sequenced before entry {i - 1}")
        need(index > own.get(key, -1), f"entry {i}: own-log index {index} is not after the one before")
        need(card not in cards, f"entry {i}: its card stands in an earlier entry")
        need(key != anchor or (coarse == 1 and received == sequenced), f"entry {i}: the anchor only delegates")
        last, own[key] = sequenced, index
        cards.add(card)
    need(leaves and leaves[0][51:83] == anchor and leaves[0][18] == 1, "entry 0 is not signed by the anchor")
    return leaves


def check_tiles(base, hashes):
    level = 0
    while hashes:
        for path, start, width in tile_paths(level, len(hashes)):
            need(fetch(base + path) == b"".join(hashes[start:start + width]), f"{path}: not the hashes of the entries")
        hashes = [tree(hashes[i:i + 256]) for i in range(0, len(hashes) // 256 * 256, 256)]
        level += 1


def root_key(base, leaves, federation, anchor):
    """The key in the newest Delegate that the anchor signed, or None if no portal serves its card."""
    found = None
    for leaf in (leaf[16:] for leaf in leaves if leaf[51:83] == anchor):
        try:
            card = fetch(f"{base}/api/v1/packages/{sha(leaf).hex()}/card")
        except Refused as error:
            if error.status in (404, 410):
                return None
            raise
        found = parse_delegate(card, leaf, federation, "the anchor's Delegate") or found
    need(found, "the anchor's statements delegate to nobody")
    return found


def list_packages(base, page, most):
    listed = {}
    for state in ("released", "superseded", "withdrawn"):
        after, seen = "", set()
        while after is not None:
            query = {"state": state, "limit": page, **({"after": after} if after else {})}
            doc = parse_json(fetch(f"{base}/api/v1/packages?{urllib.parse.urlencode(query)}"), "/api/v1/packages")
            need(isinstance(doc, dict) and isinstance(doc.get("packages"), list), "/api/v1/packages: no list")
            need(len(doc["packages"]) <= page, "/api/v1/packages: more than asked for")
            for p in doc["packages"]:
                try:
                    fits = p["state"] in (state, state + "+suspect") and re.fullmatch("[0-9a-f]{64}", p["digest"]) \
                        and type(p["index"]) is int and 0 <= p["index"] < most and type(p["year"]) is int \
                        and type(p["revision"]) is int and isinstance(p["agency"]["id"], str) \
                        and all(p[k] is not None for k in ("division", "status")) and "template" in p
                except (KeyError, TypeError) as error:
                    raise Refused(f"/api/v1/packages: a package lacks {error}") from None
                need(fits, f"/api/v1/packages: malformed, or not {state}: {p['digest']}")
                need(p["digest"] not in listed, f"/api/v1/packages: {p['digest']} twice")
                listed[p["digest"]] = p
            after = doc.get("next")
            need(after is None or (after not in seen and after), "/api/v1/packages: next goes in circles")
            seen.add(after)
    return listed


def check_package(base, p, leaves, hashes, known, origin, federation):
    """From the statement to every figure; answers (card, body, parsed card, parsed content)."""
    what, at = f"package {p['digest'][:16]}", f"{base}/api/v1/packages/{p['digest']}"
    gone = (404, 410) if p["state"].startswith("withdrawn") else ()

    def get(part):
        try:
            return fetch(at + part)
        except Refused as error:
            if error.status in gone:
                return None
            raise
    leaf = leaves[p["index"]]
    need(sha(leaf[16:]).hex() == p["digest"], f"{what}: digest is not that of entry {p['index']}")
    need(leaf[18] == 2, f"{what}: entry {p['index']} is not a report")
    statement, proof, card, doc = get("/statement"), get("/proof"), get("/card"), get("")
    need(statement in (leaf, None), f"{what}: /statement is not entry {p['index']}")
    if proof is not None:
        index, path, size, root = parse_proof(proof, known, origin, f"{what}: proof")
        need(index == p["index"], f"{what}: proof: of index {index}, not {p['index']}")
        need(path_root(index, size, hashes[index], path) == root, f"{what}: proof does not lead to its checkpoint's root")
        need(size > len(hashes) or tree(hashes[:size]) == root, f"{what}: proof: its checkpoint is of another log")
    if card is None:
        return None, None, None, None
    report = parse_report(card, leaf[16:], federation, f"{what}: card")
    need((report["division"], report["year"], report["revision"], report["status"], report["template"]) ==
         (p["division"]["code"], p["year"], p["revision"], p["status"], p["template"] or ""),
         f"{what}: division, year, revision, status or template is not the card's")
    need(report["name"] == p["agency"].get("name"), f"{what}: the agency's name is not the card's")
    need(report["kind"] != 36, f"{what}: a Withdraw is listed as a package")
    if doc is not None:
        doc = parse_json(doc, what)
        need(isinstance(doc, dict) and all(doc.get(k) == v for k, v in p.items()), f"{what}: is not what the list says")
    body = content = None
    if report["bodies"] and report["bodies"][0][0] == 1:
        body = get("/body")
    if body is not None:
        content = parse_content(check_body(body, report["bodies"][0], f"{what}: body"), f"{what}: content")
        need(bool(report["as_printed"]) == ("as_printed" in content), f"{what}: as printed, in the card or the content only")
    if doc is not None and content is not None:
        need(table_shape(doc.get("tables"), what) == table_shape(content["tables"], what),
             f"{what}: the API's tables are not the body's")
        need((doc.get("narrative") or "") == content.get("narrative", ""), f"{what}: the API's narrative is not the body's")
    return card, body, report, content


def check_agencies(packages, checked):
    """Agency ids are the card's code or division:name, or those of another report with the same code."""
    ids, reports = {}, {digest: c[2] for digest, c in checked.items() if c[2]}
    for report in reports.values():
        ids.setdefault(report["code"], set()).update({f"{report['division']}:{report['name']}", report["code"]} - {""})
    for digest, report in reports.items():
        p = packages[digest]
        allowed = ids[report["code"]] if report["code"] else {f"{report['division']}:{report['name']}"}
        allowed = allowed | {i for c in ids if c and f"{report['division']}:{report['name']}" in ids[c] for i in ids[c]}
        need(p["agency"]["id"] in allowed,
             f"package {digest[:16]}: agency id {p['agency']['id']} does not follow from its card")
        if int(report["previous"], 16):
            previous = packages.get(report["previous"])
            need(previous and previous["agency"]["id"] == p["agency"]["id"] and previous["year"] == p["year"]
                 and previous["index"] < p["index"] and previous["revision"] <= p["revision"]
                 and previous["state"] != "released",
                 f"package {digest[:16]}: the revision it names as previous is not listed before it")


def check_templates(base, leaves, root, federation):
    """The text of every template that the root put into the log, by id; the newest of an id."""
    templates = {}
    for i, leaf in enumerate(leaves):
        if leaf[18] == 1 and leaf[51:83] == root:
            at, what = f"{base}/api/v1/packages/{sha(leaf[16:]).hex()}", f"entry {i}"
            found = parse_template(fetch(at + "/card"), leaf[16:], federation, f"{what}: card")
            if found:
                name, body = found
                templates[name] = check_body(fetch(at + "/body"), body, f"{what}: template {name}")
    return templates


def well_known(base, expected_anchor):
    """Federation, anchor, root log's origin and key, this node's cosigner name and key."""
    doc = parse_json(fetch(base + "/.well-known/gongshi.json"), "well-known")
    try:
        federation, anchor = key32(doc["federation"], "federation"), key32(doc["anchor_key"], "anchor_key")
        origin, vkey = doc["root_log"]["origin"], doc["root_log"]["vkey"]
        name, node_vkey = doc["cosigner"]["name"], doc["cosigner"]["vkey"]
    except (KeyError, TypeError) as error:
        raise Refused(f"well-known: lacks {error}") from None
    need(sha(anchor) == federation, "well-known: federation is not SHA-256 of the anchor's key")
    need(expected_anchor in (None, anchor), "well-known: another anchor than the one expected")
    need(origin == f"gongshi/root/{federation.hex()}", "well-known: origin is not the federation's")
    root_name, root = parse_vkey(vkey, 1, "well-known: the root's vkey")
    node_name, node = parse_vkey(node_vkey, 4, "well-known: this node's vkey")
    need(root_name == origin and node_name == name == f"gongshi/node/{sha(node).hex()}", "well-known: names of the keys")
    return federation, anchor, origin, root, name, node


def check_snapshot(base, anchor, page):
    notes = []
    federation, anchor, origin, stated_root, node_name, node_key = well_known(base, anchor)
    raw = fetch(base + "/checkpoint")
    # The key that is stated here is used for nothing but this size, until the log has named the root's key.
    size, root, _ = parse_checkpoint(raw, {(origin, 1): stated_root}, origin, "checkpoint")
    leaves = read_log(base, size, federation, anchor)
    hashes = [sha(b"\x00", leaf) for leaf in leaves]
    need(tree(hashes) == root, "the entries do not hash to the checkpoint's root")
    check_tiles(base, hashes)
    key = root_key(base, leaves, federation, anchor)
    if key is None:
        notes.append("the Delegate's card is not served: the root's key is the one that this portal states")
        key = stated_root
    need(key == stated_root, "well-known: the root's key is not the one the anchor delegated to")
    root_name = f"gongshi/node/{sha(key).hex()}"
    known = {(origin, 1): key, (root_name, 4): key, (node_name, 4): node_key}
    _, _, seen = parse_checkpoint(raw, known, origin, "checkpoint")
    need((root_name, 4) in seen, "checkpoint: without the root's cosignature")
    need((node_name, 4) in seen, "checkpoint: without the cosignature of the node that serves it")
    for i, leaf in enumerate(leaves):
        need(leaf[51:83] != key or leaf[:8] == leaf[8:16], f"entry {i}: the root received its own statement earlier")
    packages = list_packages(base, page, size)
    checked = {d: check_package(base, p, leaves, hashes, known, origin, federation) for d, p in packages.items()}
    check_agencies(packages, checked)
    templates = check_templates(base, leaves, key, federation)
    hidden = [d for d, c in checked.items() if c[0] is None]
    if hidden:
        notes.append(f"{len(hidden)} withdrawn packages answer no card: their agency and year are the portal's word")
    node = parse_json(fetch(base + "/api/v1/node"), "/api/v1/node")
    try:
        shown = (node["root_log"]["size"], key32(node["root_log"]["root_hash"], "root_hash"), node["federation"])
        stated_view = key32(node["view_root"], "view_root")
    except (KeyError, TypeError) as error:
        raise Refused(f"/api/v1/node: lacks {error}") from None
    need(shown == (size, root, federation.hex()), "/api/v1/node: its size, root or federation is not the checkpoint's")
    need(view_root(packages.values()) == stated_view, "/api/v1/node: view root is not that of the packages listed")
    return {"url": base, "size": size, "root": base64.b64encode(root).decode(), "view_root": stated_view.hex(),
            "federation": federation.hex(), "cosigned_at": seen[node_name, 4], "root_cosigned_at": seen[root_name, 4],
            "unlisted_reports": sum(leaf[18] == 2 and sha(leaf[16:]).hex() not in packages for leaf in leaves),
            "templates": templates, "packages": packages, "checked": checked, "notes": notes}


def check_portal(base, anchor, page):
    """check_snapshot, once again if the node has moved on meanwhile."""
    before = fetch(base + "/api/v1/node")
    try:
        return check_snapshot(base, anchor, page)
    except Refused:
        time.sleep(0.2)
        old, new = (parse_json(doc, "/api/v1/node") for doc in (before, fetch(base + "/api/v1/node")))
        if all(old.get(k) == new.get(k) for k in ("root_log", "view_root")):
            raise
    result = check_snapshot(base, anchor, page)
    result["notes"].append("the node moved on while it was read: read a second time")
    return result


def compare(first, other):
    pair = f"{first['url']} and {other['url']}"
    for field in ("federation", "size", "root", "view_root"):
        need(first[field] == other[field], f"{pair}: {field} differs: {first[field]} {other[field]}")
    need(first["templates"] == other["templates"], f"{pair}: not the same templates")
    need(set(first["packages"]) == set(other["packages"]), f"{pair}: not the same packages")
    for digest, mine in first["checked"].items():
        for part, a, b in zip(("card", "body"), mine, other["checked"][digest]):
            need(a is None or b is None or a == b, f"{pair}: {part} of {digest} differs")
        a, b = first["packages"][digest], other["packages"][digest]
        need(all(a[k] == b[k] for k in ("agency", "year", "revision", "state", "index")),
             f"{pair}: {digest} is described differently")


def find_figure(result, spec):
    """AGENCY:YEAR:TABLE:HEADER=PRINTED, read in verified bodies alone."""
    def plain(text):
        return "".join(unicodedata.normalize("NFKC", text).split())
    head, _, printed = spec.rpartition("=")
    parts = head.rsplit(":", 3)
    need(len(parts) == 4 and parts[1].isdigit(), f"--figure {spec}: not AGENCY:YEAR:TABLE:HEADER=PRINTED")
    agency, year, table_name, header = parts
    for digest, p in result["packages"].items():
        report, content = result["checked"][digest][2:]
        if p["state"].startswith("released") and content and p["year"] == int(year) and agency in report["name"]:
            for table in content["tables"]:
                for row in table["rows"] if table_name in table["name"] else ():
                    for cell, column in zip(row, table["columns"]):
                        if plain(column["header"]) == plain(header) and cell["printed"] == printed:
                            return {"url": result["url"], "figure": head, "printed": printed, "digest": digest,
                                    "value": cell.get("value"), "unit": cell.get("unit")}
    raise Refused(f"{result['url']}: figure {spec} is not there")


def main(argv=None):
    parser = argparse.ArgumentParser(description="verify Gongshi portals without trusting them")
    parser.add_argument("urls", nargs="+", metavar="URL")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--anchor", metavar="HEX", help="the anchor's public key, from somewhere else than a portal")
    parser.add_argument("--figure", action="append", default=[], metavar="AGENCY:YEAR:TABLE:HEADER=PRINTED")
    parser.add_argument("--page", type=int, default=2, help="packages asked for at a time")
    opt = parser.parse_args(argv)
    try:
        anchor = key32(opt.anchor, "--anchor") if opt.anchor else None
        urls = [url.rstrip("/") for url in opt.urls]
        results = [check_portal(url, anchor, opt.page) for url in urls]
        if len({r["size"] for r in results}) > 1:  # one of them was read before the others moved on
            results = [check_portal(url, anchor, opt.page) for url in urls]
        for other in results[1:]:
            compare(results[0], other)
        figures = [find_figure(r, spec) for spec in opt.figure for r in results]
    except Refused as error:
        print(json.dumps({"ok": False, "failed": str(error)}, ensure_ascii=False) if opt.json else f"FAILED: {error}")
        return 1
    except Exception as error:  # whatever a hostile answer provokes is a refusal
        what = f"malformed answer: {type(error).__name__}: {error}"
        print(json.dumps({"ok": False, "failed": what}) if opt.json else f"FAILED: {what}")
        return 1
    if opt.json:
        shown = [{**{k: v for k, v in r.items() if k != "checked"}, "packages": len(r["packages"])} for r in results]
        print(json.dumps({"ok": True, "portals": shown, "figures": figures}, ensure_ascii=False))
        return 0
    for r in results:
        print(f"ok {r['url']} size {r['size']} root {r['root']} packages {len(r['packages'])}")
        for note in r["notes"]:
            print(f"note: {r['url']}: {note}", file=sys.stderr)
    for f in figures:
        print(f"figure {f['figure']} = {f['printed']} ({f['value']} {f['unit']}) at {f['url']} in {f['digest']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
