// A call that changes something: one at a time, with its outcome said where it was asked for.
import { useState } from '../html.js'

/** `{run, busy, error, result}`: `run(…)` calls `work(…)` unless it is still running, and keeps what came of it. */
export function useAction(work) {
  const [state, setState] = useState({ busy: false, error: null, result: null })
  const run = async (...values) => {
    if (state.busy) return
    setState({ busy: true, error: null, result: null })
    try {
      setState({ busy: false, error: null, result: (await work(...values)) ?? true })
    } catch (error) {
      setState({ busy: false, error, result: null })
    }
  }
  return { ...state, run }
}
