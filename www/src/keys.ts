// Keys that work anywhere but in a text field or a dialog.
import { letterKeysOn, meaningOf, type Meaning } from './state/keymap'
import { change, get, pin, redo, show, undo, VIEWS } from './state/store'
import { jump } from './views/findings'
import { exportPlan } from './views/exports'
import { playOrPause } from './views/later'
import { dismiss } from './views/modal'

function isTextField(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return target.matches('textarea, select, input:not([type=checkbox]):not([type=radio]):not([type=range])')
}

/** Space and Enter belong to whatever they press, tick, open or follow. */
function isPressable(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches('button, input, select, summary, textarea, a[href]')
}

function openDialog(): 'none' | 'palette' | 'other' {
  if (get().dialog === 'palette') return 'palette'
  // A dialog may have been asked for, and not be painted yet; a question is not among the state's.
  return get().dialog !== null || document.querySelector('dialog[open]') ? 'other' : 'none'
}

/** What a letter does; undefined when it does nothing. */
function letterAction({ key, target }: KeyboardEvent): (() => void) | undefined {
  const view = VIEWS[Number(key) - 1]
  if (view) return () => show(view)
  const first = get().plan.summary.findings[0]
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

/** Whoever goes from one control to the next by Tab sees what each is for, until Escape; whoever points has titles. */
function showHints({ key }: KeyboardEvent): void {
  if (key === 'Tab') document.documentElement.dataset['tabs'] = ''
  if (key === 'Escape') hideHints()
}

function hideHints(): void {
  delete document.documentElement.dataset['tabs']
}

/** A dialog that was asked for may still be on its way: what is typed meanwhile is not for the field behind it. */
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
