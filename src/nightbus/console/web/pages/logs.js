// Log groups, and the lines of one: older ones by page, new ones as they come, each with its invocation and its event.
import { html, useLayoutEffect, useRef, useState } from '../html.js'
import { useLoad, usePref, useQuery } from '../hooks.js'
import { href, pathOf } from '../router.js'
import { count } from '../format.js'
import { useLines } from '../log_tail.js'
import { Empty, Failure, Loaded, Skeleton } from '../components/empty.js'
import { Time } from '../components/facts.js'
import { Search, Select } from '../components/filters.js'
import { LogChunk } from '../components/log_chunk.js'
import { Button, Page } from '../components/page.js'
import { Table } from '../components/table.js'
import { functionOfGroup } from '../resource_links.js'

export default function Logs({ query }) {
  return query.group ? html`<${Group} key=${query.group} query=${query} />` : html`<${Groups} query=${query} />`
}

const GROUP_COLUMNS = [
  {
    key: 'name',
    title: 'Group',
    cell: row => html`<a class="name" href=${href('/logs', { group: row.name })}>${row.name}</a>`,
  },
  { key: 'retention', title: 'Kept', num: true, cell: row => (row.retention ? `${row.retention} d` : 'for ever') },
  { key: 'created', title: 'Created', wide: true, cell: row => html`<${Time} ms=${row.created} />` },
]

function Groups({ query }) {
  const [, change] = useQuery()
  const groups = useLoad('/logs/groups', { prefix: query.prefix, limit: 1000 }, { every: 5000 })
  const empty = html`<div class="card"><${Empty} title=${query.prefix ? 'No group begins so' : 'No log groups yet'}>A function writes to its group from its first invocation on. A rule may have a group as its target.<//></div>`
  return html`<${Page} title="Logs">
    <div class="filters"><${Search} value=${query.prefix} placeholder="Group begins with" onInput=${prefix => change({ prefix })} /></div>
    <${Loaded} from=${groups}>${data => html`<${Table} label="Log groups" rows=${data.groups} rowKey=${row => row.name} columns=${GROUP_COLUMNS} to=${row => href('/logs', { group: row.name })} empty=${empty} />`}<//>
  <//>`
}

const SPANS = {
  '': ['All times', 0],
  '15m': ['Last 15 min', 900_000],
  '1h': ['Last hour', 3_600_000],
  '1d': ['Last day', 86_400_000],
}

function Group({ query }) {
  const [, change] = useQuery()
  const [wrap, setWrap] = usePref('logs.wrap', true)
  const [utc, setUtc] = usePref('logs.utc', false)
  const tail = query.tail !== 'off'
  const streams = useLoad('/logs/streams', { group: query.group, limit: 200 })
  const lines = useLines(query, SPANS[query.span]?.[1] ?? 0, tail)
  const name = functionOfGroup(query.group)
  const streamOptions = [['', 'All streams'], ...(streams.data?.streams ?? []).map(stream => stream.name)]
  return html`<${Page} title=${query.group} mono crumbs=${[['Logs', '/logs']]} actions=${name && html`<${Button} to=${href(pathOf('functions', name))}>Function<//>`}>
    <div class="filters">
      <${Search} value=${query.filter} label="Filter pattern" placeholder='Filter: ERROR, "a phrase", { $.level = "warn" }' onInput=${filter => change({ filter })} delay=${300} />
      <${Select} label="Stream" value=${query.stream ?? ''} options=${streamOptions} onChange=${stream => change({ stream })} />
      <${Select} label="Time" value=${query.span ?? ''} options=${Object.entries(SPANS).map(([key, [text]]) => [key, text])} onChange=${span => change({ span })} />
      ${query.request && html`<${Button} onClick=${() => change({ request: '' })} title="Show all invocations">Only request ${query.request.slice(0, 8)} ×<//>`}
      <span class="buttons" role="group" aria-label="View">
        <${Toggle} on=${tail} onChange=${on => change({ tail: on ? '' : 'off' })}>Live<//>
        <${Toggle} on=${wrap} onChange=${setWrap}>Wrap<//>
        <${Toggle} on=${utc} onChange=${setUtc}>UTC<//>
      </span>
    </div>
    ${lines.error ? html`<${Failure} error=${lines.error} />` : html`<${Viewer} lines=${lines} wrap=${wrap} utc=${utc} group=${query.group} />`}
  <//>`
}

const Toggle = ({ on, onChange, children }) =>
  html`<${Button} aria-pressed=${on ? 'true' : 'false'} onClick=${() => onChange(!on)}>${children}<//>`

function Viewer({ lines, wrap, utc, group }) {
  const box = useRef(null)
  const before = useRef(0)
  const [follows, setFollows] = useState(true)
  const [opened, setOpened] = useState(null)
  const total = lines.chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  lines.reads.current = !follows
  useLayoutEffect(() => {
    if (follows && box.current) box.current.scrollTop = box.current.scrollHeight
  }, [lines.chunks, follows, wrap])
  if (lines.loading && !total) return html`<div class="card"><${Skeleton} rows=${8} /></div>`
  if (!total) {
    return html`<div class="card"><${Empty} title="No lines">Nothing in this group fits the filter and the time. New lines appear here as they come.<//></div>`
  }
  const scrolled = () => {
    const { scrollTop, scrollHeight, clientHeight } = box.current
    if (scrollHeight - scrollTop - clientHeight < 40) setFollows(true)
    else if (scrollTop < before.current) setFollows(false)
    before.current = scrollTop
  }
  const older = async () => {
    const height = box.current.scrollHeight
    await lines.older()
    requestAnimationFrame(() => {
      if (box.current) box.current.scrollTop += box.current.scrollHeight - height
    })
  }
  const open = id => {
    setFollows(false)
    setOpened(id)
  }
  return html`<div class="card log-frame">
    <div class=${wrap ? 'log wraps' : 'log'} ref=${box} onScroll=${scrolled} tabindex="0" role="region" aria-label=${`Lines of ${group}`}>
      ${lines.next && html`<div class="log-older"><${Button} small onClick=${older}>Older lines<//></div>`}
      ${lines.chunks.map(chunk => html`<${LogChunk} key=${chunk[0].id} lines=${chunk} group=${group} utc=${utc} opened=${chunk.some(one => one.id === opened) ? opened : null} onOpen=${open} />`)}
    </div>
    <p class="log-foot muted">${count(total, 'line')}${lines.cut && ', the newest ones: a filter or a time leads to older ones'}
      ${!follows && html` · <button type="button" class="linkish" onClick=${() => setFollows(true)}>Go to the newest</button>`}</p>
  </div>`
}
