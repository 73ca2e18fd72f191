// What pages do beside htmx: live parts that can be stopped, the theme, relative
// times, the stream of events. Nothing here is needed to read a page or to act.
(() => {
  'use strict';
  const $ = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

  // Theme: system, then the other one of light and dark, in a cookie so that the
  // server writes it into the next page.
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const themeNow = () => document.documentElement.dataset.theme || (dark.matches ? 'dark' : 'light');
  const nameTheme = () => all('[data-theme-toggle]').forEach((button) => {
    button.lastElementChild.textContent = themeNow() === 'dark' ? 'Light' : 'Dark';
  });
  document.addEventListener('click', (event) => {
    if (!event.target.closest('[data-theme-toggle]')) return;
    const next = themeNow() === 'dark' ? 'light' : 'dark';
    document.documentElement.dataset.theme = next;
    document.cookie = `acsgate-theme=${next}; path=/; max-age=31536000; samesite=strict`;
    nameTheme();
    document.dispatchEvent(new Event('acsgate:theme'));
  });
  dark.addEventListener('change', () => { nameTheme(); document.dispatchEvent(new Event('acsgate:theme')); });
  nameTheme();

  // Live: one button stops all that moves on a page.
  let live = true;
  window.acsgate = { live: () => live && !document.hidden };
  document.addEventListener('click', (event) => {
    const button = event.target.closest('[data-live-toggle]');
    if (!button) return;
    live = !live;
    showLive();
    document.dispatchEvent(new Event('acsgate:live'));
  });
  const showLive = () => all('[data-live-toggle]').forEach((button) => {
    button.setAttribute('aria-pressed', String(live));
    button.lastElementChild.textContent = live ? 'Live' : 'Stopped';
  });
  document.addEventListener('visibilitychange', () => document.dispatchEvent(new Event('acsgate:live')));

  // A part is not replaced while somebody is at work in it, by keyboard above all:
  // the focus would be lost.
  const busy = (part) => $('details.confirm[open]', part) ||
    (part.contains(document.activeElement) && document.activeElement.matches('input, select, :focus-visible')) ||
    (String(getSelection()) !== '' && part.contains(getSelection().anchorNode));
  const isPoll = (detail) => {
    const cause = detail.requestConfig.triggeringEvent;
    return detail.elt.matches('[data-live]') && !(cause && ['refresh', 'load'].includes(cause.type));
  };
  document.addEventListener('htmx:beforeRequest', (event) => {
    if (isPoll(event.detail) && (!window.acsgate.live() || busy(event.detail.elt))) event.preventDefault();
  });

  // Swaps keep what was unfolded, and errors of polls leave the page as it is.
  const trouble = (text) => { const bar = $('#trouble'); if (bar && bar.textContent !== text) { bar.textContent = text; bar.hidden = text === ''; } };
  let unfolded = [];
  document.addEventListener('htmx:beforeSwap', (event) => {
    const { elt, xhr } = event.detail;
    if (elt.matches('[data-live]') && xhr.status >= 400) {
      event.detail.shouldSwap = false;
      if (xhr.status !== 401) trouble('This page is not up to date: the gateway answers ' + xhr.status + '.');
      return;
    }
    trouble('');
    unfolded = all('details[open][id]', event.detail.target).map((x) => x.id);
  });
  document.addEventListener('htmx:afterSwap', () => {
    unfolded.forEach((id) => { const x = document.getElementById(id); if (x) x.open = true; });
    unfolded = [];
    const said = $('[data-announce]');
    if (said && $('#announce').textContent !== said.dataset.announce) $('#announce').textContent = said.dataset.announce;
    tick();
  });
  document.addEventListener('htmx:sendError', () => trouble('The gateway does not answer. The page is shown as it was.'));

  // Relative times go on while a page stays open.
  const span = (s) => s < 60 ? `${Math.floor(s)} s` : s < 3600 ? `${Math.floor(s / 60)} min` :
    s < 172800 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86400)} days`;
  function tick() {
    all('time[data-at]').forEach((x) => {
      const s = (Date.now() - Number(x.dataset.at)) / 1000;
      const text = Math.abs(s) < 1 ? 'now' : s < 0 ? 'in ' + span(-s) : span(s) + ' ago';
      if (x.textContent !== text) x.textContent = text;
    });
  }
  setInterval(() => { if (window.acsgate.live()) tick(); }, 1000);

  // How long something takes that is under way.
  document.addEventListener('htmx:beforeSend', (event) => {
    const shown = $(event.detail.elt.getAttribute('hx-indicator') || '#no-such');
    const text = shown && $('[data-elapsed-text]', shown);
    if (!text) return;
    const begun = Date.now();
    const show = () => { text.textContent = Math.floor((Date.now() - begun) / 1000) + ' s'; };
    show();
    const timer = setInterval(show, 1000);
    event.detail.elt.addEventListener('htmx:afterRequest', () => clearInterval(timer), { once: true });
  });

  // Events, newest first. Rows are made and escaped by the server.
  const list = $('[data-stream]');
  if (list) {
    const state = $('[data-stream-state]');
    const say = (text) => { if (state) state.textContent = text; };
    let source = null, last = new URL(list.dataset.stream, location.href).searchParams.get('after'), lost = 0;
    // After a restart of the gateway the number says nothing.
    const missing = () => lost === 0 ? '' : lost > 1e6 ? 'Some events are missing' : `${lost} events are missing: they were too many`;
    const start = () => {
      if (source) return;
      const at = new URL(list.dataset.stream, location.href);
      at.searchParams.set('after', last);
      source = new EventSource(at);
      source.addEventListener('open', () => say(missing()));
      source.addEventListener('row', (event) => {
        last = event.lastEventId;
        list.insertAdjacentHTML('afterbegin', event.data);
        while (list.children.length > Number(list.dataset.most)) list.lastElementChild.remove();
        const nothing = $('[data-stream-empty]');
        if (nothing) nothing.hidden = true;
      });
      source.addEventListener('lost', (event) => { lost += Number(event.data); say(missing()); });
      source.addEventListener('error', () => {
        if (source && source.readyState === EventSource.CLOSED) {
          source = null;
          say('The stream has ended. Load the page again.');
        } else say('The gateway does not answer. Trying again.');
      });
    };
    const stop = (text) => { if (source) source.close(); source = null; say(text); };
    const follow = () => { if (live && !document.hidden) start(); else stop(live ? '' : 'Stopped'); };
    document.addEventListener('acsgate:live', follow);
    addEventListener('pagehide', () => stop(''));
    addEventListener('pageshow', follow);
  }
})();
