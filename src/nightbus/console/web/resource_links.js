// Where the console shows a resource: a page by its ARN, or by its CloudFormation type and physical id.
import { href, pathOf } from './router.js'

/** Returns the address of the page of an ARN, or null where the console has none. */
export function pageOfArn(arn) {
  const [, , service, , , ...rest] = String(arn ?? '').split(':')
  const resource = rest.join(':')
  if (service === 'sqs') return href(pathOf('queues', resource))
  if (service === 'lambda' && resource.startsWith('function:')) return href(pathOf('functions', rest[1]))
  if (service === 'logs' && resource.startsWith('log-group:'))
    return href('/logs', { group: rest.slice(1).join(':').replace(/:\*$/, '') })
  if (service === 'events') return pageOfEvents(resource)
  if (service === 'cloudformation' && resource.startsWith('stack/'))
    return href(pathOf('stacks', resource.split('/')[1]))
  return null
}

function pageOfEvents(resource) {
  const [kind, ...names] = resource.split('/')
  if (kind === 'event-bus') return href('/rules', { bus: names.join('/') })
  if (kind === 'rule')
    return href('/rules', { bus: names.length > 1 ? names.slice(0, -1).join('/') : 'default', rule: names.at(-1) })
  if (kind === 'archive' || kind === 'replay') return href('/replay')
  return null
}

const BY_TYPE = {
  'AWS::Lambda::Function': id => href(pathOf('functions', id)),
  'AWS::SQS::Queue': id => href(pathOf('queues', id.split('/').pop())),
  'AWS::Events::Rule': id => {
    const [bus, name] = id.includes('|') ? id.split('|') : ['default', id]
    return href('/rules', { bus, rule: name })
  },
  'AWS::Events::EventBus': id => href('/rules', { bus: id }),
  'AWS::Events::Archive': () => href('/replay'),
  'AWS::Logs::LogGroup': id => href('/logs', { group: id }),
  'AWS::CloudFormation::Stack': id => href(pathOf('stacks', id.split('/')[1] ?? id)),
}

/** Returns the address of the page of a stack's resource, or null. */
export function pageOfType(type, id) {
  if (!id || !Object.hasOwn(BY_TYPE, type)) return null
  return BY_TYPE[type](id)
}

/** Returns the name of the function whose log group this is, or null. */
export const functionOfGroup = group => /^\/aws\/lambda\/([^/]+)$/.exec(group ?? '')?.[1] ?? null
