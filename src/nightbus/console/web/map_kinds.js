// The kinds of things on the map: their names and icons.
export const KIND_NAMES = {
  producer: 'Producers', api: 'APIs', schedule: 'Schedules', bus: 'Buses', rule: 'Rules', function: 'Functions', queue: 'Queues', topic: 'Topics', stream: 'Streams',
  bucket: 'Buckets', archive: 'Archives', 'log-group': 'Log groups', 'api-destination': 'API destinations', connection: 'Connections', endpoint: 'Endpoints', destination: 'Others',
}
export const KIND_ICONS = {
  producer: 'user', api: 'globe', schedule: 'clock', bus: 'bus', rule: 'rules', function: 'function', queue: 'queue', topic: 'topic', stream: 'queue',
  bucket: 'bucket', archive: 'archive', 'log-group': 'logs', 'api-destination': 'globe', connection: 'access', endpoint: 'globe', destination: 'out',
}
