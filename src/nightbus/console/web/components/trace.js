// The way of an event as a tree with a timeline: rules and targets, attempts, runs with their logs in place, and what they caused.
import { html, useMemo, useState } from '../html.js'
import { clock, duration, shortName, when } from '../format.js'
import { href, pathOf } from '../router.js'
import { pageOfArn } from '../resource_links.js'
import { spanOf, traceRows } from '../trace_rows.js'
import { StateChip } from './chip.js'
import { Icon } from './icon.js'
import { Button } from './page.js'

const BAD = /\b(error|exception|traceback|task timed out|fatal)\b/i
const BAR = { delivered: 'good', succeeded: 'good', failed: 'bad', 'broken off': 'bad', 'will be tried again': 'warn' }

function Axis({ span }) {
  const steps = [0, 0.5, 1]
  return html`<span class="trace-axis">${steps.map(part => html`<span style=${{ insetInlineStart: `${part * 100}%` }}>${part ? duration((span.to - span.from) * part) : ''}</span>`)}</span>`
}

function Bar({ row, span }) {
  if (typeof row.start !== 'number' || !span) return html`<span class="trace-bar" />`
  const whole = span.to - span.from
  const left = ((row.start - span.from) / whole) * 100
  const end = row.end ?? span.to
  const width = Math.max(0, ((end - row.start) / whole) * 100)
  const kind = row.kind === 'event' ? 'event' : BAR[row.state] ?? ''
  const title = `${clock(row.start)}${row.end && row.end !== row.start ? ` to ${clock(row.end)}` : ''}`
  return html`<span class="trace-bar" title=${title}><i class=${kind} style=${{ insetInlineStart: `${Math.min(left, 99.5)}%`, width: kind === 'event' ? undefined : `${width}%` }} /></span>`
}

function linkOf(row) {
  if (row.event) return href(pathOf('events', row.event))
  if (row.kind === 'cause' && row.name) return href(pathOf('functions', row.name))
  return pageOfArn(row.arn)
}

function Label({ row }) {
  const link = !row.here && linkOf(row)
  const text = row.kind === 'event' ? html`<b>${row.label}</b>` : row.label
  return html`<span class="trace-label">
    ${Array.from({ length: row.depth }, () => html`<span class="guide" />`)}
    <${Icon} name=${row.icon} />
    <span class="trace-text" title=${[row.rule && `rule ${row.rule}`, row.arn ?? row.label, row.note].filter(Boolean).join(' · ')}>
      ${row.rule && html`<span class="muted">${shortName(row.rule)} → </span>`}${link ? html`<a href=${link}>${text}</a>` : text}
      ${row.note && html`<span class="muted"> ${row.note}</span>`}${row.cut && html`<span class="muted"> (${row.cut})</span>`}
    </span>
  </span>`
}

function Lines({ row, depth }) {
  const [open, setOpen] = useState(row.log.length <= 30)
  const shown = open ? row.log : row.log.slice(0, 8)
  return html`<div class="trace-log"><span class="trace-label">
    ${Array.from({ length: depth }, () => html`<span class="guide" />`)}
    <div class="grow"><div class="lines" tabindex="0" role="region" aria-label="Log of this run">
      ${shown.map((line, index) => html`<div key=${index} class=${/^(START|END|REPORT|INIT_START) /.test(line.message) ? 'muted' : BAD.test(line.message) ? 'bad-line' : ''}><time>${clock(line.time)}</time><span>${String(line.message).replace(/\n$/, '')}</span></div>`)}
    </div>${!open && html`<${Button} kind="plain" small onClick=${() => setOpen(true)}>Show all ${row.log.length} lines<//>`}</div>
  </span></div>`
}

function Row({ row, span }) {
  const lasted = row.duration ?? (row.end && row.start && row.end > row.start ? row.end - row.start : null)
  return html`<div class=${row.here ? 'trace-row this' : 'trace-row'} role="listitem">
      <${Label} row=${row} />
      <span>${row.state && html`<${StateChip} state=${row.state} />`}</span>
      <span class="trace-time">${row.kind === 'event' ? clock(row.start) : lasted !== null ? duration(lasted) : ''}</span>
      <${Bar} row=${row} span=${span} />
    </div>
    ${(row.why || row.next) && html`<div class="trace-log" role="listitem"><span class="trace-label">${Array.from({ length: row.depth }, () => html`<span class="guide" />`)}
      <span class="trace-why">${row.why}${row.refusals && html` <a href=${href('/access', { text: row.refusals })}>What would allow it</a>`}${row.next && html`<span class="muted"> next at ${when(row.next)}</span>`}</span></span></div>`}`
}

/** `<${Trace} node=${answer of /events/ID/trace} />`. */
export function Trace({ node }) {
  const rows = useMemo(() => traceRows(node), [node])
  const span = useMemo(() => spanOf(rows), [rows])
  return html`<div class="trace" role="list" aria-label="Way of the event">
    <div class="trace-row head" aria-hidden="true"><span>What happened</span><span>State</span><span class="trace-time">Took</span>${span ? html`<${Axis} span=${span} />` : html`<span />`}</div>
    ${rows.map(row => (row.kind === 'log' ? html`<div role="listitem" key=${row.key}><${Lines} row=${row} depth=${row.depth} /></div>` : html`<${Row} key=${row.key} row=${row} span=${span} />`))}
  </div>`
}
