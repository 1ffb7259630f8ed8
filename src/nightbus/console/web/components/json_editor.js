// A text field for JSON: line numbers, colours, marks on fields, and the place of a mistake while typing.
//
// The coloured text lies behind a textarea whose own text is transparent. Both wrap alike, so a screen reader, the
// browser's undo and its search see an ordinary text field. Tab leaves the field.
import { html, useId, useMemo, useRef } from '../html.js'
import { markedLines, readJson, tidy } from '../json_text.js'
import { Button } from './page.js'

// Longer texts have no colours: the browser would lay out ten thousand spans at each key.
const MOST_COLOURED = 100_000

/**
 * `marks`: `[{start, end, kind}]` with kind `matched`, `missed` or `absent`. `problem`: a mistake that the node found,
 * `{message, place}`. `onInput(text)` gets each change. `name` is for `showPlace`. `tools` stand beside the label.
 */
export function JsonEditor({ label, value, onInput, marks = [], problem = null, tools = null, name, small = false }) {
  const area = useRef(null)
  const id = useId()
  const mistake = useMemo(() => mistakeIn(value, problem), [value, problem])
  const lines = useMemo(() => drawn(value, marks, mistake), [value, marks, mistake])
  return html`<div class="editor" data-name=${name}>
    <div class="editor-head">
      <label class="label" for=${id}>${label}</label>
      <div class="editor-tools">
        ${tools}
        <${Button} kind="plain" small onClick=${() => onInput(tidy(value))} disabled=${Boolean(mistake)}>Tidy<//>
      </div>
    </div>
    <div class=${['editor-box', small && 'small', mistake && 'wrong'].filter(Boolean).join(' ')}>
      <div class="editor-sheet">
        <pre class="editor-text" aria-hidden="true">
          ${lines.map(
            (pieces, index) =>
              html`<div class=${mistake?.line === index + 1 ? 'editor-line wrong' : 'editor-line'}>${pieces.map(piece)}${'\u200b'}</div>`,
          )}
        </pre>
        <textarea id=${id} ref=${area} class="editor-input" spellcheck=${false} autocomplete="off" autocapitalize="off"
          aria-invalid=${mistake ? 'true' : undefined} aria-describedby=${`${id}-said`}
          value=${value} onInput=${event => onInput(event.currentTarget.value)} onKeyDown=${indent} />
      </div>
    </div>
    <p class="editor-said" id=${`${id}-said`} aria-live="polite">
      ${
        mistake &&
        html`<button type="button" class="linkish" onClick=${() => select(area.current, mistake)}>
        ${mistake.line ? `Line ${mistake.line}: ` : ''}${mistake.message}
      </button>`
      }
    </p>
  </div>`
}

/** Puts the selection on a place of the text in the editor called `name`. */
export function showPlace(name, place) {
  select(document.querySelector(`.editor[data-name="${name}"] textarea`), place)
}

function mistakeIn(text, problem) {
  const { error } = readJson(text)
  if (error)
    return text.trim() ? { message: error.message, start: error.offset, end: error.offset + 1, line: error.line } : null
  if (!problem?.place) return problem ? { message: problem.message } : null
  const { start, end } = problem.place
  return { message: problem.message, start, end, line: text.slice(0, start).split('\n').length }
}

function drawn(text, marks, mistake) {
  if (text.length > MOST_COLOURED) return text.split('\n').map(line => [{ text: line }])
  return markedLines(text, mistake?.start === undefined ? marks : [{ ...mistake, kind: 'error' }, ...marks])
}

function piece({ text, kind, mark }) {
  if (!kind && !mark) return text
  return html`<span class=${[kind && `json-${kind}`, mark && `mark-${mark}`].filter(Boolean).join(' ')}>${text}</span>`
}

function select(area, place) {
  if (!area || place?.start === undefined) return
  area.focus({ preventScroll: true })
  area.setSelectionRange(place.start, place.end ?? place.start)
  const lines = area.closest('.editor-box').querySelectorAll('.editor-line')
  lines[area.value.slice(0, place.start).split('\n').length - 1]?.scrollIntoView({ block: 'nearest' })
}

function indent(event) {
  if (event.key !== 'Enter' || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return
  const { value, selectionStart } = event.currentTarget
  const line = value.slice(value.lastIndexOf('\n', selectionStart - 1) + 1, selectionStart)
  const deeper = /[{[]\s*$/.test(line) ? '  ' : ''
  event.preventDefault()
  document.execCommand('insertText', false, `\n${/^ */.exec(line)[0]}${deeper}`)
}
