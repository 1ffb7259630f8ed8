// Keyboard shortcuts. The newest registration of a key wins, so that a panel or table takes keys from the page below it. While a modal dialog
// is open there are none: the browser itself closes it by Escape. A / that is pressed while the page loads waits for the page's search field.
import { useLayoutEffect, useRef } from './html.js'

const registrations = []
let prefix = ''
let prefixTimer = 0
let searchAwaited = false

const typing = target => target?.closest?.('input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]')

function pressed(event) {
  searchAwaited = false
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
  if (event.key === 'Escape' && typing(event.target)) return event.target.blur()
  if (typing(event.target) || document.querySelector('dialog:modal')) return
  if (event.key === 'Enter' && event.target.closest?.('a, button, summary, [role=button]')) return
  const key = prefix ? `${prefix} ${event.key}` : event.key
  clearTimeout(prefixTimer)
  prefix = ''
  for (let index = registrations.length - 1; index >= 0; index--) {
    const handler = registrations[index].current[key]
    if (handler) {
      event.preventDefault()
      handler(event)
      return
    }
  }
  if (key === '/' && document.querySelector('main .skeleton')) {
    event.preventDefault()
    searchAwaited = true
  }
  if (event.key === 'g') {
    prefix = 'g'
    prefixTimer = setTimeout(() => { prefix = '' }, 1500)
  }
}
addEventListener('keydown', pressed)
addEventListener('pointerdown', () => { searchAwaited = false })

/** Registers keys while the component is there: `useKeys({'j': next, 'g e': toEvents, '/': focusSearch})`. */
export function useKeys(keys) {
  const latest = useRef(keys)
  latest.current = keys
  useLayoutEffect(() => {  // before it is drawn, so that what is seen has its keys
    registrations.push(latest)
    if (searchAwaited && latest.current['/']) {
      searchAwaited = false
      latest.current['/']()
    }
    return () => { registrations.splice(registrations.indexOf(latest), 1) }
  }, [])
}
