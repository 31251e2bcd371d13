// SPDX-License-Identifier: MIT
// A folded flame graph beside the full one, by the page's own model: every sum is the same, every
// frame that is kept is exact, and none that is as wide as a pixel has gone.
// node folded.mjs FOLDED.html FULL.html
import fs from 'node:fs';
import vm from 'node:vm';
import zlib from 'node:zlib';

const read = file => {
  const text = fs.readFileSync(file, 'utf8');
  const data = name => {
    const m = text.match(new RegExp(`<script type="text/plain" id="${name}">(.*?)</script>`, 's'));
    return m && JSON.parse(zlib.gunzipSync(Buffer.from(m[1], 'base64')));
  };
  return { text, profile: data('profile'), before: data('before') };
};
const [folded, full] = process.argv.slice(2).map(read);
const root = {};
for (const name of ['distribution', 'evidence', 'format', 'filter', 'tree', 'verdicts', 'tables']) {
  vm.runInNewContext(fs.readFileSync(new URL(`../../src/serve/assets/${name}.js`, import.meta.url)), root);
}
const HT = root.HT;
let failures = 0;
const check = (what, ok, seen) => {
  if (!ok) { failures++; console.log('FAIL', what, JSON.stringify(seen)); }
};

// Values by path. Names have no newline.
const paths = (tree, t) => {
  const names = ['all'], out = new Map([['all', [tree.value(0, t), tree.now(0, t), tree.before(0, t)]]]);
  for (let i = 1; i < tree.size; i++) {
    names[i] = names[tree.parent[i]] + '\n' + tree.names[tree.key[i]];
    out.set(names[i], [tree.value(i, t), tree.now(i, t), tree.before(i, t)]);
  }
  return out;
};

check('it is folded', folded.profile.inverted && !full.profile.inverted);
check('it says so', /--full keeps all/.test(folded.text) && !/--full keeps all/.test(full.text));
for (const inverted of [false, true]) {
  const opt = { granularity: 'lines', inverted };
  const a = HT.buildTree(folded.profile, folded.before, opt), b = HT.buildTree(full.profile, full.before, opt);
  for (const t of [0, full.profile.types.length - 1]) {
    const kept = paths(a, t), all = paths(b, t), total = all.get('all');
    check('totals', JSON.stringify(kept.get('all')) === JSON.stringify(total), [inverted, t, kept.get('all'), total]);
    let exact = 0, narrow = 0, wide = 0;
    for (const [path, values] of kept) {
      if (path.endsWith('(narrow)')) narrow++;
      else if (JSON.stringify(all.get(path)) === JSON.stringify(values)) exact++;
      else check('exact', false, [inverted, t, path.slice(-80), values, all.get(path)]);
      if (failures > 10) process.exit(1);
    }
    for (const [path, values] of all) {
      if (values[1] * 2000 < total[1] && (values[2] * 2000 < total[2] || !total[2])) continue;
      wide++;
      check('a wide one stays', kept.has(path), [inverted, t, path.slice(-80), values]);
      if (failures > 10) process.exit(1);
    }
    check('it has some of each', exact > 1000 && narrow > 100 && wide > 5, [exact, narrow, wide]);
  }
}
console.log(failures ? 'failed' : 'ok: %d and %d frames of %d', folded.profile.nodes.frame.length,
  folded.profile.inverted.frame.length, full.profile.nodes.frame.length);
process.exit(failures ? 1 : 0);
