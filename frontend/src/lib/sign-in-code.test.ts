import { expect, test, vi } from 'vitest'
import { codeOfPastedText, takeCode } from './sign-in-code'

test('the code is taken and leaves the address bar, path and query stay', () => {
  const replaceState = vi.fn()
  const code = takeCode({ hash: '#code=XYZ-1_2', pathname: '/desk/graphiql', search: '?a=1' }, { replaceState })
  expect(code).toBe('XYZ-1_2')
  expect(replaceState).toHaveBeenCalledExactlyOnceWith(null, '', '/desk/graphiql?a=1')
})

test.each(['', '#', '#code=', '#other=1'])('the fragment %j holds no code and is left alone', (hash) => {
  const replaceState = vi.fn()
  expect(takeCode({ hash, pathname: '/graphiql', search: '' }, { replaceState })).toBeNull()
  expect(replaceState).not.toHaveBeenCalled()
})

test.each([
  ['http://127.0.0.1:8000/graphiql#code=XYZ', 'XYZ'],
  ['  XYZ-1_2  ', 'XYZ-1_2'],
  ['#code=XYZ', 'XYZ'],
  ['http://127.0.0.1:8000/graphiql', null],
  ['two words', null],
  ['', null],
])('pasted text %j is read as %j', (text, code) => {
  expect(codeOfPastedText(text)).toBe(code)
})
