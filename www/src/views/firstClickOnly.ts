// For what goes away when it is pressed.

/** The next one takes its place at once: the second click of a double click is not meant for that. */
export const firstClickOnly = (act: () => void) => (event: MouseEvent): void => {
  if (event.detail < 2) act()
}
