import { beforeEach, expect, test } from 'vitest'
import { back, canGoBack, canGoForth, forth, leaveAddress, noteBeyond, noteInAddress } from '../src/state/beyond'

const step = (policy: string): { request: string; policy: string } => ({ request: '{}', policy })

beforeEach(() => leaveAddress(null))

test('undo and redo work for steps that are too large for an address', () => {
  noteInAddress(step('small'))
  noteBeyond(step('large'))
  noteBeyond(step('larger'))
  // The same documents again, in another view, are no step.
  noteBeyond(step('larger'))
  expect(back(step('larger'))).toEqual(step('large'))
  noteBeyond(step('large'))
  expect(back(step('large'))).toEqual(step('small'))
  noteInAddress(step('small'))
  expect(canGoBack()).toBe(false)
  expect(forth(step('small'))).toEqual(step('large'))
  expect(forth(step('large'))).toEqual(step('larger'))
  expect(canGoForth()).toBe(false)
})

test('an edit after going back replaces the steps that came after', () => {
  noteInAddress(step('small'))
  noteBeyond(step('large'))
  expect(back(step('large'))).toEqual(step('small'))
  noteInAddress(step('another'))
  expect(canGoForth()).toBe(false)
})

test('a step that was left for another address can be redone', () => {
  noteInAddress(step('small'))
  noteBeyond(step('large'))
  leaveAddress(step('large'))
  noteInAddress(step('elsewhere'))
  expect(canGoBack()).toBe(false)
  expect(forth(step('elsewhere'))).toEqual(step('large'))
})
