// Copies a text to the clipboard and says so.
import { html, useState } from '../html.js'
import { Button } from './page.js'

async function copyText(text) {
  try { return await navigator.clipboard.writeText(text) } catch { /* no secure context: the older way */ }
  const area = document.createElement('textarea')
  area.value = text
  document.body.append(area)
  area.select()
  document.execCommand('copy')
  area.remove()
}

/** `<${CopyButton} text=${arn} />`; `text` may be a function. With children a labelled button. */
export function CopyButton({ text, label = 'Copy', small = true, children }) {
  const [done, setDone] = useState(false)
  const copy = async event => {
    event.stopPropagation()
    await copyText(typeof text === 'function' ? text() : text)
    setDone(true)
    setTimeout(() => setDone(false), 1500)
  }
  return html`<${Button} kind="plain" small=${small} icon=${done ? 'check' : 'copy'} label=${done ? 'Copied' : label} onClick=${copy}>
    ${children}<//>`
}
