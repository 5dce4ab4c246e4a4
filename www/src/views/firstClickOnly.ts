// For buttons that disappear when they are pressed.

/** Ignores the second click of a double click: another button has taken the place by then, and the click is not meant for it. */
export const firstClickOnly = (act: () => void) => (event: MouseEvent): void => {
  if (event.detail < 2) act()
}
