// What stands where nothing is yet: while loading, where there is nothing, after an error. And `Loaded`, which chooses.
import { html } from '../html.js'
import { Button } from './page.js'
import { CopyButton } from './copy.js'

/** Grey lines in the place of what is loading. */
export function Skeleton({ rows = 5 }) {
  return html`<div class="skeleton" role="status" aria-label="Loading">
    ${Array.from({ length: rows }, (_, index) => html`<i key=${index} style=${{ width: `${92 - (index * 37) % 45}%` }} />`)}
  </div>`
}

/** Says what is missing and what to do next: `command` is one that can be copied, `action` a button or link. */
export function Empty({ title, command, action, children }) {
  return html`<div class="empty">
    <h2>${title}</h2>
    ${children && html`<p>${children}</p>`}
    ${command && html`<${Command} text=${command} />`}
    ${action}
  </div>`
}

/** A command line with a button that copies it. */
export function Command({ text }) {
  return html`<span class="command"><code>${text}</code><${CopyButton} text=${text} small label="Copy the command" /></span>`
}

/** An error of the API with what it said, and a way to try again. */
export function Failure({ error, retry }) {
  return html`<div class="failure" role="alert">
    <div class="grow"><b>${error.code ?? 'Error'}</b><p>${error.message}</p></div>
    ${retry && html`<${Button} small onClick=${retry}>Try again<//>`}
  </div>`
}

/** Shows what `useLoad` answered: a skeleton, the error, or `children(data)`. Old data stay while an update fails. */
export function Loaded({ from, rows, children }) {
  if (from.data) return html`${from.error && html`<${Failure} error=${from.error} retry=${from.reload} />`}${children(from.data)}`
  if (from.error) return html`<${Failure} error=${from.error} retry=${from.reload} />`
  return html`<${Skeleton} rows=${rows} />`
}
