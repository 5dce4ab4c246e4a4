// Keys that work anywhere but in a text field.
import { change, get, pin, redo, show, undo, VIEWS } from './state/store'
import { jump } from './views/findings'
import { exportPlan } from './views/handover'
import { playOrPause } from './views/later'

function inText(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return target.matches('textarea, select, input:not([type=checkbox]):not([type=radio]):not([type=range])')
}

export function listen(): void {
  addEventListener('keydown', (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
      event.preventDefault()
      change({ dialog: get().dialog === 'palette' ? null : 'palette' })
      return
    }
    if (inText(event.target) || get().dialog !== null || event.altKey) return
    if (event.ctrlKey || event.metaKey) {
      const key = event.key.toLowerCase()
      if (key === 'z' && !event.shiftKey) void undo()
      else if (key === 'y' || (key === 'z' && event.shiftKey)) redo()
      else return
      event.preventDefault()
      return
    }
    const view = VIEWS[Number(event.key) - 1]
    const first = get().plan.summary.findings[0]
    const known: Record<string, () => void> = {
      '?': () => change({ dialog: 'keys' }),
      u: () => void undo(),
      r: redo,
      e: exportPlan,
      p: pin,
      f: () => first && jump(first),
      ...(get().view === 'rehearse' && !(event.target instanceof HTMLButtonElement) ? { ' ': playOrPause } : {}),
    }
    const act = view ? () => show(view) : known[event.key]
    if (!act) return
    event.preventDefault()
    act()
  })
}
