// Replays: chosen events, to all rules of their bus or to one, and what an archive holds.
import { html, useId, useState } from '../html.js'
import { post } from '../api.js'
import { useLive, useLoad, useQuery } from '../hooks.js'
import { href, pathOf } from '../router.js'
import { bytes, count, dateTime, number } from '../format.js'
import { useAction } from '../components/action.js'
import { Chip, StateChip } from '../components/chip.js'
import { Dialog } from '../components/dialog.js'
import { Empty, Failure, Loaded } from '../components/empty.js'
import { Time } from '../components/facts.js'
import { Check, Field, Search, Select } from '../components/filters.js'
import { Button, Card, Page } from '../components/page.js'
import { ruleLabel } from '../components/choose.js'
import { Table } from '../components/table.js'

export default function Replay({ query }) {
  return html`<${Page} title="Replay" lead="Sends earlier events once more: chosen ones, or what an archive holds.">
    <div class="stack">
      <${ChosenEvents} query=${query} />
      <${Archives} />
    </div>
  <//>`
}

const EVENT_COLUMNS = [
  { key: 'time', title: 'Time', cell: row => html`<${Time} ms=${row.time} millis />` },
  {
    key: 'detail_type',
    title: 'Detail type',
    cell: row => html`<a class="name" href=${href(pathOf('events', row.id))}>${row.detail_type}</a>`,
  },
  { key: 'source', title: 'Source' },
  { key: 'bus', title: 'Bus', wide: true },
  { key: 'state', title: 'State', cell: row => html`<${StateChip} state=${row.state} />` },
]

/** A replayed event is in the history again under its id: only its newest row. */
const newest = rows => rows.filter((row, at) => rows.findIndex(one => one.id === row.id) === at)

function ChosenEvents({ query }) {
  const [, change] = useQuery()
  const chosen = new Set((query.events ?? '').split(',').filter(Boolean))
  const events = useLoad('/events', { limit: 25, text: query.text })
  const rules = useLoad('/rules', { limit: 1000 })
  const replay = useAction(() =>
    post('/events/replay', query.rule ? { ids: [...chosen], rule: query.rule } : { ids: [...chosen] }),
  )
  const shown = new Set(events.data?.events.map(one => one.id))
  const elsewhere = [...chosen].filter(id => !shown.has(id))
  const targets = [
    ['', 'every rule that matches'],
    ...(rules.data?.rules ?? []).filter(rule => rule.pattern).map(rule => [rule.arn, ruleLabel(rule)]),
  ]
  return html`<${Card} title="Events" flush end=${html`<${Search} value=${query.text} placeholder="Search text" label="Search events" onInput=${text => change({ text })} />`}>
    <${Loaded} from=${events}>${data => html`<${Table} label="Recent events" rows=${newest(data.events)} columns=${EVENT_COLUMNS}
      selected=${chosen} onSelect=${ids => change({ events: [...ids].join(',') })}
      empty=${html`<${Empty} title=${query.text ? 'No event has this text' : 'No events yet'} action=${html`<${Button} to=${href('/send')}>Send an event<//>`} />`} />`}<//>
    <div class="card-foot">
      <span class="grow muted">${chosen.size ? `${count(chosen.size, 'event')} chosen` : 'Choose events above.'}${elsewhere.length ? `, ${elsewhere.length} of them not in this list` : ''}</span>
      <span class="row"><label for="replay-to">To</label>
      <${Select} id="replay-to" value=${query.rule ?? ''} options=${targets} onChange=${rule => change({ rule })} /></span>
      <${Button} kind="primary" disabled=${!chosen.size || replay.busy} onClick=${() => replay.run()}>${replay.busy ? 'Replaying…' : 'Replay'}<//>
    </div>
    ${replay.error && html`<div class="card-text"><${Failure} error=${replay.error} /></div>`}
    ${replay.result && html`<${Outcomes} outcomes=${replay.result.events} />`}
  <//>`
}

function Outcomes({ outcomes }) {
  return html`<ul class="rows" role="status" aria-label="What was replayed">
    ${outcomes.map(
      one => html`<li key=${one.id} class="rows-item">
      <${Chip} kind=${one.replayed ? 'good' : 'bad'}>${one.replayed ? 'replayed' : 'refused'}<//>
      <a href=${href(pathOf('events', one.id))}><code>${one.id}</code></a>
      <span class="muted">${one.message || (one.rules.length ? `to ${one.rules.join(', ')}` : 'no rule matches it now')}</span>
    </li>`,
    )}
  </ul>`
}

function Archives() {
  const archives = useLoad('/archives')
  const replays = useLoad('/replays')
  const [open, setOpen] = useState(null)
  const rows = useReplayProgress(replays)
  const columns = [
    { key: 'name', title: 'Archive', cell: row => html`<span class="name">${row.name}</span>` },
    { key: 'bus', title: 'Bus' },
    { key: 'events', title: 'Events', num: true, cell: row => number(row.events) },
    { key: 'bytes', title: 'Size', num: true, wide: true, cell: row => bytes(row.bytes) },
    {
      key: 'retention',
      title: 'Kept',
      num: true,
      wide: true,
      cell: row => (row.retention ? `${row.retention} d` : 'for ever'),
    },
    { key: 'replay', title: '', cell: row => html`<${Button} small onClick=${() => setOpen(row)}>Replay…<//>` },
  ]
  const empty = html`<${Empty} title="No archive yet" command="aws events create-archive --archive-name NAME --event-source-arn BUS_ARN">An archive keeps the events of a bus for later replays.<//>`
  return html`
    <${Card} title="Archives" flush>
      <${Loaded} from=${archives} rows=${2}>${data => html`<${Table} label="Archives" rows=${data.archives} columns=${columns} empty=${empty} keys=${false} />`}<//>
    <//>
    ${rows.length > 0 && html`<${Card} title="Replays" flush><${Table} label="Replays" rows=${rows} columns=${REPLAY_COLUMNS} keys=${false} /><//>`}
    ${open && html`<${ReplayDialog} archive=${open} onClose=${() => setOpen(null)} onStarted=${replays.reload} />`}`
}

const REPLAY_COLUMNS = [
  { key: 'name', title: 'Replay', cell: row => html`<span class="name">${row.name}</span>` },
  { key: 'archive', title: 'Archive', wide: true },
  {
    key: 'state',
    title: 'State',
    cell: row =>
      html`<${StateChip} state=${row.state} />${row.reason && html` <span class="muted">${row.reason}</span>`}`,
  },
  { key: 'progress', title: 'Progress', sort: false, cell: row => html`<${Progress} row=${row} />` },
  { key: 'started', title: 'Started', cell: row => html`<${Time} ms=${row.started} />` },
]

function Progress({ row }) {
  const share = row.progress ?? 0
  return html`<span class="row"><progress max="1" value=${share} aria-label=${`Progress of ${row.name}`} /><span class="muted tabular">${Math.round(share * 100)} %</span></span>`
}

/** The replays, with what the live stream has said of them since they were loaded. */
function useReplayProgress(replays) {
  const [live, setLive] = useState({})
  useLive(['replays'], {}, (data, topic) => {
    if (topic === 'resync') {
      setLive({})
      return replays.reload()
    }
    const told = [data].flat()
    setLive(old => ({ ...old, ...Object.fromEntries(told.map(one => [one.name, one])) }))
    if (told.some(one => !replays.data?.replays.some(row => row.name === one.name))) replays.reload()
  })
  return (replays.data?.replays ?? []).map(row => ({ ...row, ...live[row.name] }))
}

/** A time as a field of type datetime-local has it, in the browser's time zone. */
const local = ms => dateTime(ms, { millis: false }).replace(' ', 'T')

function ReplayDialog({ archive, onClose, onStarted }) {
  const form = useId()
  const [from, setFrom] = useState(local(archive.first ?? archive.created))
  const [to, setTo] = useState(local(Date.now() + 1000))
  const [chosen, setChosen] = useState([])
  const rules = useLoad('/rules', { bus: archive.bus, limit: 1000 })
  const start = useAction(async () => {
    await post(`${pathOf('archives', archive.name)}/replay`, {
      from: Date.parse(from),
      to: Date.parse(to),
      rules: chosen,
    })
    onStarted()
    onClose()
  })
  const submit = event => {
    event.preventDefault()
    start.run()
  }
  const tick = (arn, on) => setChosen(old => (on ? [...old, arn] : old.filter(one => one !== arn)))
  const time = (label, value, set) =>
    html`<${Field} label=${label}>${id => html`<input id=${id} class="input" type="datetime-local" step="1" required value=${value} onInput=${event => set(event.target.value)} />`}<//>`
  const foot = html`<${Button} onClick=${onClose}>Cancel<//><${Button} kind="primary" type="submit" form=${form} disabled=${start.busy}>Start replay<//>`
  return html`<${Dialog} title=${`Replay from ${archive.name}`} onClose=${onClose} foot=${foot}>
    <form class="stack" id=${form} onSubmit=${submit}>
      <p class="muted">The events of this time go to the bus ${archive.bus} again.</p>
      <div class="columns narrow">${time('From', from, setFrom)}${time('To', to, setTo)}</div>
      <fieldset class="choices"><legend class="label">Rules (all, if none is chosen)</legend>
        ${(rules.data?.rules ?? []).filter(rule => rule.pattern).map(rule => html`<${Check} key=${rule.arn} checked=${chosen.includes(rule.arn)} onChange=${on => tick(rule.arn, on)}>${rule.name}<//>`)}
      </fieldset>
      ${start.error && html`<${Failure} error=${start.error} />`}
    </form>
  <//>`
}
