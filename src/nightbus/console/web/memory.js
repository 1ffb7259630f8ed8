// What the browser remembers: of the tab until it is closed, and of the browser for good. A browser may forbid both, and then remembers nothing.

function tried(use) {
  try { return use() } catch { return null }  // where it is forbidden even `window.localStorage` throws
}

function memory(storage) {
  return {
    /** The text, null where there is none. */
    get: name => tried(() => storage().getItem(`nightbus.${name}`)),
    /** Keeps a text; null forgets it. */
    set: (name, text) => { tried(() => (text === null ? storage().removeItem(`nightbus.${name}`) : storage().setItem(`nightbus.${name}`, text))) },
  }
}

export const ofTab = memory(() => sessionStorage)
export const ofBrowser = memory(() => localStorage)
