// Writes a command of `nightbus` for the node of this page.

const DEFAULT_PORT = '4566'

/** `rest` stands after the program's name. The port is named where it is another than the default; under a name of the user's own it may be a proxy's, so it is not. */
export function nodeCommand(rest) {
  const [verb, ...others] = rest.split(' ')
  const here = location.hostname.endsWith('localhost') || /^(127\.|\[::1\])/.test(location.hostname)
  const port = here && location.port && location.port !== DEFAULT_PORT ? ['--port', location.port] : []
  return ['nightbus', verb, ...port, ...others].join(' ')
}
