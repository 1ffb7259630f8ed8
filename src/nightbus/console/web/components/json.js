// Shows JSON: collapsible, copied with a button, and with the verdict of a pattern beside each field that the pattern is about.
// Only a part of a large value is shown at once.
import { html, useMemo, useState } from '../html.js'
import { parse } from '../api.js'
import { bytes, number } from '../format.js'
import { CopyButton } from './copy.js'

const LINES = 1500        // shown at once
const STRING = 2000       // characters of one string
const INLINE = 64         // a list of plain values up to this width stands on one line

const escaped = key => String(key).replace(/~/g, '~0').replace(/\//g, '~1')
const raw = value => JSON.isRawJSON?.(value) ?? false  // a number that a double cannot hold
const plain = value => value === null || typeof value !== 'object' || raw(value)

function inline(value) {
  if (!Array.isArray(value) || !value.every(plain)) return null
  const text = JSON.stringify(value)
  return text.length <= INLINE ? value : null
}

/** The lines of a value: `{pointer, depth, key, kind, value, size, comma}`; `folded(pointer, depth)` hides what is inside. */
function linesOf(root, folded) {
  const lines = []
  const walk = (value, pointer, depth, key, comma) => {
    if (lines.length > 200000) return
    if (plain(value) || inline(value)) {
      lines.push({ pointer, depth, key, kind: 'value', value, comma })
      return
    }
    const list = Array.isArray(value)
    const entries = list ? value.map((one, index) => [index, one]) : Object.entries(value)
    const closed = entries.length > 0 && folded(pointer, depth)
    lines.push({ pointer, depth, key, kind: closed || !entries.length ? 'closed' : 'open', list, size: entries.length, comma })
    if (closed || !entries.length) return
    entries.forEach(([name, one], index) =>
      walk(one, `${pointer}/${escaped(name)}`, depth + 1, list ? undefined : name, index < entries.length - 1))
    lines.push({ pointer, depth, kind: 'end', list, comma })
  }
  walk(root, '', 0, undefined, false)
  return lines
}

function Scalar({ value }) {
  const [whole, setWhole] = useState(false)
  if (raw(value)) return html`<span class="json-number">${value.rawJSON}</span>`
  if (typeof value === 'number') return html`<span class="json-number">${String(value)}</span>`
  if (typeof value !== 'string') return html`<span class="json-word">${String(value)}</span>`
  const limit = whole ? 100000 : STRING
  const text = value.length > limit ? value.slice(0, limit) : value
  return html`<span class="json-string">${JSON.stringify(text).slice(0, value.length > limit ? -1 : undefined)}</span>${
    value.length > limit && html` <button type="button" class="json-more" onClick=${() => setWhole(true)} disabled=${whole}>
      … ${bytes(value.length - limit)} more${whole && ' (copy to see all)'}</button>`}`
}

const List = ({ values }) => html`<span class="json-punct">[</span>${values.map((value, index) => html`${
  index > 0 && html`<span class="json-punct">, </span>`}<${Scalar} value=${value} />`)}<span class="json-punct">]</span>`

function Line({ line, mark, toggle }) {
  const key = line.key !== undefined && html`<span class="json-key">${JSON.stringify(line.key)}</span><span class="json-punct">: </span>`
  const comma = line.comma && html`<span class="json-punct">,</span>`
  const [open, shut] = line.list ? ['[', ']'] : ['{', '}']
  const foldable = line.kind === 'open' || (line.kind === 'closed' && line.size > 0)
  const body = {
    value: () => html`${Array.isArray(line.value) ? html`<${List} values=${line.value} />` : html`<${Scalar} value=${line.value} />`}${comma}`,
    open: () => html`<span class="json-punct">${open}</span>`,
    end: () => html`<span class="json-punct">${shut}</span>${comma}`,
    closed: () => html`<span class="json-punct">${open}${line.size > 0 && html`<button type="button" class="json-more" onClick=${toggle}> … ${number(line.size)} </button>`}${shut}</span>${comma}`,
  }[line.kind]()
  return html`<div class=${`json-line ${mark?.verdict ?? ''}`}>
    ${foldable ? html`<button type="button" class="toggle" aria-expanded=${line.kind === 'open'}
      aria-label=${`${line.kind === 'open' ? 'Fold' : 'Unfold'} ${line.key ?? 'this'}`} onClick=${toggle}>${line.kind === 'open' ? '▾' : '▸'}</button>` : html`<span class="toggle" />`}
    <span style=${{ paddingInlineStart: `${line.depth * 14}px` }}>${key}${body}${mark && html`<span class="hidden-visually"> (${mark.verdict})</span>`}</span>
  </div>`
}

const parent = pointer => pointer.slice(0, Math.max(0, pointer.lastIndexOf('/')))

/** Which line carries which field's verdict: at its pointer, or (a field that is absent) at the nearest line above it. */
function marksOf(fields, side, pointers) {
  const marks = new Map()
  for (const field of fields ?? []) {
    let pointer = field[side === 'pattern' ? 'pattern_pointer' : 'event_pointer']
    let verdict = field.verdict
    if (pointer === null || pointer === undefined || (pointer === '' && verdict === 'absent')) {
      if (side === 'pattern') continue
      pointer = field.pattern_pointer ?? ''
      verdict = 'absent'
    }
    let found = pointer
    while (!pointers.has(found) && found) found = parent(found)
    if (found !== pointer && verdict !== 'matched' && side !== 'pattern') verdict = 'absent'
    if (found !== pointer && verdict === 'matched') continue
    const mark = marks.get(found) ?? { verdict: found === pointer ? verdict : null, notes: [] }
    if (found === pointer && mark.verdict !== 'missed') mark.verdict = verdict
    if (field.why && verdict !== 'matched') mark.notes.push({ verdict, why: found === pointer ? field.why : `${field.path}: ${field.why}` })
    marks.set(found, mark)
  }
  return marks
}

/**
 * `<${JsonView} value=${event} fields=${rule.fields} side="event" />`. `value` is parsed JSON, or a text that is shown as it is if it is
 * not JSON. `fields` (as of `POST /patterns/test`) mark the event's lines (`side="event"`) or the pattern's. `notes` shows why.
 */
export function JsonView({ value, fields, side = 'event', notes = true, label = 'JSON', depth = 8, copy = true }) {
  const [turned, setTurned] = useState({})
  const [limit, setLimit] = useState(LINES)
  const folded = (pointer, level) => turned[pointer] ?? level >= depth
  const lines = useMemo(() => linesOf(value, folded), [value, turned, depth])
  const marks = useMemo(() => marksOf(fields, side, new Set(lines.map(line => line.pointer))), [fields, side, lines])
  return html`<div class="json-box">
    ${copy && html`<div class="json-tools"><${CopyButton} text=${() => JSON.stringify(value, null, 2)} label=${`Copy the ${label}`} /></div>`}
    <div class="json" tabindex="0" role="region" aria-label=${label}>
      ${lines.slice(0, limit).map((line, index) => {
        const mark = line.kind === 'end' ? null : marks.get(line.pointer)
        return html`<${Line} key=${line.pointer + line.kind} line=${line} mark=${mark?.verdict ? mark : null}
            toggle=${() => setTurned(old => ({ ...old, [line.pointer]: line.kind === 'open' }))} />
          ${notes && mark?.notes.map((note, at) => html`<div key=${`${index}-${at}`} class=${`json-why ${note.verdict}`}>${note.why}</div>`)}`
      })}
      ${lines.length > limit && html`<div class="json-line"><span class="toggle" /><button type="button" class="json-more" onClick=${() => setLimit(limit + LINES)}>
        ${number(lines.length - limit)} more lines</button></div>`}
    </div>
  </div>`
}

/** A text as JSON if it is one, else as it is. */
export function TextOrJson({ text, ...rest }) {
  const parsed = useMemo(() => {
    if (typeof text !== 'string' || !/^\s*[[{]/.test(text)) return undefined
    try { return parse(text) } catch { return undefined }
  }, [text])
  if (parsed !== undefined) return html`<${JsonView} value=${parsed} ...${rest} />`
  return html`<pre class="text-block" tabindex="0">${String(text ?? '').slice(0, 100000)}</pre>`
}
