// Checks a report in the reader's browser: SHA-256 of statement, card and body, the inclusion proof, the checkpoint's
// signature, and the same at another level's portal. No library, nothing from elsewhere. What it cannot do is said on
// the page: a portal that lies could serve a script that lies.
"use strict";
(function () {
  const box = document.getElementById("check");
  if (!box) return;
  const english = box.dataset.lang === "en";
  const say = (zh, en) => (english ? en : zh);
  const hex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
  const same = (a, b) => hex(a) === hex(b);
  const join = (...parts) => {
    const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
    let at = 0;
    for (const p of parts) { out.set(p, at); at += p.length; }
    return out;
  };
  const b64 = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const words = (text) => new TextEncoder().encode(text);

  // FIPS 180-4, for pages without a secure context, where browsers offer no WebCrypto.
  const primes = [];
  for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p)) primes.push(n);
  const root = (n, e) => { const f = Math.pow(n, e); return ((f - Math.floor(f)) * 4294967296) | 0; };
  const K = primes.map((p) => root(p, 1 / 3));
  function plainSha256(data) {
    const h = primes.slice(0, 8).map((p) => root(p, 1 / 2));
    const length = data.length;
    const padded = new Uint8Array(((length + 72) >> 6) << 6);
    padded.set(data);
    padded[length] = 128;
    const view = new DataView(padded.buffer);
    view.setUint32(padded.length - 8, Math.floor(length / 536870912));
    view.setUint32(padded.length - 4, (length << 3) >>> 0);
    const w = new Int32Array(64);
    const turn = (x, n) => (x >>> n) | (x << (32 - n));
    for (let at = 0; at < padded.length; at += 64) {
      for (let i = 0; i < 16; i++) w[i] = view.getInt32(at + 4 * i);
      for (let i = 16; i < 64; i++) {
        const a = w[i - 15], b = w[i - 2];
        w[i] = (w[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ (a >>> 3)) + w[i - 7] + (turn(b, 17) ^ turn(b, 19) ^ (b >>> 10))) | 0;
      }
      let [a, b, c, d, e, f, g, k] = h;
      for (let i = 0; i < 64; i++) {
        const t1 = (k + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
        const t2 = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        [k, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0];
      }
      [a, b, c, d, e, f, g, k].forEach((x, i) => { h[i] = (h[i] + x) | 0; });
    }
    const out = new DataView(new ArrayBuffer(32));
    h.forEach((x, i) => out.setInt32(4 * i, x));
    return new Uint8Array(out.buffer);
  }
  const subtle = window.crypto && window.crypto.subtle;
  const sha256 = async (...parts) => {
    const data = join(...parts);
    return subtle ? new Uint8Array(await subtle.digest("SHA-256", data)) : plainSha256(data);
  };

  // RFC 6962 section 2.1.
  const leafHash = (data) => sha256(new Uint8Array([0]), data);
  const nodeHash = (left, right) => sha256(new Uint8Array([1]), left, right);
  async function treeHash(leaves) {
    if (leaves.length === 1) return leafHash(leaves[0]);
    let k = 1;
    while (k * 2 < leaves.length) k *= 2;
    return nodeHash(await treeHash(leaves.slice(0, k)), await treeHash(leaves.slice(k)));
  }
  async function rootFrom(leaf, index, size, proof) {
    let fn = BigInt(index), sn = BigInt(size) - 1n, r = leaf;
    if (fn > sn) throw new Error(say("序号超出日志", "the index is beyond the log"));
    for (const p of proof) {
      if (sn === 0n) throw new Error(say("证明过长", "the proof is too long"));
      if ((fn & 1n) === 1n || fn === sn) {
        r = await nodeHash(p, r);
        while ((fn & 1n) === 0n && fn !== 0n) { fn >>= 1n; sn >>= 1n; }
      } else r = await nodeHash(r, p);
      fn >>= 1n; sn >>= 1n;
    }
    if (sn !== 0n) throw new Error(say("证明过短", "the proof is too short"));
    return r;
  }

  async function fetched(url, kind) {
    const answer = await fetch(url, { credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer" });
    if (!answer.ok) throw new Error(url + ": HTTP " + answer.status);
    return kind === "text" ? answer.text() : kind === "json" ? answer.json() : new Uint8Array(await answer.arrayBuffer());
  }
  // c2sp.org/tlog-proof: a header, the index, hashes, an empty line, a signed checkpoint.
  function parsedProof(text) {
    const [head, ...rest] = text.split("\n\n");
    const lines = head.split("\n");
    const at = lines.findIndex((line) => /^index [0-9]+$/.test(line));
    if (!lines[0].startsWith("c2sp.org/tlog-proof@") || at < 0) throw new Error(say("不是证明文件", "not a proof"));
    return { index: lines[at].slice(6), hashes: lines.slice(at + 1).map(b64), note: rest.join("\n\n") };
  }
  function parsedNote(text) {
    const end = text.indexOf("\n\n");
    const body = text.slice(0, end + 1);
    const [origin, size, hash] = body.split("\n");
    const signatures = text.slice(end + 2).split("\n").filter((line) => line.startsWith("— "));
    return { body, origin, size, root: b64(hash), signatures };
  }
  // c2sp.org/signed-note: type 1 is Ed25519 over the text.
  async function isSigned(note, vkey) {
    if (!subtle) return null;
    const [name, , key] = vkey.match(/^(.*?)\+([0-9a-f]{8})\+(.*)$/).slice(1);
    const bytes = b64(key);
    if (bytes[0] !== 1) throw new Error(say("公钥种类不认识", "unknown kind of key"));
    let imported;
    try {
      imported = await subtle.importKey("raw", bytes.slice(1), { name: "Ed25519" }, false, ["verify"]);
    } catch (_) { return null; }
    for (const line of note.signatures) {
      const at = line.lastIndexOf(" ");
      if (line.slice(2, at) !== name) continue;
      const signature = b64(line.slice(at + 1)).slice(4);
      if (await subtle.verify({ name: "Ed25519" }, imported, signature, words(note.body))) return true;
    }
    return false;
  }

  const list = document.createElement("ol");
  list.setAttribute("aria-live", "polite");
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = say("在本浏览器中核验这份报告", "Check this report in this browser");
  const choice = document.createElement("select");
  choice.id = "check-other";
  for (const other of box.querySelectorAll(".other")) {
    const option = document.createElement("option");
    option.value = other.dataset.url;
    option.textContent = other.dataset.name;
    choice.append(option);
  }
  const label = document.createElement("label");
  label.htmlFor = "check-other";
  label.textContent = say("同时与另一级门户对照：", "and compare with another level's portal: ");
  box.append(button);
  if (choice.options.length) box.append(label, choice);
  box.append(list);

  function line(state, text) {
    const item = document.createElement("li");
    item.className = state;
    const mark = document.createElement("b");
    mark.textContent = { yes: say("相符", "agrees"), no: say("不符", "DIFFERS"), open: say("未核", "not checked") }[state];
    item.append(mark, " " + text);
    list.append(item);
    return state === "yes";
  }
  async function step(text, check) {
    try {
      const found = await check();
      if (found === null) return line("open", text + say("：此浏览器或此连接（非 HTTPS）不支持", ": not supported by this browser or connection (no HTTPS)"));
      return line(found ? "yes" : "no", text);
    } catch (error) {
      line("open", text + say("：无法完成，", ": could not be done, ") + error.message);
      return false;
    }
  }
  async function inLog(base, digest) {
    const leaf = await fetched(base + "/statement");
    if (hex(await sha256(leaf.slice(16))) !== digest) throw new Error(say("声明不是这个摘要", "the statement is another one"));
    const proof = parsedProof(await fetched(base + "/proof", "text"));
    const note = parsedNote(proof.note);
    const found = await rootFrom(await leafHash(leaf), proof.index, note.size, proof.hashes);
    return { agrees: same(found, note.root), note };
  }

  // What an earlier step was to bring.
  function needed(value) {
    if (value === undefined) throw new Error(say("前面的一步没有完成", "an earlier step was not done"));
    return value;
  }

  async function check() {
    list.textContent = "";
    const { digest, api } = box.dataset;
    const host = api.slice(0, api.indexOf("/api/v1/"));
    let statement, card, ours;
    await step(say("签名声明的 SHA-256 就是报告摘要", "SHA-256 of the statement is the report's digest"), async () => {
      statement = (await fetched(api + "/statement")).slice(16);
      return hex(await sha256(statement)) === digest;
    });
    await step(say("声明所载的卡片摘要与卡片相符", "the statement names this card"), async () => {
      card = await fetched(api + "/card");
      return same(await sha256(card), needed(statement).slice(75, 107));
    });
    await step(say("卡片所载的正文摘要与正文（全部数字）相符", "the card names this content, all figures"), async () => {
      const body = await fetched(api + "/body");
      const salt = body.slice(0, 32), content = body.slice(32);
      const leaves = [];
      for (let at = 0; at === 0 || at < content.length; at += 65536) leaves.push(join(salt, content.slice(at, at + 65536)));
      return hex(needed(card)).includes(hex(await treeHash(leaves)));
    });
    await step(say("声明在公开日志之中（包含证明重算到根哈希）", "the statement is in the public log: the proof leads to the root hash"), async () => {
      ours = await inLog(api, digest);
      return ours.agrees;
    });
    const other = choice.value;
    const from = other || host;
    await step(
      other
        ? say("检查点由根节点签名（公钥取自另一级门户）", "the root signed the checkpoint, by the key that the other portal names")
        : say("检查点由根节点签名（公钥取自本站）", "the root signed the checkpoint, by the key that this portal names"),
      async () => isSigned(needed(ours).note, (await fetched(from + "/.well-known/gongshi.json", "json")).root_log.vkey));
    if (other) {
      let theirs;
      await step(say("另一级门户的日志中有同一声明", "the other portal's log has the same statement"), async () => {
        theirs = await inLog(other + "/api/v1/packages/" + digest, digest);
        return theirs.agrees && theirs.note.origin === needed(ours).note.origin;
      });
      if (ours && theirs && theirs.note.size === ours.note.size) {
        await step(say("两级门户在同一条数上的根哈希相同", "both portals have the same root hash at the same size"),
          async () => same(theirs.note.root, ours.note.root));
      } else if (ours && theirs) {
        line("open", say("两级门户的日志条数不同（" + ours.note.size + " 与 " + theirs.note.size + "），稍后再比根哈希",
          "the portals are at different sizes (" + ours.note.size + " and " + theirs.note.size + "): compare root hashes later"));
      }
    } else {
      line("open", say("没有与另一级门户对照：以上只说明本站前后一致，不能说明本站没有作假",
        "not compared with another portal: this shows that this portal agrees with itself, not that it is honest"));
    }
  }
  button.addEventListener("click", () => {
    button.disabled = true;
    check().finally(() => { button.disabled = false; });
  });
})();
