// One queue: how deep it is, what is in it (seen without receiving it), and for dead letters why they failed.
import { html, useState } from '../html.js'
import { get, post } from '../api.js'
import { useLoad, usePages } from '../hooks.js'
import { pathOf } from '../router.js'
import { age, count, number } from '../format.js'
import { useAction } from '../components/action.js'
import { Chip } from '../components/chip.js'
import { confirm, toast } from '../components/dialog.js'
import { Empty, Failure, Loaded } from '../components/empty.js'
import { More } from '../components/more.js'
import { Button, Card, Page } from '../components/page.js'
import { DEAD_COLUMNS, Message, MESSAGE_COLUMNS } from '../components/message.js'
import { QueueFacts } from '../components/queue_facts.js'
import { SendMessage } from '../components/send_message.js'
import { Stats } from '../components/stats.js'
import { Table } from '../components/table.js'

export default function Queue({ params }) {
  const path = pathOf('queues', params.name)
  const queue = useLoad(path, {}, { every: 3000 })
  const messages = usePages(`${path}/messages`, 'messages', { limit: 200 }, { every: 3000 })
  const [sending, setSending] = useState(false)
  const reload = () => {
    queue.reload()
    messages.reload()
  }
  const dead = queue.data?.sources.length > 0
  return html`<${Page} title=${params.name} mono crumbs=${[['Queues', '/queues']]}
    actions=${html`<${Button} onClick=${() => setSending(true)}>Send a message<//>`}
    beside=${dead && html`<${Chip} kind=${queue.data.failing ? 'bad' : ''}>dead-letter queue<//>`}>
    <${Loaded} from=${queue}>${data => html`<div class="stack">
      <${Depth} data=${data} dead=${dead} />
      <${Messages} dead=${dead} path=${path} messages=${messages} onChanged=${reload} />
      <${QueueFacts} data=${data} />
    </div>`}<//>
    ${sending && html`<${SendMessage} path=${path} fifo=${params.name.endsWith('.fifo')} onClose=${() => setSending(false)} onSent=${reload} />`}
  <//>`
}

const Depth = ({ data, dead }) =>
  html`<${Stats} items=${[
    ['Visible', number(data.visible), data.visible && dead ? 'bad' : ''],
    ['In flight', number(data.in_flight)],
    ['Delayed', number(data.delayed)],
    ['Oldest', data.oldest ? age(Date.now() - data.oldest) : '–'],
  ]} />`

function Messages({ dead, path, messages, onChanged }) {
  const [chosen, setChosen] = useState(new Set())
  const [open, setOpen] = useState(null)
  const change = useChange(path, onChanged, () => setChosen(new Set()))
  const rows = messages.data?.messages ?? []
  const ids = rows.filter(row => chosen.has(row.id)).map(row => row.id)
  const show = row => {
    if (!row.cut) return setOpen(row)
    return get(`${path}/messages/${row.id}`).then(setOpen, error => toast(error.message, { kind: 'bad' }))
  }
  const end = html`
    ${dead && html`<${Button} small disabled=${!ids.length || change.busy} onClick=${() => change.redrive(ids)}>Redrive chosen<//>`}
    ${dead && html`<${Button} small disabled=${!rows.length || change.busy} onClick=${() => change.redrive('all')}>Redrive all<//>`}
    <${Button} small kind="danger" disabled=${!ids.length || change.busy} onClick=${() => change.remove(ids)}>Delete chosen<//>`
  const empty = html`<${Empty} title=${dead ? 'No dead letters' : 'No messages'}>
    ${dead ? 'What could not be delivered or handled comes here, with the reason.' : 'Messages that wait are shown here without being received.'}<//>`
  return html`<${Card} title="Messages" flush end=${end}>
    ${change.error && html`<div class="card-text"><${Failure} error=${change.error} /></div>`}
    ${open && html`<${Message} message=${open} onClose=${() => setOpen(null)} />`}
    <${Loaded} from=${messages}>${() => html`
      <${Table} label="Messages" rows=${rows} columns=${dead ? DEAD_COLUMNS : MESSAGE_COLUMNS} selected=${chosen} onSelect=${setChosen} onOpen=${show} empty=${empty} />
      <${More} list=${messages} shown=${rows.length} what="messages" />`}<//>
  <//>`
}

/** Redrives and deletes, after asking; says what came of it. */
function useChange(path, onChanged, onDone) {
  const change = useAction(async (what, ids, verb) => {
    const result = await post(`${path}/${what}`, { messages: ids })
    while (result.next) {  // a thousand at a time
      const more = await post(`${path}/${what}`, { messages: ids, next: result.next })
      Object.assign(result, { ...more, done: result.done + more.done, failed: [...result.failed, ...more.failed] })
    }
    onDone()
    onChanged()
    toast(outcome(result, verb), result.failed.length ? { kind: 'bad' } : {})
  })
  const redrive = async ids => {
    const text = `${ids === 'all' ? 'All messages go' : `${count(ids.length, 'message')} go${ids.length === 1 ? 'es' : ''}`} back to where they came from, to be tried again.`
    if (await confirm({ title: 'Redrive dead letters', text, action: 'Redrive' }))
      change.run('redrive', ids, 'Redriven')
  }
  const remove = async ids => {
    const text = `${count(ids.length, 'message')} will be deleted. This cannot be undone.`
    if (await confirm({ title: 'Delete messages', text, action: 'Delete', danger: true }))
      change.run('delete', ids, 'Deleted')
  }
  return { ...change, redrive, remove }
}

function outcome(result, verb) {
  const { done, failed, left, task } = result
  const why = failed.length ? ` ${count(failed.length, 'message')} stayed: ${failed[0].why}` : ''
  const more = left ? ` In the queue again, or still: ${count(left, 'message')}.` : ''
  return task ? 'The node moves the messages now.' : `${verb}: ${count(done, 'message')}.${why}${more}`
}
