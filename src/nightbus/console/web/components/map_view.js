// Draws the map as SVG: moved by dragging, arrows and wheel, with live traffic on its edges.
import { html, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from '../html.js'
import { shortName } from '../format.js'
import { useKeys } from '../keys.js'
import { flowText, groupName, trafficOf } from '../map_graph.js'
import { KIND_ICONS } from '../map_kinds.js'
import { iconPath } from './icon.js'
import { Button } from './page.js'

const [LEAST, MOST] = [0.15, 2.5]
const READABLE = 0.66      // everything is shown at once only if it is not smaller than this
const STEP = 60

const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text)

const at = point => `${point[0].toFixed(1)} ${point[1].toFixed(1)}`

/** The stops of an edge to the right: it leaves and enters in the middle of the sides. Null for one that goes back to the left. */
function stopsOf(points, from, to) {
  if (to.x - to.width / 2 <= from.x + from.width / 2) return null
  return [[from.x + from.width / 2, from.y], ...points.slice(2, -2), [to.x - to.width / 2, to.y]]
}

/** The way through the stops, level at each. */
function level(stops) {
  let path = `M${at(stops[0])}`
  for (let index = 1; index < stops.length; index++) {
    const [a, b] = [stops[index - 1], stops[index]]
    const half = (b[0] - a[0]) / 2
    path += `C${at([a[0] + half, a[1]])} ${at([b[0] - half, b[1]])} ${at(b)}`
  }
  return path
}

/** Path of an edge and where its label stands: on its last piece, where edges from one thing are apart already. */
function wayOf(points, from, to) {
  const stops = stopsOf(points, from, to)
  if (!stops) return { path: bent(points), middle: points[Math.floor(points.length / 2)] }
  const [a, b] = stops.slice(-2)
  const part = 0.6
  const height = part * part * (3 - 2 * part)  // of a curve that is level at both ends
  const along = part ** 3 + 1.5 * part * (1 - part)
  return { path: level(stops), middle: [a[0] + (b[0] - a[0]) * along, a[1] + (b[1] - a[1]) * height] }
}

/** A smooth way through the points: from middle to middle, bent at each point. */
function bent(points) {
  if (points.length < 3) return `M${points.map(at).join('L')}`
  let path = `M${at(points[0])}`
  for (let index = 1; index < points.length - 1; index++) {
    const [a, b] = [points[index], points[index + 1]]
    path += `Q${at(a)} ${index === points.length - 2 ? at(b) : at([(a[0] + b[0]) / 2, (a[1] + b[1]) / 2])}`
  }
  return path
}

/** What is moved and how far: a transform kept outside of the components, so that a drag draws nothing anew. */
function useView(layout, svg, layer) {
  const view = useRef({ x: 0, y: 0, k: 1, touched: false })
  const apply = useCallback(() => {
    const { x, y, k } = view.current
    layer.current?.setAttribute('transform', `translate(${x.toFixed(1)} ${y.toFixed(1)}) scale(${k.toFixed(4)})`)
    svg.current?.classList.toggle('far', k < 0.45)
  }, [])
  const fit = useCallback(() => {
    const box = svg.current?.getBoundingClientRect()
    if (!box?.width || !layout) return
    const whole = Math.min(box.width / (layout.width + 16), box.height / (layout.height + 16), 1.15)
    const k = Math.max(whole, READABLE)
    Object.assign(view.current, { k, x: Math.max(0, (box.width - layout.width * k) / 2), y: Math.max(0, (box.height - layout.height * k) / 2), touched: false })
    apply()
  }, [layout])
  const zoom = useCallback((factor, point) => {
    const box = svg.current.getBoundingClientRect()
    const [px, py] = point ?? [box.width / 2, box.height / 2]
    const { x, y, k } = view.current
    const next = Math.min(MOST, Math.max(LEAST, k * factor))
    Object.assign(view.current, { k: next, x: px - ((px - x) * next) / k, y: py - ((py - y) * next) / k, touched: true })
    apply()
  }, [])
  const move = useCallback((dx, dy) => {
    view.current.x += dx
    view.current.y += dy
    view.current.touched = true
    apply()
  }, [])
  const show = useCallback(place => {
    const box = svg.current.getBoundingClientRect()
    const { x, y, k } = view.current
    const [sx, sy] = [place.x * k + x, place.y * k + y]
    if (sx < 40 || sx > box.width - 40 || sy < 30 || sy > box.height - 30) move(box.width / 2 - sx, box.height / 2 - sy)
  }, [])
  useLayoutEffect(() => { if (view.current.touched) apply(); else fit() }, [layout])
  useEffect(() => {
    const observer = new ResizeObserver(() => { if (!view.current.touched) fit() })
    observer.observe(svg.current)
    return () => observer.disconnect()
  }, [fit])
  return { fit, zoom, move, show }
}

/** Dragging with one pointer, pinching with two, the wheel. */
function usePointers(svg, { zoom, move }) {
  const held = useRef(new Map())
  useEffect(() => {
    const wheel = event => {
      event.preventDefault()
      const box = svg.current.getBoundingClientRect()
      zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), [event.clientX - box.left, event.clientY - box.top])
    }
    svg.current.addEventListener('wheel', wheel, { passive: false })
    return () => svg.current?.removeEventListener('wheel', wheel)
  }, [])
  const down = event => { held.current.set(event.pointerId, { x: event.clientX, y: event.clientY, far: 0 }) }
  const moved = event => {
    const pointer = held.current.get(event.pointerId)
    if (!pointer) return
    const [dx, dy] = [event.clientX - pointer.x, event.clientY - pointer.y]
    pointer.far += Math.abs(dx) + Math.abs(dy)
    if (pointer.far > 4 && !svg.current.hasPointerCapture(event.pointerId)) svg.current.setPointerCapture(event.pointerId)
    if (held.current.size === 2) {
      const other = [...held.current].find(([id]) => id !== event.pointerId)[1]
      const before = Math.hypot(pointer.x - other.x, pointer.y - other.y)
      const after = Math.hypot(event.clientX - other.x, event.clientY - other.y)
      const box = svg.current.getBoundingClientRect()
      if (before > 10) zoom(after / before, [(event.clientX + other.x) / 2 - box.left, (event.clientY + other.y) / 2 - box.top])
    } else if (pointer.far > 4) move(dx, dy)
    Object.assign(pointer, { x: event.clientX, y: event.clientY })
  }
  const up = event => { held.current.delete(event.pointerId) }
  return { onPointerDown: down, onPointerMove: moved, onPointerUp: up, onPointerCancel: up }
}

/** Enter and blank press what has the focus. */
function pressed(event, press) {
  if (event.key !== 'Enter' && event.key !== ' ') return
  event.preventDefault()
  event.stopPropagation()
  press()
}

function Node({ node, place, chosen, dim, tab, open }) {
  const { x, y, width, height } = place
  const group = node.kind === 'group'
  const classes = ['map-node', node.kind, node.failing && 'failing', node.state === 'disabled' && 'disabled', ['missing', 'elsewhere'].includes(node.state) && 'outside', chosen && 'chosen', dim && 'dim']
  const below = group ? `${node.members.length} things ▸` : [node.kind.replace('-', ' '), node.state && !['enabled', 'ACTIVE', 'Active'].includes(node.state) && node.state, node.kind === 'schedule' && node.detail].filter(Boolean).join(' · ')
  return html`<g class=${classes.filter(Boolean).join(' ')} transform=${`translate(${x - width / 2} ${y - height / 2})`} role="button" tabindex=${tab ? 0 : -1} data-node=${node.id}
      aria-label=${`${node.kind} ${node.name}${node.failing ? ', failing' : ''}${group ? ', collapsed' : ''}`} onClick=${() => open(node)} onKeyDown=${event => pressed(event, () => open(node))}>
    <title>${[node.name, node.detail, node.failing].filter(Boolean).join('\n')}</title>
    ${group && html`<rect class="behind" x="4" y="4" width=${width} height=${height} rx="8" />`}
    <rect width=${width} height=${height} rx="8" />
    <g class="glyph" transform="translate(10 ${(height - 16) / 2})"><path d=${iconPath(group ? (node.group.startsWith('kind:') ? KIND_ICONS[node.group.slice(5)] : 'stack') : KIND_ICONS[node.kind] ?? 'out')} /></g>
    <text class="name" x="35" y=${height / 2 - 3}>${cut(group ? node.name : shortName(node.name), group ? 22 : 18)}</text>
    <text class="below" x="35" y=${height / 2 + 11}>${cut(below, 24)}</text>
    ${node.failing && html`<circle class="alarm" cx=${width - 11} cy="11" r="4" />`}
  </g>`
}

/** A dot that runs along an edge once: something just passed. `turn` (ms) lets the next edge's dot start as this one's ends. */
function Pulse({ path, turn, bad }) {
  const motion = useRef(null)
  useEffect(() => { motion.current?.beginElementAt?.(turn / 1000) }, [])
  return html`<circle class=${bad ? 'map-pulse bad' : 'map-pulse'} r="4" cx="-999" cy="-999"><animateMotion ref=${motion} dur="0.7s" begin="indefinite" path=${path} />
    <set attributeName="cx" to="0" begin="indefinite" /></circle>`
}

function Edge({ edge, path, middle, flow, dim }) {
  const bad = flow?.errors > 0
  const classes = ['map-edge', edge.kind, flow?.flows && 'flowing', bad && 'bad', edge.state === 'disabled' && 'disabled', dim && 'dim']
  const text = flowText(flow)
  return html`<g class=${classes.filter(Boolean).join(' ')} data-edge=${edge.id}>
    <path d=${path} marker-end="url(#arrow)" />
    ${text && html`<text x=${middle[0]} y=${middle[1] - 4}>${text}</text>`}
  </g>`
}

/** Pulses of edges whose `last` has changed, each gone after a while. */
function usePulses(drawn, layout, traffic) {
  const seen = useRef(null)
  const [pulses, setPulses] = useState([])
  useEffect(() => {
    if (!traffic || !layout) return
    const first = seen.current === null
    seen.current ??= new Map()
    const fresh = []
    for (const edge of drawn.edges) {
      const flow = trafficOf(edge, traffic)
      if (!flow?.last) continue
      if (!first && flow.last > (seen.current.get(edge.id) ?? 0) && layout.edges[edge.id])
        fresh.push({ key: `${edge.id} ${flow.last}`, edge: edge.id, bad: flow.errors > 0, turn: (layout.edges[edge.id][0][0] / Math.max(1, layout.width)) * 1400, until: Date.now() + 2600 })
      seen.current.set(edge.id, flow.last)
    }
    if (fresh.length && fresh.length <= 80) setPulses(old => [...old.filter(one => one.until > Date.now()), ...fresh])
  }, [traffic])
  return pulses
}

/** `<${MapView} drawn layout traffic chosen open toggle hits />`; `open(node)` for a click, `toggle(group)` folds an open group. */
export function MapView({ drawn, layout, traffic, chosen, open, toggle, hits }) {
  const svg = useRef(null)
  const layer = useRef(null)
  const { fit, zoom, move, show } = useView(layout, svg, layer)
  const pointers = usePointers(svg, { zoom, move })
  const paths = useMemo(() => {
    const made = new Map()
    for (const edge of drawn.edges) {
      const points = layout?.edges[edge.id]
      const [from, to] = [layout?.nodes[edge.from], layout?.nodes[edge.to]]
      if (points && from && to) made.set(edge.id, wayOf(points, from, to))
    }
    return made
  }, [layout])
  const pulses = usePulses(drawn, layout, traffic)
  const order = useMemo(() => drawn.nodes.filter(node => layout?.nodes[node.id]).sort((a, b) => layout.nodes[a.id].x - layout.nodes[b.id].x || layout.nodes[a.id].y - layout.nodes[b.id].y), [layout])
  const [tab, setTab] = useState(0)
  const step = by => {
    if (!order.length) return
    const next = (tab + by + order.length) % order.length
    setTab(next)
    show(layout.nodes[order[next].id])
    svg.current.querySelector(`[data-node="${CSS.escape(order[next].id)}"]`)?.focus({ preventScroll: true })
  }
  useKeys({
    '+': () => zoom(1.25), '=': () => zoom(1.25), '-': () => zoom(0.8), 0: fit, j: () => step(1), k: () => step(-1),
    ArrowLeft: () => move(STEP, 0), ArrowRight: () => move(-STEP, 0), ArrowUp: () => move(0, STEP), ArrowDown: () => move(0, -STEP),
  })
  const dimmed = id => Boolean(hits && !hits.has(id))
  return html`<div class="map">
    <svg ref=${svg} class="map-svg" role="group" aria-label="Map of buses, rules and targets" ...${pointers}>
      <defs>
        <marker id="arrow" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0.5 7.5 4 0 7.5z" fill="context-stroke" /></marker>
      </defs>
      <g ref=${layer}>
        ${layout && drawn.boxes.map(({ group }) => layout.boxes[group] && html`<g key=${group} class="map-box" transform=${`translate(${layout.boxes[group].x} ${layout.boxes[group].y})`}>
          <rect width=${layout.boxes[group].width} height=${layout.boxes[group].height} rx="10" />
          <g class="map-box-head" role="button" tabindex="0" aria-label=${`Collapse ${groupName(group)}`} onClick=${() => toggle(group)} onKeyDown=${event => pressed(event, () => toggle(group))}><rect class="hit" x="6" y="-10" width=${Math.min(26 + groupName(group).length * 7, layout.boxes[group].width)} height="20" rx="6" />
            <text x="12" y="4">▾ ${cut(groupName(group), 34)}</text></g></g>`)}
        ${drawn.edges.map(edge => paths.has(edge.id) && html`<${Edge} key=${edge.id} edge=${edge} ...${paths.get(edge.id)} flow=${trafficOf(edge, traffic)} dim=${dimmed(edge.from) && dimmed(edge.to)} />`)}
        ${layout && drawn.nodes.map(node => layout.nodes[node.id] && html`<${Node} key=${node.id} node=${node} place=${layout.nodes[node.id]} chosen=${chosen === node.id} dim=${dimmed(node.id)} tab=${order[tab]?.id === node.id} open=${open} />`)}
        ${pulses.map(one => paths.has(one.edge) && html`<${Pulse} key=${one.key} path=${paths.get(one.edge).path} turn=${one.turn} bad=${one.bad} />`)}
      </g>
    </svg>
    <div class="map-tools">
      <${Button} icon="plus" label="Zoom in (+)" onClick=${() => zoom(1.25)} />
      <${Button} icon="minus" label="Zoom out (−)" onClick=${() => zoom(0.8)} />
      <${Button} icon="fit" label="Show everything (0)" onClick=${fit} />
    </div>
  </div>`
}
