// Time between drawn frames over the last seconds.

import { uPlot } from "../../vendor/plot.js";

const HEIGHT = 72;

export class IntervalPlot {
  /** @param {HTMLElement} element @param {number} span milliseconds */
  constructor(element, span) {
    this.element = element;
    this.span = span / 1000;
    this.expected = 50;
    const axis = { stroke: "#7c8694", font: "11px system-ui, sans-serif", grid: { stroke: "rgba(255,255,255,0.06)", width: 1 }, ticks: { show: false } };
    this.plot = new uPlot(
      {
        width: Math.max(120, element.clientWidth),
        height: HEIGHT,
        padding: [6, 4, 8, 0],
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { time: false, range: [-this.span, 0] }, y: { range: (_plot, _low, high) => [0, Math.max(2 * this.expected, Math.min(high * 1.1, 40 * this.expected))] } },
        axes: [
          { ...axis, show: false },
          { ...axis, size: 46, gap: 4, values: (_plot, ticks) => ticks.map((tick) => (tick < 1000 ? `${tick} ms` : `${tick / 1000} s`)), space: 26 },
        ],
        series: [{}, { stroke: "#8fdcc6", width: 1.25, fill: "rgba(143,220,198,0.09)", points: { show: false } }],
      },
      [[], []],
      element,
    );
    new ResizeObserver(() => this.plot.setSize({ width: Math.max(120, element.clientWidth), height: HEIGHT })).observe(element);
  }

  /** @param {{ at: number, interval: number }[]} intervals milliseconds @param {number} now */
  draw(intervals, now) {
    if (this.element.offsetParent === null) return;
    this.plot.setData([intervals.map(({ at }) => (at - now) / 1000), intervals.map(({ interval }) => interval)]);
  }
}
