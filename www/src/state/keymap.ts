// What a key means, wherever it is pressed.
import { readStored, writeStored } from './stored'

export type Meaning = 'palette' | 'undo' | 'redo' | 'letter'

export interface KeyPress {
  key: string
  ctrlKey: boolean
  metaKey: boolean
  shiftKey: boolean
  altKey: boolean
}

/** Where it is pressed: in a text, in a dialog that is open, and whether somebody wants keys without Ctrl at all. */
export interface Place {
  text: boolean
  dialog: 'none' | 'palette' | 'other'
  letters: boolean
}

/** What the page does with it, or null: then it is the browser's. */
export function meaningOf({ key, ctrlKey, metaKey, shiftKey, altKey }: KeyPress, { text, dialog, letters }: Place): Meaning | null {
  const control = ctrlKey || metaKey
  const letter = key.toLowerCase()
  if (control && letter === 'k') return dialog === 'other' ? null : 'palette'
  if (text || dialog !== 'none' || altKey) return null
  if (!control) return letters ? 'letter' : null
  if (letter === 'z') return shiftKey ? 'redo' : 'undo'
  return letter === 'y' ? 'redo' : null
}

const KEY = 'genesys-purge.keys'

/** Whether single letters do something: whoever dictates, or hits keys by mistake, can turn them off. */
export function letterKeysOn(): boolean {
  return (readStored('localStorage', KEY) ?? setting) !== 'off'
}

/** What a browser that keeps nothing knows until the page is closed. */
let setting = 'on'

export function setLetterKeys(wanted: boolean): void {
  setting = wanted ? 'on' : 'off'
  writeStored('localStorage', KEY, setting)
}
