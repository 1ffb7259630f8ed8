// Lays a graph out from left to right with dagre, off the page's thread. Takes `{turn, nodes, edges, boxes}`, answers `{turn, …layout}`.
import * as dagre from './vendor/dagre.js'
import { layout } from './map_layout.js'

onmessage = event => {
  const { turn, drawn } = event.data
  postMessage({ turn, ...layout(dagre, drawn) })
}
