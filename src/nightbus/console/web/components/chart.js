// Small charts, drawn as SVG: a sparkline, lines over time with a value under the pointer, and columns.
import { html, useRef, useState } from '../html.js'
import { clock, short } from '../format.js'

function nice(top) {
  if (!(top > 0)) return 1
  const power = 10 ** Math.floor(Math.log10(top))
  return [1, 2, 2.5, 5, 10].map(step => step * power).find(step => step >= top)
}

/** A line without axes; `values` are numbers, oldest first. `kind="bad"` draws it red. */
export function Sparkline({ values, width = 96, height = 20, kind = '', label = '' }) {
  const top = Math.max(...values, 1e-9)
  const points = values.map((value, index) => `${(index / Math.max(1, values.length - 1)) * width},${height - 1 - (value / top) * (height - 2)}`)
  return html`<svg class="chart spark" width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} role="img" aria-label=${label}>
    ${points.length > 1 && html`<polyline class=${`line ${kind}`} points=${points.join(' ')} />`}
  </svg>`
}

/**
 * Lines over time: `series` is `[{name, points: [[ms, value], …], kind}]`, all with the same times. `unit(value)` writes a value. What the
 * chart shows is also in words (`label`), and under the pointer in the line below it.
 */
export function LineChart({ series, height = 120, unit = short, label }) {
  const box = useRef(null)
  const [at, setAt] = useState(null)
  const times = series[0]?.points.map(point => point[0]) ?? []
  const [from, to] = [times[0] ?? 0, times[times.length - 1] ?? 1]
  const top = nice(Math.max(...series.flatMap(one => one.points.map(point => point[1] ?? 0)), 0))
  const [width, bottom] = [600, height - 18]
  const x = ms => ((ms - from) / Math.max(1, to - from)) * width
  const y = value => bottom - (value / top) * (bottom - 8)
  const path = points => points.filter(point => point[1] !== null).map((point, index) => `${index ? 'L' : 'M'}${x(point[0]).toFixed(1)} ${y(point[1]).toFixed(1)}`).join('')
  const area = points => {
    const known = points.filter(point => point[1] !== null)
    return `${path(known)}L${x(known[known.length - 1][0]).toFixed(1)} ${bottom}L${x(known[0][0]).toFixed(1)} ${bottom}Z`
  }
  const moved = event => {
    const frame = box.current.getBoundingClientRect()
    const ms = from + ((event.clientX - frame.left) / frame.width) * (to - from)
    setAt(times.reduce((best, one, index) => (Math.abs(one - ms) < Math.abs(times[best] - ms) ? index : best), 0))
  }
  const last = Math.max(0, times.length - 1)
  const shown = at ?? last
  return html`<figure>
    <svg ref=${box} class="chart" height=${height} viewBox=${`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label=${label}
      onPointerMove=${moved} onPointerLeave=${() => setAt(null)}>
      ${[0, 0.5, 1].map(part => html`<line class="grid" x1="0" x2=${width} y1=${y(top * part)} y2=${y(top * part)} vector-effect="non-scaling-stroke" />`)}
      ${series.map((one, index) => html`${index === 0 && path(one.points) && html`<path class="area" d=${area(one.points)} />`}
        <path class=${`line ${one.kind ?? ''}`} d=${path(one.points)} />`)}
      ${at !== null && html`<line class="grid" x1=${x(times[at])} x2=${x(times[at])} y1="0" y2=${bottom} vector-effect="non-scaling-stroke" />`}
    </svg>
    <figcaption class="chart-tip tabular">${times.length === 0 ? 'No data yet' : html`${clock(times[shown], { millis: false })} · ${
      series.map((one, index) => html`${index > 0 && ' · '}${one.name} ${unit(one.points[shown]?.[1] ?? 0)}`)}`}<span class="chart-top">up to ${unit(top)}</span></figcaption>
  </figure>`
}

/** Columns, one for each of `[{label, value, kind}]`; the label is its tooltip. */
export function Columns({ items, height = 48, label, onPick }) {
  const top = nice(Math.max(...items.map(item => item.value), 0))
  const step = 600 / Math.max(1, items.length)
  return html`<svg class="chart" height=${height} viewBox=${`0 0 600 ${height}`} preserveAspectRatio="none" role="img" aria-label=${label}>
    ${items.map((item, index) => {
      const size = Math.max(item.value > 0 ? 1.5 : 0, (item.value / top) * (height - 4))
      return html`<rect class=${`column ${item.kind ?? ''}`} x=${index * step + step * 0.1} y=${height - size} width=${Math.min(step * 0.8, 24)} height=${size}
        onClick=${onPick && (() => onPick(item))}><title>${item.label}</title></rect>`
    })}
  </svg>`
}
