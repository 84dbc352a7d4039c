import uPlot from 'uplot'

import { fill, rate, time, timeWithSeconds } from './format.js'

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

/** Shows the figure under the pointer in a small label of the theme's own. */
function tip(root, sentence) {
  const label = document.createElement('div')
  label.className = 'chart-tip'
  label.hidden = true
  return {
    hooks: {
      init: (plot) => plot.over.append(label),
      setCursor: (plot) => {
        const { idx, left } = plot.cursor
        const value = idx == null ? null : plot.data[1][idx]
        label.hidden = value == null
        if (value == null) return
        label.textContent = fill(sentence, {
          time: time(new Date(plot.data[0][idx] * 1000)),
          rate: rate(value),
        })
        const room = plot.over.clientWidth - label.offsetWidth
        label.style.transform = `translate(${Math.max(0, Math.min(left + 10, room))}px, 4px)`
      },
    },
  }
}

/**
 * The messages per minute over time, in an element.
 *
 * `data` is two columns: seconds since 1970, messages per minute.
 */
export class Throughput {
  constructor(element, { data, tipSentence }) {
    this.element = element
    this.tipSentence = tipSentence
    this.data = data
    this.draw()
    this.watcher = new ResizeObserver(() => this.resize())
    this.watcher.observe(element)
    addEventListener('recado:theme', () => this.draw())
  }

  draw() {
    this.plot?.destroy()
    this.plot = new uPlot(this.options(), this.data, this.element)
  }

  resize() {
    this.plot.setSize({ width: this.element.clientWidth, height: this.element.clientHeight })
  }

  set(data) {
    this.data = data
    this.plot.setData(data)
  }

  options() {
    const line = color('--color-primary')
    const grid = { stroke: color('--color-base-300'), width: 1 }
    const axis = {
      stroke: color('--color-base-content'),
      font: '12px "Inter Variable", sans-serif',
      ticks: { show: false },
      grid,
    }
    return {
      width: this.element.clientWidth,
      height: this.element.clientHeight,
      padding: [12, 20, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 8, fill: line } },
      scales: { y: { range: (_, __, top) => [0, Math.max(5, top * 1.15)] } },
      axes: [
        {
          ...axis,
          grid: { show: false },
          size: 28,
          space: 80,
          values: (_, ticks, __, ___, step) =>
            ticks.map((tick) => (step < 60 ? timeWithSeconds : time)(new Date(tick * 1000))),
        },
        { ...axis, size: 44, space: 40, values: (_, ticks) => ticks.map(rate) },
      ],
      series: [
        {},
        {
          stroke: line,
          width: 2,
          fill: `color-mix(in oklab, ${line} 14%, transparent)`,
          points: { show: false },
        },
      ],
      plugins: [tip(this.element, this.tipSentence)],
    }
  }
}
