// Files that are dropped beside where they belong. A browser would open them in place of the page, and all that is not saved were gone.

function refuse(event: DragEvent): void {
  if (event.defaultPrevented || !event.dataTransfer?.types.includes('Files')) return
  event.preventDefault()
  event.dataTransfer.dropEffect = 'none'
}

export function guardDrops(): void {
  addEventListener('dragover', refuse)
  addEventListener('drop', refuse)
}
