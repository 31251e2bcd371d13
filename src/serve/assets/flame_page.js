// SPDX-License-Identifier: MIT
// The stand-alone flame graph file: its controls and its address.
(function () {
  'use strict';

  const HT = window.HT, $ = id => document.getElementById(id);

  // Reads a profile in the file: base64 of gzipped JSON.
  async function unpack(id) {
    if (!$(id)) return null;
    const bytes = Uint8Array.from(atob($(id).textContent), c => c.charCodeAt(0));
    return JSON.parse(await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).text());
  }

  function show(data, before) {
    const hash = new URLSearchParams(location.hash.slice(1));
    const state = {
      type: Number(hash.get('type') || data.default),
      inverted: hash.get('inverted') === '1',
      colour: hash.get('colour') || (before ? 'change' : 'module'),
      granularity: hash.get('by') || 'functions',
      search: hash.get('search') || '',
      confidence: hash.get('confidence') || document.body.dataset.confidence,
    };
    if (!(state.type >= 0 && state.type < data.types.length)) state.type = data.default;
    if (!['90', '95', '99'].includes(state.confidence)) state.confidence = '95';

    const flame = new HT.Flame($('flame'), {
      hover: (i, x, y) => HT.tooltip($('tip'), flame, i, x, y),
      select: i => { $('facts').hidden = i < 0; if (i >= 0) HT.facts($('facts'), flame, i); },
      zoom: () => { $('reset').disabled = flame.zoomed === 0; },
    });

    function save() {
      const h = new URLSearchParams();
      if (state.type !== data.default) h.set('type', state.type);
      if (state.inverted) h.set('inverted', '1');
      if (state.colour !== (before ? 'change' : 'module')) h.set('colour', state.colour);
      if (state.granularity !== 'functions') h.set('by', state.granularity);
      if (state.search) h.set('search', state.search);
      if (state.confidence !== document.body.dataset.confidence) h.set('confidence', state.confidence);
      try {
        history.replaceState(null, '', '#' + h);
      } catch (e) {
        // Some browsers refuse this for file: addresses; the page works without.
      }
    }

    function search() {
      const r = flame.searchFor(state.search);
      $('found').textContent = state.search ? (r.nodes ? r.nodes + ' frames, ' + (100 * r.share).toFixed(1) + '%'
        : 'no frame matches') : '';
      save();
    }

    function rebuild() {
      const tree = HT.buildTree(data, before, state);
      HT.evidence.chooseConfidence(state.confidence);
      flame.colour = state.colour;
      flame.show(tree, state.type, HT.moduleHues(data));
      $('empty').hidden = flame.lay.width[0] > 0;
      $('sure').textContent = HT.sureness(tree, state.type);
      HT.legend($('legend'), flame, m => {
        state.search = m.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
        $('search').value = state.search;
        search();
      });
      $('reset').disabled = flame.zoomed === 0;
      search();
    }

    data.types.forEach((t, i) => $('type').append(new Option(HT.typeLabel(t), i, false, i === state.type)));
    $('type').addEventListener('change', e => { state.type = Number(e.target.value); rebuild(); });
    if (before) $('colour').append(new Option('change', 'change'));
    $('colour').value = state.colour;
    $('colour').addEventListener('change', e => { state.colour = e.target.value; rebuild(); });
    $('by').value = state.granularity;
    $('by').addEventListener('change', e => { state.granularity = e.target.value; rebuild(); });
    $('confidence').value = state.confidence;
    $('confidence').addEventListener('change', e => { state.confidence = e.target.value; rebuild(); });
    $('inverted').checked = state.inverted;
    $('inverted').addEventListener('change', e => { state.inverted = e.target.checked; rebuild(); });
    $('search').value = state.search;
    $('search').addEventListener('input', e => { state.search = e.target.value; search(); });
    $('reset').addEventListener('click', () => flame.zoom(0));
    $('theme').addEventListener('click', () => {
      document.documentElement.dataset.theme = HT.dark() ? 'light' : 'dark';
      rebuild();
    });
    $('help-button').addEventListener('click', () => $('help').showModal());
    $('help-close').addEventListener('click', () => $('help').close());
    $('facts').hidden = true;

    document.addEventListener('keydown', e => {
      if (e.ctrlKey || e.metaKey || e.altKey || $('help').open) return;
      const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
      if (e.key === 'Escape') {
        if (document.activeElement === $('search') && state.search) {
          $('search').value = state.search = '';
          search();
        } else if (flame.zoomed) flame.zoom(0);
        $('flame').querySelector('canvas').focus();
        return;
      }
      if (typing) return;
      switch (e.key) {
      case '/': $('search').focus(); $('search').select(); break;
      case 'i': $('inverted').click(); break;
      case 't': $('type').selectedIndex = (state.type + 1) % data.types.length;
        $('type').dispatchEvent(new Event('change')); break;
      case 'c': $('colour').selectedIndex = ($('colour').selectedIndex + 1) % $('colour').options.length;
        $('colour').dispatchEvent(new Event('change')); break;
      case '0': flame.zoom(0); break;
      case '?': $('help').showModal(); break;
      default: return;
      }
      e.preventDefault();
    });

    window.heaptap = { data, flame, state };
    rebuild();
  }

  if (typeof DecompressionStream === 'undefined') {
    $('empty').hidden = false;
    $('empty').textContent = 'This browser is too old for the page: Chrome 80, Firefox 113 or Safari 16.4 have what it needs.';
  } else Promise.all([unpack('profile'), unpack('before')]).then(profiles => show(...profiles));
})();
