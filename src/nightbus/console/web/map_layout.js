// The layout of the map by dagre: places of nodes, ways of edges, boxes around open groups. Pure.
import { sizeOf } from './map_graph.js'

const GAP = { nodesep: 18, ranksep: 60, edgesep: 8, marginx: 24, marginy: 24 }

function attempt(dagre, drawn, compound) {
  const graph = new dagre.Graph({ compound, multigraph: true })
  graph.setGraph({ rankdir: 'LR', ...GAP })
  graph.setDefaultEdgeLabel(() => ({}))
  for (const node of drawn.nodes) graph.setNode(node.id, { ...sizeOf(node) })
  if (compound) for (const box of drawn.boxes) {
    graph.setNode(box.group, {})
    for (const member of box.members) graph.setParent(member, box.group)
  }
  for (const edge of drawn.edges) graph.setEdge(edge.from, edge.to, { weight: edge.kind === 'dead-letters' ? 1 : 2 }, edge.id)
  dagre.layout(graph)
  return graph
}

const MANY = 150            // from so many nodes on dagre takes seconds

/**
 * Places for many nodes, in a time that grows with their number: each stands right of all that lead to it, and near the middle of its
 * neighbours. Edges that close a circle are not asked.
 */
function ranked(drawn) {
  const into = new Map(drawn.nodes.map(node => [node.id, []]))
  const out = new Map(drawn.nodes.map(node => [node.id, []]))
  for (const { from, to } of drawn.edges) if (from !== to) { into.get(to).push(from); out.get(from).push(to) }
  const rankOf = new Map()
  const open = new Set()
  const rank = id => {
    if (rankOf.has(id)) return rankOf.get(id)
    open.add(id)
    const found = Math.max(0, ...into.get(id).map(before => (open.has(before) ? 0 : rank(before) + 1)))
    open.delete(id)
    rankOf.set(id, found)
    return found
  }
  const ranks = []
  for (const node of drawn.nodes) (ranks[rank(node.id)] ??= []).push(node)
  for (let sweep = 0; sweep < 4; sweep++) order(ranks, sweep % 2 ? out : into, sweep % 2)
  const sizes = ranks.map(nodes => nodes.map(sizeOf))
  const tall = sizes.map(some => some.reduce((sum, size) => sum + size.height + GAP.nodesep, 0))
  const height = Math.max(...tall) + 2 * GAP.marginy
  const places = {}
  let left = GAP.marginx
  ranks.forEach((nodes, at) => {
    const wide = Math.max(...sizes[at].map(size => size.width))
    let top = (height - tall[at] + GAP.nodesep) / 2
    nodes.forEach((node, index) => {
      const size = sizes[at][index]
      places[node.id] = { x: left + wide / 2, y: top + size.height / 2, ...size }
      top += size.height + GAP.nodesep
    })
    left += wide + GAP.ranksep
  })
  return { places, width: left - GAP.ranksep + GAP.marginx, height }
}

/** Sorts each rank by where its neighbours stand, which are those of `neighbours`; `back` goes from the last rank to the first. */
function order(ranks, neighbours, back) {
  const stand = new Map()
  const note = nodes => nodes.forEach((node, index) => stand.set(node.id, (index + 0.5) / nodes.length))
  ranks.forEach(note)
  for (const nodes of back ? [...ranks].reverse() : ranks) {
    const wanted = new Map(nodes.map(node => {
      const near = neighbours.get(node.id).map(id => stand.get(id))
      return [node, near.length ? near.reduce((sum, one) => sum + one, 0) / near.length : stand.get(node.id)]
    }))
    nodes.sort((a, b) => wanted.get(a) - wanted.get(b))
    note(nodes)
  }
}

const COLUMN = 24           // so many nodes stand below each other; more than half as many again stand in several columns
const APART = 28            // between such columns

/**
 * Places of which no rank is longer than it can be looked at: 200 rules of one bus stand in columns side by side. Null where no rank is so long.
 * The other ranks keep their order, and their nodes stand as far down as before in proportion.
 */
function wrapped(places, height) {
  const ranks = ranksOf(places)
  if (ranks.every(rank => rank.length <= 1.5 * COLUMN)) return null
  const columns = ranks.map(rank => (rank.length > 1.5 * COLUMN ? Math.ceil(rank.length / COLUMN) : 1))
  const rows = ranks.map((rank, at) => Math.ceil(rank.length / columns[at]))
  const tallest = Math.max(...ranks.map((rank, at) => rows[at] * stepOf(rank)))
  const next = {}
  let shift = 0
  ranks.forEach((rank, at) => {
    const step = stepOf(rank)
    const top = GAP.marginy + (tallest - rows[at] * step) / 2
    const wide = Math.max(...rank.map(([, place]) => place.width)) + APART
    let above = GAP.marginy - step / 2
    rank.forEach(([id, place], index) => {
      const column = Math.floor(index / rows[at])
      const lowest = GAP.marginy + tallest - (rank.length - index - 0.5) * step  // leaves room for those below
      above = Math.max(above + step, Math.min((place.y / height) * tallest, lowest))
      next[id] = { ...place, x: place.x + shift + column * wide, y: columns[at] > 1 ? top + ((index % rows[at]) + 0.5) * step : above }
    })
    shift += (columns[at] - 1) * wide
  })
  return { places: next, shift, height: tallest + 2 * GAP.marginy }
}

const stepOf = rank => Math.max(...rank.map(([, place]) => place.height)) + GAP.nodesep

/** The nodes by their x from the left, each rank from above: lists of `[id, place]`. */
function ranksOf(places) {
  const ranks = new Map()
  for (const one of Object.entries(places)) ranks.set(Math.round(one[1].x), [...(ranks.get(Math.round(one[1].x)) ?? []), one])
  return [...ranks].sort((a, b) => a[0] - b[0]).map(([, rank]) => rank.sort((a, b) => a[1].y - b[1].y))
}

/** What dagre makes of it. */
function layered(dagre, drawn) {
  let graph
  try { graph = attempt(dagre, drawn, drawn.boxes.length > 0) } catch { graph = attempt(dagre, drawn, false) }
  const places = {}
  for (const node of drawn.nodes) {
    const { x, y, width, height } = graph.node(node.id)
    places[node.id] = { x, y, width, height }
  }
  const ways = {}
  for (const edge of drawn.edges) ways[edge.id] = graph.edge({ v: edge.from, w: edge.to, name: edge.id }).points.map(point => [point.x, point.y])
  return { places, ways, ...graph.graph() }
}

/** `{nodes: {id: {x, y, width, height}}, edges: {id: [[x, y], …]}, boxes: {group: …}, width, height, ms}`; x and y are centres. */
export function layout(dagre, drawn) {
  const began = performance.now()
  let { places, ways, width, height } = drawn.nodes.length > MANY ? { ...ranked(drawn), ways: {} } : layered(dagre, drawn)
  const straight = drawn.nodes.length > MANY
  const columns = wrapped(places, height)
  if (columns) {
    ;({ places, height } = columns)
    width += columns.shift
  }
  if (straight || columns) for (const edge of drawn.edges) ways[edge.id] = [edge.from, edge.to].map(id => [places[id].x, places[id].y])
  const boxes = {}
  for (const box of drawn.boxes) boxes[box.group] = around(box.members.map(member => places[member]))
  return { nodes: places, edges: ways, boxes, width, height, ms: performance.now() - began }
}

function around(places) {
  const left = Math.min(...places.map(place => place.x - place.width / 2)) - 10
  const top = Math.min(...places.map(place => place.y - place.height / 2)) - 16
  const right = Math.max(...places.map(place => place.x + place.width / 2)) + 10
  const bottom = Math.max(...places.map(place => place.y + place.height / 2)) + 10
  return { x: left, y: top, width: right - left, height: bottom - top }
}
