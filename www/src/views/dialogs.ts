// The dialogs that are fetched when the first of them is opened: keys, drafts, counts, and rows for the policy.
import { html } from 'lit-html'
import { live } from 'lit-html/directives/live.js'
import { letterKeysOn, setLetterKeys } from '../state/keymap'
import { change, type State } from '../state/store'
import { t } from '../texts/dialogs'
import { drafts } from './drafts'
import { frame } from './modal'
import { paste } from './paste'
import { volume } from './volume'

export { addOrShowRows } from './paste'

function keys(): unknown {
  return frame(t.keys, html`<label class="choice"><input type="checkbox" .checked=${live(letterKeysOn())} @change=${(event: Event) => {
      setLetterKeys((event.target as HTMLInputElement).checked)
      change({})
    }} /> ${t.letterKeys}</label>
    <dl class="keys">${t.keyList.map(([key, what]) => html`<dt><kbd>${key}</kbd></dt><dd>${what}</dd>`)}</dl>`)
}

export function dialogs(dialog: Exclude<State['dialog'], 'palette' | 'execute' | null>): unknown {
  switch (dialog) {
    case 'keys':
      return keys()
    case 'drafts':
      return frame(t.drafts.title, drafts())
    case 'volume':
      return frame(t.volume.title, volume())
    case 'holds':
    case 'retention':
      return frame(t.policy.pasteTitle, paste(dialog))
  }
}
