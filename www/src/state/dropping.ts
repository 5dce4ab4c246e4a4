// Ignores files dropped where nothing takes them. A browser would open them in place of the page, and everything unsaved would be
// lost.

function refuse(event: DragEvent): void {
  if (event.defaultPrevented || !event.dataTransfer?.types.includes('Files')) return
  event.preventDefault()
  event.dataTransfer.dropEffect = 'none'
}

export function guardDrops(): void {
  addEventListener('dragover', refuse)
  addEventListener('drop', refuse)
}
