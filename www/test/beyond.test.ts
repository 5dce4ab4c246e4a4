import { beforeEach, expect, test } from 'vitest'
import { added, back, canGoBack, canGoForth, forth, left, settled } from '../src/state/beyond'

const step = (policy: string): { request: string; policy: string } => ({ request: '{}', policy })

beforeEach(() => left(null))

test('steps that no address holds are gone back and forth between', () => {
  settled(step('small'))
  added(step('large'))
  added(step('larger'))
  // The same once more, of another view, is no step.
  added(step('larger'))
  expect(back(step('larger'))).toEqual(step('large'))
  added(step('large'))
  expect(back(step('large'))).toEqual(step('small'))
  settled(step('small'))
  expect(canGoBack()).toBe(false)
  expect(forth(step('small'))).toEqual(step('large'))
  expect(forth(step('large'))).toEqual(step('larger'))
  expect(canGoForth()).toBe(false)
})

test('what is changed after going back replaces what came after', () => {
  settled(step('small'))
  added(step('large'))
  expect(back(step('large'))).toEqual(step('small'))
  settled(step('another'))
  expect(canGoForth()).toBe(false)
})

test('what is left for another address can be brought back', () => {
  settled(step('small'))
  added(step('large'))
  left(step('large'))
  settled(step('elsewhere'))
  expect(canGoBack()).toBe(false)
  expect(forth(step('elsewhere'))).toEqual(step('large'))
})
