// A part of the page that is fetched when it is first needed.
import { html, nothing, type TemplateResult } from 'lit-html'
import { change, say } from '../state/store'
import { t } from '../texts/page'

/** Code that is fetched together, once. */
export class Later<T> {
  loaded: T | null = null
  failed = false
  readonly #load: () => Promise<T>
  #fetching: Promise<T | null> | null = null

  constructor(load: () => Promise<T>) {
    this.#load = load
  }

  /** Fetches it unless that has been done. Null if it cannot be fetched. */
  fetch(): Promise<T | null> {
    this.#fetching ??= this.#load().then((loaded) => (this.loaded = loaded), () => {
      this.failed = true
      return null
    }).finally(() => change({}))
    return this.#fetching
  }

  /** The view that it draws or, until it is there, a message. */
  view(draw: (loaded: T) => TemplateResult, meanwhile = t.loadingView): TemplateResult {
    void this.fetch()
    if (this.loaded) return draw(this.loaded)
    return this.failed ? html`<p class="error page" role="alert">${t.notLoaded}</p>` : html`<p class="empty page">${meanwhile}</p>`
  }

  /** The dialog that it draws, once it is there. If it cannot be fetched, the dialog is closed. */
  dialog(draw: (loaded: T) => unknown): unknown {
    void this.fetch()
    if (this.failed) queueMicrotask(sayMissing)
    return this.loaded ? draw(this.loaded) : nothing
  }
}

function sayMissing(): void {
  change({ dialog: null })
  say(t.notLoaded, true)
}
