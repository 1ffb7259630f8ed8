// The layout of the map by dagre: places of nodes, ways of edges, boxes around open groups. Pure.
import { sizeOf } from './map_graph.js'

const GAP = { nodesep: 18, ranksep: 60, edgesep: 8, marginx: 24, marginy: 24 }

function attempt(dagre, drawn, compound) {
  const graph = new dagre.Graph({ compound, multigraph: true })
  graph.setGraph({ rankdir: 'LR', ...GAP, ranker: drawn.nodes.length > 150 ? 'longest-path' : 'network-simplex' })
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

/** `{nodes: {id: {x, y, width, height}}, edges: {id: [[x, y], …]}, boxes: {group: …}, width, height, ms}`; x and y are centres. */
export function layout(dagre, drawn) {
  const began = performance.now()
  let graph
  const compound = drawn.boxes.length > 0 && drawn.nodes.length <= 150
  try { graph = attempt(dagre, drawn, compound) } catch { graph = attempt(dagre, drawn, false) }
  const places = {}
  for (const node of drawn.nodes) {
    const { x, y, width, height } = graph.node(node.id)
    places[node.id] = { x, y, width, height }
  }
  const ways = {}
  for (const edge of drawn.edges) ways[edge.id] = graph.edge({ v: edge.from, w: edge.to, name: edge.id }).points.map(point => [point.x, point.y])
  const boxes = {}
  for (const box of drawn.boxes) boxes[box.group] = around(box.members.map(member => places[member]))
  const { width, height } = graph.graph()
  return { nodes: places, edges: ways, boxes, width, height, ms: performance.now() - began }
}

function around(places) {
  const left = Math.min(...places.map(place => place.x - place.width / 2)) - 10
  const top = Math.min(...places.map(place => place.y - place.height / 2)) - 16
  const right = Math.max(...places.map(place => place.x + place.width / 2)) + 10
  const bottom = Math.max(...places.map(place => place.y + place.height / 2)) + 10
  return { x: left, y: top, width: right - left, height: bottom - top }
}
