// SPDX-License-Identifier: MIT
// Requests to the server: the token, and the message while an answer takes time.
(function (root) {
  'use strict';

  const HT = root.HT, $ = id => document.getElementById(id);

  // Sends a request and returns the response. Throws unless its status is good. Adds the token; asks the user for one if the server wants it.
  HT.get = async function (path, more) {
    const token = sessionStorage.getItem('heaptap-token');
    let r;
    try {
      r = await fetch(path, { ...more, headers: token ? { Authorization: 'Bearer ' + token } : {}, cache: 'no-store' });
    } catch (e) {
      throw new Error('the server does not answer');
    }
    if (r.status === 401) {
      await askToken();
      return HT.get(path, more);
    }
    if (!r.ok) throw new Error((await r.text()).slice(0, 300) || 'the server answers ' + r.status);
    return r;
  };

  // Bytes of a profile that a browser can take as one text.
  HT.mostBytes = 5e8;

  // Fetches a profile, and shows the progress while that takes time.
  HT.getProfile = async function (path) {
    const from = performance.now(), at = $('progress');
    let what = heaptap.info && heaptap.info.reading ? `The server reads ${heaptap.info.name}` : 'The server builds the profile';
    const say = () => {
      const s = (performance.now() - from) / 1000;
      at.hidden = s < 0.3;
      at.textContent = `${what}… ${s.toFixed(0)} s`;
    };
    const ticks = setInterval(say, 250);
    try {
      const r = await HT.get(path), reader = r.body.getReader(), parts = [];
      for (let n = 0; ;) {
        const { done, value } = await reader.read();
        if (done) break;
        parts.push(value);
        n += value.length;
        if (n > HT.mostBytes) {
          reader.cancel();
          throw new Error(`it is larger than ${HT.format(HT.mostBytes, 'bytes')}, which is too much for a browser. heaptap flame merges what is narrow, heaptap top -http --focus=REGEX serves a part`);
        }
        what = `Received ${HT.format(n, 'bytes')}`;
      }
      what = 'Reading it';
      return JSON.parse(await new Blob(parts).text());
    } finally {
      clearInterval(ticks);
      at.hidden = true;
    }
  };

  let asking = null;
  function askToken() {
    asking = asking || new Promise(done => {
      const go = () => {
        sessionStorage.setItem('heaptap-token', $('token').value);
        $('login').close();
        asking = null;
        done();
      };
      $('login-go').onclick = go;
      $('token').onkeydown = e => { if (e.key === 'Enter') go(); };
      $('login').showModal();
    });
    return asking;
  }
})(window);
