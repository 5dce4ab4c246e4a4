// What a key means, depending on where it is pressed.
import { readStored, writeStored } from './stored'

export type Meaning = 'palette' | 'undo' | 'redo' | 'letter'

export interface KeyPress {
  key: string
  ctrlKey: boolean
  metaKey: boolean
  shiftKey: boolean
  altKey: boolean
}

/** Where it is pressed: in a text field, behind a dialog, and whether keys without Ctrl are turned on. */
export interface Place {
  text: boolean
  dialog: 'none' | 'palette' | 'other'
  letters: boolean
}

/** What the page does with the key; null leaves it to the browser. */
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

/** Whether single letters are commands. People who dictate, or who hit keys by mistake, can turn them off. */
export function letterKeysOn(): boolean {
  return (readStored('localStorage', KEY) ?? setting) !== 'off'
}

/** The setting until the page is closed, for browsers that store nothing. */
let setting = 'on'

export function setLetterKeys(wanted: boolean): void {
  setting = wanted ? 'on' : 'off'
  writeStored('localStorage', KEY, setting)
}
