// A part of the page that is fetched when it is first needed.
import { html, nothing, type TemplateResult } from 'lit-html'
import { change, say } from '../state/store'
import { t } from '../texts/page'

/** What is fetched together, once. */
export class Later<T> {
  there: T | null = null
  failed = false
  readonly #load: () => Promise<T>
  #fetching: Promise<T | null> | null = null

  constructor(load: () => Promise<T>) {
    this.#load = load
  }

  /** Fetches it, if nobody has; nothing comes of it where it cannot be had. */
  fetch(): Promise<T | null> {
    this.#fetching ??= this.#load().then((loaded) => (this.there = loaded), () => {
      this.failed = true
      return null
    }).finally(() => change({}))
    return this.#fetching
  }

  /** The view that it draws, or that it is on its way. */
  opened(draw: (there: T) => TemplateResult, meanwhile = t.loadingView): TemplateResult {
    void this.fetch()
    if (this.there) return draw(this.there)
    return this.failed ? html`<p class="error page" role="alert">${t.notLoaded}</p>` : html`<p class="empty page">${meanwhile}</p>`
  }

  /** The dialog that it draws, once it is there; if it cannot be had, none is open. */
  dialog(draw: (there: T) => unknown): unknown {
    void this.fetch()
    if (this.failed) queueMicrotask(sayMissing)
    return this.there ? draw(this.there) : nothing
  }
}

function sayMissing(): void {
  change({ dialog: null })
  say(t.notLoaded, true)
}
