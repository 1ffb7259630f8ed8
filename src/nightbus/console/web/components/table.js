// A table of up to some hundred rows: sorted by a click, walked by j and k, opened by Enter, with rows to tick where wanted.
// For streams and thousands of rows there is `virtual.js`.
import { html, useEffect, useMemo, useRef, useState } from '../html.js'
import { useKeys } from '../keys.js'
import { go } from '../router.js'
import { Icon } from './icon.js'

function sorted(rows, columns, order) {
  const column = columns.find(one => one.key === order?.key)
  if (!column) return rows
  const value = column.sort ?? (row => row[column.key])
  const sign = order.down ? -1 : 1
  return [...rows].sort((a, b) => {
    const [x, y] = [value(a), value(b)]
    if (x === y) return 0
    if (x === null || x === undefined) return 1
    if (y === null || y === undefined) return -1
    return sign * (typeof x === 'string' ? x.localeCompare(y, undefined, { numeric: true }) : x < y ? -1 : 1)
  })
}

function Head({ column, order, setOrder }) {
  const sortable = column.sort !== false && column.title
  const classes = [column.num && 'num', column.wide && 'wide-only'].filter(Boolean).join(' ')
  const active = order?.key === column.key
  const turn = () => setOrder({ key: column.key, down: active ? !order.down : Boolean(column.num) })
  return html`<th scope="col" class=${classes} aria-sort=${active ? (order.down ? 'descending' : 'ascending') : undefined}>
    ${sortable ? html`<button type="button" class="sort" onClick=${turn}>${column.title}${active && html`<${Icon} name="down" size=${10} />`}</button>` : column.title}
  </th>`
}

/**
 * Columns: `{key, title, cell(row), num, wide, sort(row) | false, width}`; `num` aligns right, `wide` hides below 760 px.
 * `rowKey(row)` is stable; `to(row)` is the address that a click or Enter opens (or `onOpen(row)`). `selected` (a Set of keys) and
 * `onSelect(set)` add a column of boxes. `order`: `{key, down}` at first. `empty` is shown without rows.
 */
export function Table({ label, columns, rows, rowKey = row => row.id ?? row.name, to, onOpen, selected, onSelect, order: first, empty, keys = true }) {
  const [order, setOrder] = useState(first ?? null)
  const [current, setCurrent] = useState(-1)
  const body = useRef(null)
  const shown = useMemo(() => sorted(rows, columns, order), [rows, order])
  const opens = to || onOpen
  const open = row => (to ? go(to(row)) : onOpen?.(row))
  const move = step => setCurrent(old => Math.max(0, Math.min(shown.length - 1, old + step)))
  useEffect(() => { body.current?.children[current]?.scrollIntoView({ block: 'nearest' }) }, [current])
  useKeys(keys && shown.length ? {
    j: () => move(1), k: () => move(-1),
    ...(opens ? { Enter: () => shown[current] && open(shown[current]) } : {}),
    ...(selected ? { x: () => shown[current] && tick(shown[current]) } : {}),
  } : {})
  const tick = row => {
    const next = new Set(selected)
    if (!next.delete(rowKey(row))) next.add(rowKey(row))
    onSelect(next)
  }
  if (!rows.length && empty) return empty
  const all = shown.length > 0 && selected && shown.every(row => selected.has(rowKey(row)))
  const clicked = (event, row) => { if (opens && !event.target.closest('a, button, input, label') && !String(getSelection())) open(row) }
  return html`<div class="table-wrap" tabindex="0" role="region" aria-label=${label}>
    <table class="table"><caption class="hidden-visually">${label}</caption>
      <thead><tr>
        ${selected && html`<th class="check-cell"><input type="checkbox" aria-label="Select all" checked=${all}
          onChange=${() => onSelect(all ? new Set() : new Set(shown.map(rowKey)))} /></th>`}
        ${columns.map(column => html`<${Head} key=${column.key} column=${column} order=${order} setOrder=${setOrder} />`)}
      </tr></thead>
      <tbody ref=${body}>
        ${shown.map((row, index) => html`<tr key=${rowKey(row)} onClick=${event => clicked(event, row)}
          class=${[opens && 'opens', index === current && 'current', selected?.has(rowKey(row)) && 'selected'].filter(Boolean).join(' ')}>
          ${selected && html`<td class="check-cell"><input type="checkbox" aria-label="Select" checked=${selected.has(rowKey(row))} onChange=${() => tick(row)} /></td>`}
          ${columns.map(column => html`<td key=${column.key} class=${[column.num && 'num', column.wide && 'wide-only', column.className].filter(Boolean).join(' ')}>${
            column.cell ? column.cell(row) : row[column.key]}</td>`)}
        </tr>`)}
      </tbody>
    </table>
  </div>`
}
