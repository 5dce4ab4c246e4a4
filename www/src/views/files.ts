// Files in and out, and the clipboard.
import { say } from '../state/store'
import { t } from '../texts'

/** Lets the person choose a text file; gives its name and what is in it. */
export function openText(accept: string, take: (name: string, text: string) => void): void {
  const input = document.createElement('input')
  input.type = 'file'
  input.accept = accept
  input.addEventListener('change', () => {
    const file = input.files?.[0]
    void file?.text().then((text) => take(file.name, text))
  })
  input.click()
}

export function openFile(take: (text: string) => void): void {
  openText('.json,application/json', (_, text) => take(text))
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
  try {
    await navigator.clipboard.writeText(text)
    say(t.copied)
  } catch {
    say(t.notCopied)
  }
}

/** The first dropped file, by name and text. */
export function droppedFile(event: DragEvent, take: (name: string, text: string) => void): void {
  event.preventDefault()
  const file = event.dataTransfer?.files[0]
  void file?.text().then((text) => take(file.name, text))
}
