// SPDX-License-Identifier: MIT
// What the page computes of a flame file's profiles, as JSON: intervals of one profile by function,
// verdicts of two by innermost function. node evidence.mjs FLAME.html ASSETS
import fs from 'node:fs';
import path from 'node:path';
import vm from 'node:vm';
import zlib from 'node:zlib';

const [file, assets] = process.argv.slice(2);
for (const name of ['distribution.js', 'evidence.js', 'format.js', 'filter.js', 'tree.js', 'verdicts.js', 'tables.js']) {
  vm.runInThisContext(fs.readFileSync(path.join(assets, name), 'utf8'), { filename: name });
}
const html = fs.readFileSync(file, 'utf8');
const part = id => {
  const m = html.match(new RegExp(`<script type="text/plain" id="${id}">(.*?)</script>`, 's'));
  return m && JSON.parse(zlib.gunzipSync(Buffer.from(m[1], 'base64')));
};
const { HT } = globalThis;
HT.evidence.chooseConfidence(html.match(/data-confidence="(\d+)"/)[1]);
const data = part('profile'), before = part('before');
const tree = HT.buildTree(data, before, {}), t = data.default, known = HT.topEvidence(tree, t), rows = {};
for (const r of HT.top(tree, t)) {
  const ends = list => known && HT.intervalOf(tree, t, list[r.key]);
  rows[r.name] = { flat: r.flat, cum: r.cum, flatEnds: ends(known ? known.flat : []), cumEnds: ends(known ? known.cum : []),
    believed: known && known.flat[r.key] ? Math.sign(known.flat[r.key].believed) : 0 };
}
// The same sums by node: what the flame graph's tooltip has.
const nodes = [];
for (let i = 0; i < Math.min(tree.size, 60); i++) {
  const self = tree.own(i, t);
  nodes.push({ name: tree.names[tree.key[i]], value: tree.value(i, t), ends: tree.interval(i, t), faint: tree.faint(i, t),
    root: i === 0, own: !!self });
}
console.log(JSON.stringify({ why: tree.why(t), paired: !!before && !tree.why(t) && tree.verdicts(t).paired, rows, nodes,
  sureness: HT.sureness(tree, t), margins: [[100, [82, 118]], [12.3 * 2 ** 20, [8.9 * 2 ** 20, 17 * 2 ** 20]], [100, [99.6, 100.3]]]
    .map(([v, e]) => HT.margin(v, e, 'bytes')) }));
