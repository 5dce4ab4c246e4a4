// Rows are added to the policy as long as core can read it, and not one more.
import { expect, test, vi } from 'vitest'

const edit = vi.fn()
vi.mock('../src/state/store', () => ({ edit, get: () => ({ documents: { policy: null }, plan: { summary: { findings: [] } } }) }))

test('rows are not added if they would make the policy too long for core', async () => {
  const { addRows, LONGEST } = await import('../src/state/policy')
  const rows = (bytes: number) => ({ kind: 'holds' as const, rows: [{ id: 'LH-1', matter: 'ü'.repeat(bytes / 2) }] })
  expect(addRows(rows(LONGEST))).toBe('tooLong')
  expect(edit).not.toHaveBeenCalled()
  expect(addRows(rows(LONGEST - 1000))).toBe('added')
  expect(edit).toHaveBeenCalledOnce()
})
