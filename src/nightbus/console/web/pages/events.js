// The events that the buses accepted, the newest first, live; filtered by what the address says.
import { html, useMemo, useState } from '../html.js'
import { clock, number, shortName } from '../format.js'
import { useEventStream } from '../event_stream.js'
import { useLoad, useNarrow, useQuery } from '../hooks.js'
import { useKeys } from '../keys.js'
import { go, href, pathOf } from '../router.js'
import { StateChip } from '../components/chip.js'
import { Empty, Failure, Skeleton } from '../components/empty.js'
import { Search, Select, TextFilter } from '../components/filters.js'
import { Button, Page } from '../components/page.js'
import { VirtualList } from '../components/virtual.js'

const STATES = [['', 'All states'], ['delivered', 'Delivered'], ['failed', 'Failed'], ['waiting', 'Waiting'], ['unmatched', 'Unmatched']]
const WIDE = '96px minmax(110px, 1fr) minmax(120px, 1.2fr) minmax(90px, 1.1fr) minmax(100px, 1.6fr) 100px'
const addressOf = event => href(pathOf('events', event.id))

function WideRow({ event, showBus }) {
  return html`
    <span role="cell" class="mono muted">${clock(event.time)}</span>
    <span role="cell">${event.source}${showBus && event.bus !== 'default' && html` <span class="muted">on ${event.bus}</span>`}</span>
    <span role="cell"><a class="event-link" href=${addressOf(event)}>${event.detail_type}</a></span>
    <span role="cell" class=${event.rules.length ? '' : 'muted'} title=${event.rules.join(', ')}>${event.rules.length ? event.rules.map(shortName).join(', ') : 'no rule'}</span>
    <span role="cell" class="mono muted">${event.preview}</span>
    <span role="cell"><${StateChip} state=${event.state} /></span>`
}

function NarrowRow({ event }) {
  return html`<span role="cell" class="event-narrow">
    <span class="row"><a class="event-link cut grow" href=${addressOf(event)}>${event.detail_type}</a><${StateChip} state=${event.state} /></span>
    <span class="row muted"><span class="mono">${clock(event.time)}</span><span class="cut">${event.source}</span></span>
  </span>`
}

const HEAD = ['Time', 'Source', 'Detail type', 'Rules', 'Detail', 'State'].map(title => html`<span role="columnheader">${title}</span>`)

function SearchOn({ more }) {
  return html`<${Empty} title="Nothing found yet" action=${html`<${Button} onClick=${more}>Search further back<//>`}>Older events have not been looked at.<//>`
}

function Nothing({ filtered, clear }) {
  if (filtered) return html`<${Empty} title="No event fits these filters" action=${html`<${Button} onClick=${clear}>Clear the filters<//>`}>
    New events that fit appear here as they arrive.<//>`
  return html`<${Empty} title="No event yet"
    command=${`aws events put-events --entries '[{"Source": "demo", "DetailType": "Hello", "Detail": "{}"}]'`}
    action=${html`<${Button} to=${href('/send')}>Send one from here<//>`}>
    Events appear here as soon as a bus accepts them, with the rules that matched and what became of them.<//>`
}

export default function Events() {
  const [query, change] = useQuery()
  const [paused, setPaused] = useState(false)
  const [current, setCurrent] = useState(null)
  const narrow = useNarrow()
  const { bus = '', source = '', detail_type: detailType = '', text = '', pattern = '', state = '' } = query
  const filters = { bus, source, detail_type: detailType, text, pattern, state }
  const buses = useLoad('/buses').data?.buses ?? []
  const stream = useEventStream(filters, paused)
  const turn = () => setPaused(!paused)
  useKeys({ ' ': turn })
  const filtered = Boolean(bus || source || detailType || text || pattern || state)
  const clear = () => change({ bus: '', source: '', detail_type: '', text: '', pattern: '', state: '' })
  const seen = useMemo(() => {
    const rows = stream.rows.slice(0, 500)
    return { sources: [...new Set(rows.map(row => row.source))].sort(), types: [...new Set(rows.map(row => row.detail_type))].sort() }
  }, [stream.rows.length > 0, stream.loading])
  const busOptions = [['', 'All buses'], ...new Set([...buses.map(one => one.name), bus].filter(Boolean))]

  return html`<${Page} title="Events" actions=${html`
      <${Button} icon=${paused ? 'play' : 'pause'} aria-pressed=${paused} onClick=${turn}>${paused ? (stream.waiting ? `Resume (${number(stream.waiting)} new)` : 'Resume') : 'Pause'}<//>`}>
    <div class="events-page">
      <div class="filters">
        <${Search} value=${text} onInput=${value => change({ text: value })} placeholder="Text in the event" />
        <${Select} label="Bus" value=${bus} options=${busOptions} onChange=${value => change({ bus: value })} />
        <${TextFilter} value=${source} onInput=${value => change({ source: value })} placeholder="Source" list=${seen.sources} />
        <${TextFilter} value=${detailType} onInput=${value => change({ detail_type: value })} placeholder="Detail type" list=${seen.types} />
        <${TextFilter} value=${pattern} onInput=${value => change({ pattern: value })} placeholder='Pattern {"detail": …}' label="Event pattern" mono invalid=${stream.patternWrong} />
        <${Select} label="State" value=${state} options=${STATES} onChange=${value => change({ state: value })} />
        ${filtered && html`<${Button} kind="plain" onClick=${clear}>Clear<//>`}
      </div>
      ${stream.patternWrong && html`<p class="note bad" role="alert">The pattern is not a JSON object yet.</p>`}
      ${stream.error && html`<${Failure} error=${stream.error} />`}
      ${stream.rows.length === 0 && !stream.error ? html`<div class="card">${stream.loading ? html`<${Skeleton} rows=${10} />` : stream.next ? html`<${SearchOn} more=${stream.more} />` : html`<${Nothing} filtered=${filtered} clear=${clear} />`}</div>` : null}
      ${stream.rows.length > 0 && html`<${VirtualList} items=${stream.rows} label="Events" rowHeight=${narrow ? 56 : 34} columns=${narrow ? '1fr' : WIDE}
        head=${narrow ? null : HEAD} row=${event => (narrow ? html`<${NarrowRow} event=${event} />` : html`<${WideRow} event=${event} showBus=${!bus} />`)}
        current=${current} onCurrent=${event => setCurrent(event.id)} onOpen=${event => go(addressOf(event))} onEnd=${stream.more} />`}
    </div><//>`
}
