// Says below a list that it is not whole, and loads its next page.
import { html } from '../html.js'
import { number } from '../format.js'
import { Button } from './page.js'

/** `<${More} list=${usePages(…)} shown=${rows.length} what="functions" />`: nothing where the list is whole. */
export function More({ list, shown, what }) {
  if (!list.data?.next) return null
  return html`<p class="row muted card-text" role="status">
    <span>${number(shown)} ${what} are shown, and there are more.</span>
    <${Button} small disabled=${list.loading} onClick=${list.more}>${list.loading ? 'Loading…' : 'Load more'}<//>
  </p>`
}
