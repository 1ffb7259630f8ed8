// The map: what is deployed, from producers over buses and rules to targets, with what flows through it now; or the same as a list.
import { html, useEffect, useMemo, useRef, useState } from '../html.js'
import { isClustered } from '../api.js'
import { count, shortName, when } from '../format.js'
import { useLive, useLoad, usePref, useQuery } from '../hooks.js'
import { pageOfArn } from '../resource_links.js'
import { href, pathOf } from '../router.js'
import { MANY, flowText, foundBy, groupsOf, readGraph, visible } from '../map_graph.js'
import { KIND_ICONS, KIND_NAMES } from '../map_kinds.js'
import { MapView } from '../components/map_view.js'
import { SidePanel } from '../components/dialog.js'
import { Empty, Loaded, Skeleton } from '../components/empty.js'
import { Facts, Id } from '../components/facts.js'
import { StateChip } from '../components/chip.js'
import { Search } from '../components/filters.js'
import { Icon } from '../components/icon.js'
import { Button, Page } from '../components/page.js'
import { Table } from '../components/table.js'

/** Where a thing has a page of its own. */
function addressOf(node) {
  if (node.kind === 'bus') return href('/events', { bus: node.name })
  if (node.kind === 'producer') return href('/events', { source: node.name })
  return pageOfArn(node.id)
}
/** The bus whose events a rule matches. */
const busOf = (node, graph) => {
  const from = graph.edges.find(edge => edge.to === node.id && edge.kind === 'matches')?.from
  return graph.nodes.find(one => one.id === from)?.name
}
const OPEN_LABELS = { bus: 'Its events', producer: 'Its events', 'log-group': 'Its log', archive: 'Archives and replays' }

/** `[layout, busy]`: the layout of what is drawn, made by a worker; the old one stays until the new one is there, and meanwhile it is `busy`. */
function useLayout(drawn) {
  const [layout, setLayout] = useState(null)
  const [asked, setAsked] = useState(0)
  const worker = useRef(null)
  const turn = useRef(0)
  const key = JSON.stringify([drawn.nodes.map(node => node.id), drawn.edges.map(edge => edge.id), drawn.boxes.map(box => box.group)])
  useEffect(() => {
    worker.current = new Worker(new URL('../map_layout_worker.js', import.meta.url), { type: 'module' })
    worker.current.onmessage = event => { if (event.data.turn === turn.current) setLayout(event.data) }
    return () => worker.current.terminate()
  }, [])
  useEffect(() => {
    turn.current++
    if (!drawn.nodes.length) return
    setAsked(turn.current)
    worker.current.postMessage({ turn: turn.current, drawn: JSON.parse(JSON.stringify(drawn)) })
  }, [key])
  return [layout, asked > (layout?.turn ?? 0)]
}

function useTraffic() {
  const first = useLoad('/traffic', { seconds: 10 }).data
  const [latest, setLatest] = useState(null)
  useLive(['traffic'], {}, (data, topic) => topic === 'traffic' && setLatest(Array.isArray(data) ? data[data.length - 1] : data))
  return latest ?? first
}

function Flow({ edges, end, graph, traffic, choose }) {
  if (!edges.length) return null
  const nodes = new Map(graph.nodes.map(node => [node.id, node]))
  return html`<div><h3>${end === 'to' ? 'Goes to' : 'Comes from'}</h3><ul class="flow">
    ${edges.map(edge => {
      const other = nodes.get(edge[end])
      const flow = traffic?.edges?.[edge.id]
      return html`<li key=${edge.id}><button type="button" class="flow-row" onClick=${() => choose(other)}><${Icon} name=${KIND_ICONS[other.kind] ?? 'out'} /><span class="cut grow" title=${other.name}>${shortName(other.name)}</span>
        <span class="muted">${edge.kind}${edge.state === 'disabled' ? ', disabled' : ''}</span>${flowText(flow) && html`<span class=${flow.errors > 0 ? 'chip bare bad' : 'chip bare good'}>${flowText(flow)}</span>`}</button></li>`
    })}</ul></div>`
}

function Panel({ node, graph, traffic, choose, close }) {
  const address = addressOf(node)
  const into = graph.edges.filter(edge => edge.to === node.id)
  const out = graph.edges.filter(edge => edge.from === node.id)
  const last = Math.max(0, ...[...into, ...out].map(edge => traffic?.edges?.[edge.id]?.last ?? 0))
  return html`<${SidePanel} title=${shortName(node.name)} onClose=${close}>
    ${node.failing && html`<div class="note bad"><b>Failing.</b> ${node.failing === true ? '' : node.failing}</div>`}
    <${Facts} items=${[
      ['Name', node.name !== shortName(node.name) && node.name],
      ['Kind', (KIND_NAMES[node.kind] ?? node.kind).replace(/s$/, '').replace('Buse', 'Bus')],
      ['State', node.state && html`<${StateChip} state=${node.state} />`],
      ['Stack', node.stack && html`<a href=${href(pathOf('stacks', node.stack))}>${node.stack}</a>`],
      ['Detail', node.detail],
      ['Last traffic', last > 0 && when(last, { millis: false })],
      ['Id', /^arn:/.test(node.id) && html`<${Id} value=${node.id} />`],
    ]} />
    ${address && html`<div class="row"><${Button} to=${address} icon=${KIND_ICONS[node.kind]}>${OPEN_LABELS[node.kind] ?? 'Open'}<//>
      ${node.kind === 'rule' && html`<${Button} icon="pattern" to=${href('/patterns', { rule: node.name, bus: busOf(node, graph) })}>Try its pattern<//>`}</div>`}
    <${Flow} edges=${into} end="from" graph=${graph} traffic=${traffic} choose=${choose} />
    <${Flow} edges=${out} end="to" graph=${graph} traffic=${traffic} choose=${choose} />
  <//>`
}

function List({ graph, found, hidden, traffic, choose }) {
  const rows = graph.nodes.filter(node => !hidden.has(node.kind) && (!found || found.hits.has(node.id)))
  const through = node => traffic?.nodes?.[node.id] ?? null
  const targets = id => graph.edges.filter(edge => edge.from === id).length
  const columns = [
    { key: 'name', title: 'Name', cell: node => html`<span class="row"><${Icon} name=${KIND_ICONS[node.kind] ?? 'out'} /><span class="name" title=${node.name}>${shortName(node.name)}</span></span>` },
    { key: 'kind', title: 'Kind', cell: node => node.kind.replace('-', ' ') },
    { key: 'stack', title: 'Stack', wide: true },
    { key: 'state', title: 'State', sort: node => (node.failing ? 'failing' : node.state), cell: node => (node.failing ? html`<${StateChip} state="failed" label="failing" />` : node.state && html`<${StateChip} state=${node.state} />`) },
    { key: 'out', title: 'Goes to', num: true, wide: true, sort: node => targets(node.id), cell: node => targets(node.id) || '' },
    { key: 'rate', title: 'Traffic', num: true, sort: node => through(node)?.count ?? 0, cell: node => flowText(through(node)) },
  ]
  return html`<${Table} label="Everything on the map" columns=${columns} rows=${rows} onOpen=${choose} empty=${html`<div class="card"><${Empty} title="Nothing fits">Search for a part of a name, a kind or a stack.<//></div>`} />`
}

function Kinds({ graph, hidden, setHidden }) {
  const counts = new Map()
  for (const node of graph.nodes) counts.set(node.kind, (counts.get(node.kind) ?? 0) + 1)
  const turn = kind => setHidden(old => (old.includes(kind) ? old.filter(one => one !== kind) : [...old, kind]))
  return html`<div class="kinds" role="group" aria-label="Kinds shown">
    ${Object.keys(KIND_NAMES).filter(kind => counts.has(kind)).map(kind => html`<button type="button" key=${kind} class="kind" aria-pressed=${!hidden.has(kind)} onClick=${() => turn(kind)}>
      <${Icon} name=${KIND_ICONS[kind]} size=${14} />${KIND_NAMES[kind]}<span class="muted">${counts.get(kind)}</span></button>`)}
  </div>`
}

function Groups({ groups, collapsed, fold, found }) {
  if (!groups.length || found) return null
  const all = groups.every(group => collapsed.has(group))
  return html`<${Button} icon="stack" onClick=${() => fold(all ? [] : groups)}>${all ? 'Open the groups' : 'Collapse the groups'}<//>`
}

function Whole({ graph, query, change }) {
  const [hiddenKinds, setHidden] = usePref('map.hidden', [])
  const [folded, setFolded] = useState(null)
  const hidden = useMemo(() => new Set(hiddenKinds), [hiddenKinds])
  const groups = useMemo(() => [...new Set(groupsOf(graph.nodes).values())], [graph])
  const collapsed = useMemo(() => new Set(folded ?? (graph.nodes.length > MANY ? groups : groups.filter(group => group.startsWith('kind:')))), [folded, groups, graph])
  const found = useMemo(() => foundBy(graph, query.q ?? ''), [graph, query.q])
  const drawn = useMemo(() => visible(graph, { collapsed, hidden, found }), [graph, collapsed, hidden, found])
  const [layout, busy] = useLayout(drawn)
  const traffic = useTraffic()
  const list = query.view === 'list'
  const chosen = graph.nodes.find(node => node.id === query.node)
  const choose = node => change({ node: node.id })
  const open = node => (node.kind === 'group' ? setFolded([...collapsed].filter(group => group !== node.group)) : choose(node))
  const fitting = layout && drawn.nodes.every(node => layout.nodes[node.id])
  return html`<div class=${list ? 'map-page list' : 'map-page'}>
    <div class="filters">
      <${Search} value=${query.q ?? ''} onInput=${q => change({ q })} placeholder="Search the map" />
      <div class="buttons" role="group" aria-label="View">
        <${Button} icon="map" aria-pressed=${!list} onClick=${() => change({ view: '' })}>Map<//><${Button} icon="table" aria-pressed=${list} onClick=${() => change({ view: 'list' })}>List<//>
      </div>
      ${!list && html`<${Groups} groups=${groups} collapsed=${collapsed} fold=${setFolded} found=${found} />`}
      <span class="muted" role="status">${busy && !list ? 'Arranging the map…' : found ? count(found.hits.size, 'hit') : count(graph.nodes.length, 'thing')}</span>
    </div>
    <${Kinds} graph=${graph} hidden=${hidden} setHidden=${setHidden} />
    ${list ? html`<${List} graph=${graph} found=${found} hidden=${hidden} traffic=${traffic} choose=${choose} />`
      : !drawn.nodes.length ? html`<div class="card"><${Empty} title="Nothing fits">Search for a part of a name, a kind or a stack, or show more kinds.<//></div>`
      : !fitting && !layout ? html`<div class="map"><${Skeleton} rows=${8} /></div>`
      : html`<${MapView} drawn=${drawn} layout=${layout} traffic=${traffic} chosen=${chosen?.id} open=${open} toggle=${group => setFolded([...collapsed, group])} hits=${found?.hits} />`}
    ${chosen && html`<${Panel} key=${chosen.id} node=${chosen} graph=${graph} traffic=${traffic} choose=${choose} close=${() => change({ node: '' })} />`}
  </div>`
}

export default function MapPage() {
  const [query, change] = useQuery()
  const answer = useLoad('/map', {}, { every: 10000 })
  const text = JSON.stringify(answer.data)
  const graph = useMemo(() => answer.data && readGraph(answer.data), [text])
  const lead = isClustered() ? 'What flows is that of all nodes; from topics to queues, and from queues to dead-letter queues, that of this node alone.' : ''
  return html`<${Page} title="Map" lead=${lead}><${Loaded} from=${answer} rows=${10}>${() => (graph.nodes.length <= 1
    ? html`<div class="card"><${Empty} title="Nothing is deployed yet" command="sam deploy --guided">Deploy a template with sam, aws, cdk or terraform against this node: its buses, rules, functions and queues are drawn here, with what flows between them.<//></div>`
    : html`<${Whole} graph=${graph} query=${query} change=${change} />`)}<//><//>`
}
