// The address: which page with which parameters, and how to get to another. The scope (account and Region) is part of each
// address unless it is the default, so that a link shows the same thing to whoever opens it.
export const BASE = '/_nightbus/console'
export const DEFAULT_SCOPE = { account: '000000000000', region: 'us-east-1' }

const listeners = new Set()

/** The path below the console without a slash at its end ("/" for the first page). */
export function currentPath() {
  const path = location.pathname.slice(BASE.length).replace(/\/+$/, '')
  return path || '/'
}

/** The query as an object of strings. */
export const currentQuery = () => Object.fromEntries(new URLSearchParams(location.search))

export function currentScope() {
  const { account, region } = currentQuery()
  return { account: account || DEFAULT_SCOPE.account, region: region || DEFAULT_SCOPE.region }
}

/** An address in the console: `href('/events', {bus: 'default'})`. Empty values are left out, the scope is kept. */
export function href(path, query = {}) {
  const search = new URLSearchParams()
  const scope = currentScope()
  const all = { ...query }
  for (const key of ['account', 'region']) if (!(key in all) && scope[key] !== DEFAULT_SCOPE[key]) all[key] = scope[key]
  for (const [key, value] of Object.entries(all)) {
    if (value === undefined || value === null || value === '') continue
    if (value === DEFAULT_SCOPE[key]) continue
    search.set(key, value)
  }
  const text = search.toString()
  return BASE + (path === '/' ? '' : path) + (text ? '?' + text : '')
}

/** Joins path segments, each encoded: `pathOf('functions', name)`. */
export const pathOf = (...segments) => '/' + segments.map(encodeURIComponent).join('/')

/** Goes to an address made by `href`; with `replace` without an entry in the browser's history. */
export function go(address, { replace = false } = {}) {
  if (address === location.pathname + location.search) return
  history[replace ? 'replaceState' : 'pushState'](null, '', address)
  for (const listener of listeners) listener()
}

export function onNavigation(listener) {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

addEventListener('popstate', () => { for (const listener of listeners) listener() })

// Links inside the console change the page without loading it again.
addEventListener('click', event => {
  if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
  const link = event.target.closest?.('a[href]')
  if (!link || link.target || link.hasAttribute('download')) return
  const url = new URL(link.href)
  if (url.origin !== location.origin || !(url.pathname + '/').startsWith(BASE + '/')) return
  if (url.pathname.startsWith(BASE + '/web/') || url.pathname.startsWith(BASE + '/sign')) return
  event.preventDefault()
  go(url.pathname + url.search)
  scrollTo(0, 0)
})

/** Finds the route: `['/events/:id', load]` → `{route, params}`. */
export function match(routes, path) {
  const parts = path.split('/').filter(Boolean)
  for (const route of routes) {
    const wanted = route.path.split('/').filter(Boolean)
    if (wanted.length !== parts.length) continue
    const params = {}
    const fits = wanted.every((name, index) => {
      if (!name.startsWith(':')) return name === parts[index]
      try { params[name.slice(1)] = decodeURIComponent(parts[index]) } catch { return false }
      return true
    })
    if (fits) return { route, params }
  }
  return null
}
