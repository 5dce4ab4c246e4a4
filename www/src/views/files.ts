// Files in and out, and the clipboard.
import { decodeText, isGarbled } from '../state/decode'
import { LONGEST } from '../state/policy'
import { say } from '../state/store'
import { t } from '../texts/page'

type Take = (name: string, text: string) => void

/** Gives what is in a file, or says that it cannot be read: a folder cannot. */
async function read(file: File | undefined, take: Take): Promise<void> {
  if (!file) return
  const bytes = await file.arrayBuffer().catch(() => null)
  if (bytes === null) say(t.notReadable(file.name), true)
  else take(file.name, decodeText(new Uint8Array(bytes)))
}

/** Takes what is a text that core reads; says that nothing was taken if it is none. */
export const onlyText = (take: Take): Take => (name, text) => {
  if (isGarbled(text)) say(t.noText(name), true)
  // Only to be refused it would keep the page busy for minutes.
  else if (text.length > LONGEST) say(t.tooLong(name), true)
  else take(name, text)
}

/** Lets the person choose a text file; gives its name and what is in it. */
export function openText(accept: string, take: Take): void {
  const input = document.createElement('input')
  input.type = 'file'
  input.accept = accept
  input.addEventListener('change', () => void read(input.files?.[0], take))
  input.click()
}

export function openFile(take: (text: string) => void): void {
  openText('.json,application/json', onlyText((_, text) => take(text)))
}

export function save(name: string, content: BlobPart): void {
  const link = document.createElement('a')
  const url = URL.createObjectURL(new Blob([content], { type: 'application/json' }))
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 1000)
  say(t.export.saved(name))
}

export async function copy(text: string): Promise<void> {
  // Only pages that come over https or from this machine have one.
  const clipboard = navigator.clipboard as Clipboard | undefined
  if (!clipboard) return say(t.cannotCopy, true)
  try {
    await clipboard.writeText(text)
    say(t.copied)
  } catch {
    say(t.notCopied, true)
  }
}

/** The first dropped file, by name and text. */
export function droppedFile(event: DragEvent, take: Take): void {
  event.preventDefault()
  void read(event.dataTransfer?.files[0], take)
}
