// Charts of the overview: uPlot draws what /series says, and the table below each
// chart says the same in numbers.
(() => {
  'use strict';
  const section = document.querySelector('[data-series]');
  if (!section) return;
  const range = new URL(section.dataset.range || '/', location.href).searchParams.get('range') || '30m';
  const seconds = { '10m': 600, '30m': 1800, '1h': 3600 }[range];
  const maxLines = 12;
  const charts = new Map();
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const short = (v) => v == null ? '–' : Math.abs(v) < 100 ? String(Math.round(v * 100) / 100) : Math.round(v).toLocaleString('en').replace(/,/g, '\u202f');

  const compact = (v) => v >= 1e6 ? v / 1e6 + ' M' : v >= 1e4 ? v / 1e3 + ' k' : String(v);
  const colour = (i) => css('--c' + (i % 8 + 1));

  // Where no pointer is, the legend tells the last values.
  let telling = false;
  const tellLast = (u) => {
    if (telling || u.legend.idx != null || !u.data[0].length) return;
    telling = true;
    u.setLegend({ idx: u.data[0].length - 1 });
    telling = false;
  };

  class Chart {
    constructor(figure) {
      this.figure = figure;
      this.holder = figure.querySelector('[data-plot]');
      this.times = [];
      this.lines = new Map();
      this.drawn = '';
    }

    // add takes what is new, and forgets what is older than the range.
    add(times, chart) {
      const before = this.times.length;
      for (const line of chart.lines) {
        if (!this.lines.has(line.label) && this.lines.size < maxLines) this.lines.set(line.label, new Array(before).fill(null));
      }
      const came = new Map(chart.lines.map((line) => [line.label, line.values]));
      for (const [label, values] of this.lines) values.push(...(came.get(label) || new Array(times.length).fill(null)));
      this.times.push(...times);
      const from = this.times.length ? this.times[this.times.length - 1] - seconds : 0;
      let old = 0;
      while (old < this.times.length && this.times[old] < from) old++;
      if (old) {
        this.times.splice(0, old);
        for (const values of this.lines.values()) values.splice(0, old);
      }
      for (const [label, values] of this.lines) if (values.every((v) => v == null)) this.lines.delete(label);
      this.unit = chart.unit;
      this.draw();
      this.table();
    }

    data() { return [this.times, ...this.lines.values()]; }

    draw() {
      const empty = this.lines.size === 0;
      this.figure.querySelector('[data-nothing]').hidden = !empty;
      this.holder.hidden = empty;
      const width = this.holder.clientWidth;
      if (empty || width === 0) return;
      const shape = [...this.lines.keys()].join('\n');
      if (this.plot && this.drawn === shape) {
        this.plot.setData(this.data());
        return;
      }
      if (this.plot) this.plot.destroy();
      this.drawn = shape;
      this.plot = new uPlot(this.options(width), this.data(), this.holder);
    }

    options(width) {
      const soft = css('--soft'), grid = css('--line');
      const axis = { stroke: soft, font: '12px system-ui, sans-serif', grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
      return {
        width, height: 150, cursor: { y: false, points: { size: 6 } },
        legend: { live: true, markers: { width: 0, fill: (u, i) => i ? colour(i - 1) : 'transparent' } },
        hooks: { setLegend: [tellLast] },
        scales: { y: { range: (u, min, max) => [0, max > 0 ? max * 1.08 : 1] } },
        axes: [
          { ...axis, space: 70, size: 28, values: (u, at, axis, space, step) => at.map((t) => new Date(t * 1000).toTimeString().slice(0, step < 60 ? 8 : 5)) },
          { ...axis, size: 48, space: 36, values: (u, at) => at.map(compact) },
        ],
        series: [
          { label: 'Time', value: (u, t) => t == null ? '–' : new Date(t * 1000).toTimeString().slice(0, 8) },
          ...[...this.lines.keys()].map((label, i) => ({
            label, stroke: colour(i), width: 1.6, dash: i < 8 ? undefined : [6, 4],
            points: { show: false }, value: (u, v) => v == null ? '–' : short(v) + (this.unit ? ' ' + this.unit : ''),
          })),
        ],
      };
    }

    again() {
      this.drawn = '';
      this.draw();
    }

    table() {
      const rows = [...this.lines].map(([label, values]) => {
        const known = values.filter((v) => v != null);
        const row = document.createElement('tr');
        const head = document.createElement('th');
        head.scope = 'row';
        head.textContent = label;
        row.append(head);
        const mean = known.reduce((a, b) => a + b, 0) / known.length;
        for (const v of [known[known.length - 1], Math.min(...known), mean, Math.max(...known)]) {
          const cell = document.createElement('td');
          cell.className = 'right';
          cell.textContent = short(v);
          row.append(cell);
        }
        return row;
      });
      this.figure.querySelector('[data-rows]').replaceChildren(...rows);
    }
  }

  for (const figure of section.querySelectorAll('[data-chart]')) charts.set(figure.dataset.chart, new Chart(figure));

  let last = 0, asking = false;
  async function ask() {
    if (asking) return;
    asking = true;
    try {
      const answer = await fetch(`${section.dataset.series}?range=${range}&after=${last}`, { headers: { Accept: 'application/json' } });
      if (answer.status === 401) return location.reload();
      if (!answer.ok) return;
      const body = await answer.json();
      if (body.times.length === 0 && last) return;
      if (body.times.length) last = body.times[body.times.length - 1];
      for (const chart of body.charts) charts.get(chart.key)?.add(body.times, chart);
    } catch { // The bar of the page says that the gateway does not answer.
    } finally {
      asking = false;
    }
  }
  ask();
  setInterval(() => { if (window.acsgate.live()) ask(); }, 5000);

  const again = () => charts.forEach((chart) => chart.again());
  document.addEventListener('acsgate:theme', again);
  document.querySelector('[data-more-charts]')?.addEventListener('toggle', again);
  let width = innerWidth, timer = 0;
  addEventListener('resize', () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(timer);
    timer = setTimeout(again, 150);
  });
})();
