// Files in and out, and the clipboard.
import { say } from '../state/store'
import { t } from '../texts'

export function openFile(take: (text: string) => void): void {
  const input = document.createElement('input')
  input.type = 'file'
  input.accept = '.json,application/json'
  input.addEventListener('change', () => {
    void input.files?.[0]?.text().then(take)
  })
  input.click()
}

export function save(name: string, text: string): void {
  const link = document.createElement('a')
  const url = URL.createObjectURL(new Blob([text], { type: 'application/json' }))
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

/** The first dropped file's text. */
export function dropped(event: DragEvent, take: (text: string) => void): void {
  event.preventDefault()
  void event.dataTransfer?.files[0]?.text().then(take)
}
