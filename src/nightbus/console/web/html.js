// What a page or component needs of Preact: `html` (tagged templates), hooks, fragments and portals.
import { h } from './vendor/preact.js'
import htm from './vendor/htm.js'

export const html = htm.bind(h)
export { Component, Fragment, createContext, createPortal, render } from './vendor/preact.js'
export {
  useCallback, useContext, useEffect, useErrorBoundary, useId, useLayoutEffect, useMemo, useReducer, useRef, useState,
} from './vendor/hooks.js'
