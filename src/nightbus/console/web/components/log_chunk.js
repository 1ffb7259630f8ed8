// Lines of a log, drawn once for as long as they stay the same. The browser skips chunks that are out of sight.
import { html, useEffect, useMemo, useRef } from '../html.js'
import { when } from '../format.js'
import { href, pathOf } from '../router.js'
import { readLine } from '../log_lines.js'
import { functionOfGroup } from '../resource_links.js'
import { CopyButton } from './copy.js'
import { JsonView } from './json.js'
import { Button } from './page.js'

/** `lines` of `group`, oldest first; `opened` is the id of the line whose details are shown, `onOpen(id)` changes it. */
export function LogChunk({ lines, group, utc, opened, onOpen }) {
  return useMemo(
    () => html`<ol class="log-chunk">
      ${lines.map(line => html`<${Line} key=${line.id} line=${line} group=${group} utc=${utc} open=${line.id === opened} onOpen=${onOpen} />`)}
    </ol>`,
    [lines, utc, opened],
  )
}

function Line({ line, group, utc, open, onOpen }) {
  const read = useMemo(() => readLine(line.message), [line])
  return html`<li class=${['log-line', read.kind, read.level, open && 'open'].filter(Boolean).join(' ')}>
    <button type="button" class="log-time" aria-expanded=${open ? 'true' : 'false'} onClick=${() => onOpen(open ? null : line.id)}>${clockIn(line.time, utc)}</button>
    <span class="log-text">${line.message.trimEnd()}</span>
    ${read.kind === 'start' && line.event_id && html`<a class="log-link" href=${href(pathOf('events', line.event_id))}>Event</a>`}
    ${open && html`<${Details} line=${line} group=${group} json=${read.json} />`}
  </li>`
}

function Details({ line, group, json }) {
  const name = functionOfGroup(group)
  const box = useRef(null)
  useEffect(() => box.current.scrollIntoView({ block: 'nearest' }), [])
  return html`<div class="log-details" ref=${box}>
    <div class="row wrap">
      ${line.event_id && html`<${Button} small to=${href(pathOf('events', line.event_id))}>Its event<//>`}
      ${line.request_id && name && html`<${Button} small to=${href(pathOf('functions', name), { request: line.request_id })}>Its invocation<//>`}
      ${line.request_id && html`<${Button} small to=${href('/logs', { group, request: line.request_id })}>Only this invocation<//>`}
      <${CopyButton} text=${line.message} label="Copy the line" />
    </div>
    <p class="muted">${new Date(line.time).toISOString()} · stream <code>${line.stream}</code>${line.request_id && html` · request <code>${line.request_id}</code>`}</p>
    ${json && html`<${JsonView} value=${json} label="The line as JSON" />`}
  </div>`
}

const clockIn = (time, utc) => (utc ? new Date(time).toISOString().slice(5, 23).replace('T', ' ') : when(time))
