// Files in and out, and the clipboard.
import { decodeText, isGarbled } from '../state/decode'
import { LONGEST } from '../state/policy'
import { say } from '../state/store'
import { t } from '../texts/page'

type Take = (name: string, text: string) => void

/** Passes on the text of a file, or says that it cannot be read, as with a folder. */
async function read(file: File | undefined, take: Take): Promise<void> {
  if (!file) return
  const bytes = await file.arrayBuffer().catch(() => null)
  if (bytes === null) say(t.notReadable(file.name), true)
  else take(file.name, decodeText(new Uint8Array(bytes)))
}

/** Passes on only text that core can read, and says why other text is refused. */
export const onlyText = (take: Take): Take => (name, text) => {
  if (isGarbled(text)) say(t.noText(name), true)
  // Core would keep the page busy for minutes, only to refuse it.
  else if (text.length > LONGEST) say(t.tooLong(name), true)
  else take(name, text)
}

/** Lets the user choose a text file, and passes on its name and text. */
export function openText(accept: string, take: Take): void {
  const input = document.createElement('input')
  input.type = 'file'
  input.accept = accept
  input.addEventListener('change', () => void read(input.files?.[0], take))
  input.click()
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
  // Only pages loaded over https or from this machine have a clipboard.
  const clipboard = navigator.clipboard as Clipboard | undefined
  if (!clipboard) return say(t.cannotCopy, true)
  try {
    await clipboard.writeText(text)
    say(t.copied)
  } catch {
    say(t.notCopied, true)
  }
}

/** Passes on the name and text of the first dropped file. */
export function droppedFile(event: DragEvent, take: Take): void {
  event.preventDefault()
  void read(event.dataTransfer?.files[0], take)
}
