// Finds what keeps people from using a page. Its value is a list of sentences.
(() => {
  'use strict';
  const flaws = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const seen = (x) => x.checkVisibility({ checkVisibilityCSS: true }) && x.getClientRects().length > 0;
  const name = (x) => {
    const id = x.id ? '#' + x.id : '';
    const text = (x.textContent || '').trim().replace(/\s+/g, ' ').slice(0, 40);
    return `<${x.tagName.toLowerCase()}${id} class="${x.getAttribute('class') || ''}"> "${text}"`;
  };
  const labelled = (x) => (x.getAttribute('aria-labelledby') || '').split(/\s+/).filter(Boolean)
    .map((id) => document.getElementById(id)?.textContent || '').join('').trim();

  // The page as a whole.
  if (!document.documentElement.lang) flaws.push('the page has no language');
  if (!document.title.trim()) flaws.push('the page has no title');
  if (all('main').length !== 1) flaws.push('the page has not one main part');
  const h1 = all('h1').filter(seen);
  if (h1.length !== 1) flaws.push(`the page has ${h1.length} h1`);
  let level = 0;
  for (const h of all('h1, h2, h3, h4').filter(seen)) {
    const now = Number(h.tagName[1]);
    if (now > level + 1) flaws.push(`${name(h)} follows a heading of level ${level}`);
    level = now;
  }
  const ids = new Set();
  for (const x of all('[id]')) {
    if (ids.has(x.id)) flaws.push(`the id ${x.id} stands twice`);
    ids.add(x.id);
  }
  for (const x of all('[aria-labelledby], [aria-describedby], [aria-controls]')) {
    for (const attribute of ['aria-labelledby', 'aria-describedby', 'aria-controls']) {
      for (const id of (x.getAttribute(attribute) || '').split(/\s+/).filter(Boolean)) {
        if (!document.getElementById(id)) flaws.push(`${name(x)} refers to #${id}, which is not there`);
      }
    }
  }

  // Names.
  for (const x of all('input:not([type=hidden]), select, textarea').filter(seen)) {
    const text = [...(x.labels || [])].map((l) => l.textContent).join('') + (x.getAttribute('aria-label') || '') + labelled(x);
    if (!text.trim()) flaws.push(`${name(x)} has no label`);
  }
  for (const x of all('button, a[href], summary, [role=button]').filter(seen)) {
    const text = x.textContent + (x.getAttribute('aria-label') || '') + labelled(x) +
      [...x.querySelectorAll('img')].map((i) => i.alt).join('');
    if (!text.trim()) flaws.push(`${name(x)} has no name`);
  }
  for (const x of all('img')) if (!x.hasAttribute('alt')) flaws.push(`${name(x)} has no alt`);
  for (const x of all('svg, canvas').filter(seen)) {
    if (!x.closest('[aria-hidden=true], [role=img]')) flaws.push(`${name(x)} in ${name(x.parentElement)} is neither hidden nor an image with a name`);
  }
  for (const x of all('[role=img]').filter(seen)) {
    if (!(x.getAttribute('aria-label') || labelled(x))) flaws.push(`${name(x)} is an image without a name`);
  }
  for (const x of all('[role=region], section, nav, fieldset').filter(seen)) {
    if (!(x.getAttribute('aria-label') || labelled(x) || x.querySelector('legend'))) flaws.push(`${name(x)} is a region without a name`);
  }
  for (const x of all('table').filter(seen)) if (!x.querySelector('th')) flaws.push(`${name(x)} has no headings`);

  // Tables that are displayed as something else are none any more, but for their roles.
  for (const x of all('table, thead, tbody, tr, th, td').filter(seen)) {
    if (x.closest('[aria-hidden=true], [role=img]')) continue;
    if (!/^table/.test(getComputedStyle(x).display) && !x.hasAttribute('role')) flaws.push(`${name(x)} is displayed as ${getComputedStyle(x).display}, and has no role`);
  }

  // Keyboard: what scrolls must take the focus.
  for (const x of all('body *').filter(seen)) {
    const style = getComputedStyle(x);
    const scrolls = (/(auto|scroll)/.test(style.overflowX) && x.scrollWidth > x.clientWidth + 1) ||
      (/(auto|scroll)/.test(style.overflowY) && x.scrollHeight > x.clientHeight + 1);
    if (scrolls && x.tabIndex < 0 && !x.querySelector('a[href], button, input, select, summary')) flaws.push(`${name(x)} scrolls and takes no focus`);
  }

  // Width.
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wide > 0) {
    const guilty = all('main *').filter((x) => x.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && !x.parentElement.closest('.scroll, .yaml'));
    flaws.push(`the page is ${wide} px wider than the window: ${guilty.slice(0, 3).map(name).join(', ')}`);
  }

  // Contrast (WCAG 1.4.3).
  const parse = (text) => {
    const n = (text.match(/[\d.]+(?:e-?\d+)?%?/g) || []).map((x) => parseFloat(x));
    if (text.startsWith('color(')) return { r: n[0] * 255, g: n[1] * 255, b: n[2] * 255, a: n[3] ?? 1 };
    return { r: n[0] || 0, g: n[1] || 0, b: n[2] || 0, a: n.length > 3 ? n[3] : text === 'transparent' ? 0 : 1 };
  };
  const over = (top, below) => ({
    r: top.r * top.a + below.r * (1 - top.a), g: top.g * top.a + below.g * (1 - top.a), b: top.b * top.a + below.b * (1 - top.a), a: 1,
  });
  const behind = (x) => {
    const layers = [];
    for (let at = x; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.a > 0) layers.push(colour);
      if (colour.a === 1) break;
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), { r: 255, g: 255, b: 255, a: 1 });
  };
  const light = ({ r, g, b }) => [r, g, b].map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const contrast = (a, b) => {
    const [hi, lo] = [light(a), light(b)].sort((x, y) => y - x);
    return (hi + 0.05) / (lo + 0.05);
  };
  const told = new Set();
  const read = (x, colour, what) => {
    const style = getComputedStyle(x), ground = behind(x);
    let ink = parse(colour);
    for (let at = x; at; at = at.parentElement) ink = { ...ink, a: ink.a * Number(getComputedStyle(at).opacity) };
    const size = parseFloat(style.fontSize), need = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    const found = contrast(over(ink, ground), ground);
    const key = `${what} ${x.tagName} ${x.className} ${colour}`;
    if (found < need && !told.has(key)) {
      told.add(key);
      flaws.push(`${what} of ${name(x)} has a contrast of ${found.toFixed(2)}, and needs ${need}`);
    }
  };
  for (const x of all('body *')) {
    if (!seen(x) || x.closest('[disabled]') || x.closest('.hidden-text') || x.tagName === 'OPTION') continue;
    if ([...x.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) read(x, getComputedStyle(x).color, 'the text');
    if (x.placeholder) read(x, getComputedStyle(x, '::placeholder').color, 'the placeholder');
    if (x.matches('input, select, textarea')) read(x, getComputedStyle(x).color, 'the text');
  }
  return flaws;
})()
