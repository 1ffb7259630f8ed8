// What the map shows of the graph: groups collapsed or open, what a search leaves, traffic summed over what is collapsed. Pure.
import { rate } from './format.js'
import { KIND_NAMES } from './map_kinds.js'

export const MANY = 60      // from so many nodes on, groups start collapsed
const FLOWING = 5000         // ms since the last event for which an edge is drawn as flowing
const LOOSE = 12            // so many nodes of one kind without a stack are a group of their own

/** Edges have `from` and `to`, whatever the answer calls them. */
export function readGraph(answer) {
  const nodes = answer.nodes ?? []
  const known = new Set(nodes.map(node => node.id))
  const edges = (answer.edges ?? []).map(edge => ({ ...edge, from: edge.from ?? edge.source, to: edge.to ?? edge.target }))
    .filter(edge => known.has(edge.from) && known.has(edge.to))
  return { nodes, edges }
}

/** The group of each node: its stack, or for the many of one kind without a stack that kind; "" for none. */
export function groupsOf(nodes) {
  const loose = new Map()
  for (const node of nodes) if (!node.stack) loose.set(node.kind, (loose.get(node.kind) ?? 0) + 1)
  const groups = new Map()
  for (const node of nodes) {
    if (node.stack) groups.set(node.id, `stack:${node.stack}`)
    else if (loose.get(node.kind) > LOOSE) groups.set(node.id, `kind:${node.kind}`)
  }
  return groups
}

export const groupName = group => (group.startsWith('kind:') ? `${KIND_NAMES[group.slice(5)] ?? group.slice(5)} without a stack` : group.slice(6))

const says = (node, low) => [node.name, node.stack, node.kind, node.detail].some(text => text?.toLowerCase().includes(low))

/** Ids of the nodes that a search finds, and of those on a way through them: all before and all after. */
export function foundBy(graph, text) {
  const low = text.trim().toLowerCase()
  if (!low) return null
  const hits = new Set(graph.nodes.filter(node => says(node, low)).map(node => node.id))
  const shown = new Set(hits)
  const walk = (ends, next) => {
    const turn = [...hits].map(id => [id, 0])
    const seen = new Set(hits)
    const kinds = new Map(graph.nodes.map(node => [node.id, node.kind]))
    while (turn.length) {
      const [id, depth] = turn.pop()
      // The way ends at a bus: behind it are all its rules.
      if (depth >= 4 || (depth > 0 && kinds.get(id) === 'bus')) continue
      for (const edge of ends.get(id) ?? []) if (!seen.has(edge[next])) { seen.add(edge[next]); shown.add(edge[next]); turn.push([edge[next], depth + 1]) }
    }
  }
  const by = end => graph.edges.reduce((map, edge) => map.set(edge[end], [...(map.get(edge[end]) ?? []), edge]), new Map())
  if (hits.size <= 40) { walk(by('from'), 'to'); walk(by('to'), 'from') }
  return { hits, shown }
}

/**
 * The nodes and edges to draw: `{nodes, edges, boxes}`. A collapsed group is one node (`group`, `members`); `boxes` are the open groups. An
 * edge of a collapsed group stands for several (`parts`, the ids of the graph's edges).
 */
export function visible(graph, { collapsed, hidden, found }) {
  const groups = groupsOf(graph.nodes)
  const nodes = new Map()
  const place = new Map()
  const boxes = new Map()
  for (const node of graph.nodes) {
    if (hidden.has(node.kind) || (found && !found.shown.has(node.id))) continue
    const group = groups.get(node.id) ?? ''
    if (group && collapsed.has(group) && !found) {
      const kept = nodes.get(group) ?? { id: group, kind: 'group', group, name: groupName(group), members: [], failing: '' }
      kept.members.push(node)
      kept.failing ||= node.failing
      nodes.set(group, kept)
      place.set(node.id, group)
    } else {
      nodes.set(node.id, { ...node, group })
      place.set(node.id, node.id)
      if (group) boxes.set(group, [...(boxes.get(group) ?? []), node.id])
    }
  }
  const edges = new Map()
  for (const edge of graph.edges) {
    const [from, to] = [place.get(edge.from), place.get(edge.to)]
    if (!from || !to || (from === to && from.startsWith('stack:')) || (from === to && from.startsWith('kind:'))) continue
    const id = from === edge.from && to === edge.to ? edge.id : `${from} > ${to}`
    const kept = edges.get(id) ?? { ...edge, id, from, to, parts: [], state: edge.state }
    kept.parts.push(edge.id)
    if (edge.state !== 'disabled') kept.state = ''
    edges.set(id, kept)
  }
  return { nodes: [...nodes.values()], edges: [...edges.values()], boxes: [...boxes].map(([group, members]) => ({ group, members })) }
}

/** Traffic of a drawn edge: that of its parts together; null without any. */
export function trafficOf(edge, traffic) {
  let sum = null
  for (const part of edge.parts) {
    const one = traffic?.edges?.[part]
    if (!one) continue
    sum ??= { rate: 0, count: 0, errors: 0, last: 0, seconds: traffic.seconds ?? 60, flows: false }
    sum.rate += one.rate ?? 0
    sum.count += one.count ?? 0
    sum.errors += one.errors ?? 0
    sum.last = Math.max(sum.last, one.last ?? 0)
  }
  if (sum) sum.flows = (traffic.time ?? Date.now()) - sum.last < FLOWING
  return sum
}

/** `12/s`, or for less than one a second how many there were: `3/min`. */
export function flowText(flow) {
  if (!flow?.count && !flow?.rate) return ''
  return flow.rate >= 1 || !flow.count ? rate(flow.rate) : (flow.seconds ?? 60) === 60 ? `${flow.count}/min` : `${flow.count} in ${flow.seconds} s`
}

export const sizeOf = node => (node.kind === 'group' ? { width: 200, height: 52 } : { width: 172, height: 40 })
