// A list of any length of which only the visible rows are drawn: for the stream of events and for logs. Rows have one height.
import { html, useCallback, useEffect, useLayoutEffect, useRef, useState } from '../html.js'
import { useKeys } from '../keys.js'

const MARGIN = 8  // rows drawn beyond each edge

/**
 * `items`, newest first or oldest first; `rowHeight` px; `rowKey(item)`; `row(item)` → the cells; `head` → the header's cells.
 * `columns` is the CSS grid of both. `onOpen(item)` for a click or Enter, `current` (a key) marked, `onCurrent(item)` by j and k.
 * `onEnd()` is called near the end (to load more). `anchor`: `'top'` keeps the view in place when items are added above, unless the
 * reader is at the top; `'bottom'` follows the end while the reader is there.
 */
export function VirtualList({
  items, rowHeight = 32, rowKey = item => item.id, row, head, columns, onOpen, current, onCurrent, onEnd, anchor = 'top', label, height, keys = true,
}) {
  const scroller = useRef(null)
  const [view, setView] = useState({ top: 0, height: 600 })
  const before = useRef({ first: null, last: null })
  const pinned = useRef(true)

  useLayoutEffect(() => {
    const box = scroller.current
    const measure = () => setView({ top: box.scrollTop, height: box.clientHeight })
    const observer = new ResizeObserver(measure)
    observer.observe(box)
    measure()
    return () => observer.disconnect()
  }, [])

  useLayoutEffect(() => {
    const box = scroller.current
    if (anchor === 'bottom') {
      if (pinned.current) box.scrollTop = items.length * rowHeight
    } else if (before.current.first !== null && box.scrollTop > rowHeight / 2) {
      const added = items.findIndex(item => rowKey(item) === before.current.first)
      if (added > 0) box.scrollTop += added * rowHeight
    }
    before.current.first = items.length ? rowKey(items[0]) : null
  }, [items])

  const scrolled = useCallback(event => {
    const box = event.currentTarget
    pinned.current = box.scrollTop + box.clientHeight >= box.scrollHeight - rowHeight
    setView({ top: box.scrollTop, height: box.clientHeight })
  }, [rowHeight])

  const start = Math.max(0, Math.floor(view.top / rowHeight) - MARGIN)
  const end = Math.min(items.length, Math.ceil((view.top + view.height) / rowHeight) + MARGIN)
  useEffect(() => { if (onEnd && items.length && end >= items.length - MARGIN) onEnd() }, [end, items.length])

  const position = items.findIndex(item => rowKey(item) === current)
  const move = step => {
    const next = Math.max(0, Math.min(items.length - 1, position < 0 ? (step > 0 ? start && Math.ceil(view.top / rowHeight) : 0) : position + step))
    if (!items[next]) return
    onCurrent?.(items[next])
    const box = scroller.current
    if (next * rowHeight < box.scrollTop) box.scrollTop = next * rowHeight
    else if ((next + 1) * rowHeight > box.scrollTop + box.clientHeight) box.scrollTop = (next + 1) * rowHeight - box.clientHeight
  }
  useKeys(keys ? {
    j: () => move(1), k: () => move(-1),
    ...(onOpen ? { Enter: () => position >= 0 && onOpen(items[position]) } : {}),
  } : {})

  const grid = { gridTemplateColumns: columns }
  const clicked = (event, item) => { if (onOpen && !event.target.closest('a, button, input') && !String(getSelection())) onOpen(item) }
  return html`<div class="vtable" role="table" aria-label=${label} aria-rowcount=${items.length} style=${{ height }}>
    ${head && html`<div role="rowgroup"><div class="vhead" role="row" style=${grid}>${head}</div></div>`}
    <div class="vscroll" role="rowgroup" tabindex="0" aria-label=${label} ref=${scroller} onScroll=${scrolled}>
      <div class="vspace" role="presentation" style=${{ height: `${items.length * rowHeight}px` }}>
        ${items.slice(start, end).map((item, offset) => html`<div key=${rowKey(item)} role="row" aria-rowindex=${start + offset + 1}
          class=${rowKey(item) === current ? 'vrow current' : 'vrow'} onClick=${event => clicked(event, item)}
          style=${{ ...grid, top: `${(start + offset) * rowHeight}px`, height: `${rowHeight}px` }}>${row(item)}</div>`)}
      </div>
    </div>
  </div>`
}
