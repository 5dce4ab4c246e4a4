// Bytes of a file as text. Spreadsheets write UTF-16 or UTF-8 and say so in the first bytes; without them it is UTF-8.

export function decodeText(bytes: Uint8Array): string {
  const [first, second] = bytes
  const name = first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8'
  return new TextDecoder(name).decode(bytes)
}

/** Whether there are characters in it that nobody wrote: it was in another encoding, or is no text. */
export const isGarbled = (text: string): boolean => /[\uFFFD\0]/.test(text)
