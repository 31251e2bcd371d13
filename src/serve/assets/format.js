// SPDX-License-Identifier: MIT
// Figures as text: values with their units, shares, intervals, and the names of sample types.
(function (root) {
  'use strict';

  const HT = root.HT = root.HT || {};
  const E = HT.evidence;

  const BYTES = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

  // Units of time, in nanoseconds.
  const TIMES = { nanoseconds: 1, microseconds: 1e3, milliseconds: 1e6, seconds: 1e9 };
  const SHOWN = [['hrs', 3.6e12], ['mins', 6e10], ['s', 1e9], ['ms', 1e6], ['us', 1e3], ['ns', 1]];

  function duration(ns) {
    const [name, size] = SHOWN.find(s => Math.abs(ns) >= s[1]) || SHOWN[SHOWN.length - 1];
    return (ns / size).toFixed(2).replace(/\.00$/, '') + name;
  }

  // Writes a value as pprof does: powers of 1024, units of time, at most two decimals.
  HT.format = function (v, unit) {
    if (TIMES[unit]) return v ? duration(v * TIMES[unit]) : '0';
    if (unit !== 'bytes') return Math.round(v).toLocaleString('en-US');
    let a = Math.abs(v), i = 0;
    while (a >= 1024 && i < BYTES.length - 1) { a /= 1024; i++; }
    const s = a.toFixed(2).replace(/\.00$/, '');
    return (v < 0 ? '-' : '') + s + BYTES[i];
  };

  HT.signed = (v, unit) => (v > 0 ? '+' : '') + HT.format(v, unit);

  HT.percent = function (v, of) {
    if (!of || !v) return '0%';
    const p = 100 * v / of, a = Math.abs(p);
    return (a >= 99.95 && a <= 100.05 ? p.toFixed(0) : a >= 1 ? p.toFixed(2) : p.toPrecision(2)) + '%';
  };

  // Writes a figure with three digits, in the unit that HT.format uses for `like`.
  function threeDigits(v, like, unit) {
    let a = Math.abs(like);
    if (unit === 'bytes') for (let i = 0; a >= 1024 && i < BYTES.length - 1; i++) { a /= 1024; v /= 1024; }
    return String(Number(v.toFixed(Math.abs(v) >= 100 ? 0 : Math.abs(v) >= 10 ? 1 : 2)));
  }

  // "±18%", or "(8.9–17)" in the unit of the value where it is lopsided: as the reports write it.
  HT.margin = function (value, ends, unit) {
    if (!ends) return '';
    const below = value - ends[0], above = ends[1] - value, more = Math.max(below, above), less = Math.min(below, above);
    const percent = value ? 100 * more / Math.abs(value) : Infinity;
    if (!(more >= 0.5)) return '';
    if (more <= less * 1.25 && percent < 100) return '±' + Math.max(0.1, percent).toFixed(percent < 0.95 ? 1 : 0) + '%';
    return '(' + threeDigits(ends[0], value, unit) + '–' + threeDigits(ends[1], value, unit) + ')';
  };

  // The same for a difference: both ends of its interval.
  HT.range = (ends, unit) => (ends ? '(' + HT.signed(ends[0], unit) + ' to ' + HT.signed(ends[1], unit) + ')' : '');

  // One line that says which intervals are shown, and how large an unlisted site may be.
  HT.sureness = function (tree, t) {
    const why = tree.why(t), rate = tree.sides[0].period;
    if (why && !tree.compared && !/(space|objects)$/.test(tree.sides[0].types[t].type)) return ''; // of no heap: nobody expects any
    if (tree.compared) return why ? 'No verdicts: ' + why + '.' : 'What may be chance is faint (tested at 5 % over stacks).';
    if (why) return 'No intervals: ' + why + '.';
    if (rate <= 1) return 'No intervals: every allocation was recorded.';
    const sure = E.confidence();
    return `Intervals of ${Math.round(100 * sure)} %; a site that holds less than ` + HT.format(-Math.log(1 - sure) * rate, 'bytes') +
      ' may not be listed.';
  };

  const TYPE_WORDS = {
    inuse_space: 'In use, bytes', inuse_objects: 'In use, objects',
    alloc_space: 'Allocated, bytes', alloc_objects: 'Allocated, objects',
    threads: 'Threads', samples: 'Samples', cpu: 'Processor time',
    peak_space: 'Peak, bytes', peak_objects: 'Peak, objects',
  };
  HT.typeLabel = t => TYPE_WORDS[t.type] || t.type;

  HT.base = path => path.slice(path.lastIndexOf('/') + 1);

  HT.threeDigits = threeDigits;
})(typeof window !== 'undefined' ? window : globalThis);
