// Keys that work everywhere except in text fields and dialogs.
import { letterKeysOn, meaningOf, type Meaning } from './state/keymap'
import { change, get, pin, redo, show, undo, VIEWS } from './state/store'
import { jump, worstFirst } from './views/findings'
import { exportPlan } from './views/exports'
import { playOrPause } from './views/later'
import { dismiss } from './views/modal'

function isTextField(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return target.matches('textarea, select, input:not([type=checkbox]):not([type=radio]):not([type=range])')
}

/** Whether the element itself reacts to Space or Enter. */
function isPressable(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches('button, input, select, summary, textarea, a[href]')
}

function openDialog(): 'none' | 'palette' | 'other' {
  if (get().dialog === 'palette') return 'palette'
  // A dialog may have been asked for and not yet painted; confirmations are not in the state.
  return get().dialog !== null || document.querySelector('dialog[open]') ? 'other' : 'none'
}

/** The action of a letter key; undefined when it has none. */
function letterAction({ key, target }: KeyboardEvent): (() => void) | undefined {
  const view = VIEWS[Number(key) - 1]
  if (view) return () => show(view)
  const first = worstFirst()[0]
  const known: Record<string, () => void> = {
    '?': () => change({ dialog: 'keys' }),
    u: () => void undo(),
    r: redo,
    e: exportPlan,
    p: pin,
    f: () => first && jump(first),
    ...(get().view === 'rehearse' && !isPressable(target) ? { ' ': playOrPause } : {}),
  }
  return known[key]
}

/** Shows each control's hint while the user moves by Tab, until Escape. With a pointer, titles do that. */
function showHints({ key }: KeyboardEvent): void {
  if (key === 'Tab') document.documentElement.dataset['tabs'] = ''
  if (key === 'Escape') hideHints()
}

function hideHints(): void {
  delete document.documentElement.dataset['tabs']
}

/** While a dialog is still being fetched, keeps what is typed from reaching the field behind it. */
function isAwaitingDialog(event: KeyboardEvent): boolean {
  if (get().dialog === null || document.querySelector('dialog[open]') || event.ctrlKey || event.metaKey || event.altKey) return false
  event.preventDefault()
  if (event.key === 'Escape') change({ dialog: null })
  return true
}

export function listen(): void {
  addEventListener('keydown', showHints, { capture: true })
  addEventListener('pointerdown', hideHints, { capture: true })
  addEventListener('keydown', (event) => {
    if (isAwaitingDialog(event)) return
    const what = meaningOf(event, { text: isTextField(event.target), dialog: openDialog(), letters: letterKeysOn() })
    if (what === null) return
    const acts: Record<Meaning, (() => void) | undefined> = {
      palette: () => {
        const open = get().dialog === 'palette'
        if (open) dismiss()
        change({ dialog: open ? null : 'palette' })
      },
      undo: () => void undo(),
      redo,
      letter: what === 'letter' ? letterAction(event) : undefined,
    }
    const act = acts[what]
    if (!act) return
    event.preventDefault()
    act()
  })
}
