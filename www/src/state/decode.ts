// Decodes the bytes of a file. Spreadsheets write UTF-16 or UTF-8 and say so in the first bytes; without such a mark it is UTF-8.

export function decodeText(bytes: Uint8Array): string {
  const [first, second] = bytes
  const name = first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8'
  return new TextDecoder(name).decode(bytes)
}

/** Whether the text has characters that nobody typed: the file has another encoding, or is not text. */
export const isGarbled = (text: string): boolean => /[\uFFFD\0]/.test(text)
