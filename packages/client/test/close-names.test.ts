import { expect, test } from '@jest/globals';
import { closeNames } from '../src/close-names.ts';

const names = ['black_scholes', 'black_scholes_batch', 'echo', 'thumbnail', 'matrix_multiply'];

test('a name with a typing error finds the right one first', () => {
  expect(closeNames('black_sholes', names)[0]).toBe('black_scholes');
  expect(closeNames('Ecko', names)).toEqual(['echo']);
});

test('part of a name finds the names that contain it', () => {
  expect(closeNames('matrix', names)).toEqual(['matrix_multiply']);
});

test('a name that resembles none finds none', () => {
  expect(closeNames('fibonacci', names)).toEqual([]);
});

test('at most five names are listed', () => {
  const many = Array.from({ length: 20 }, (_, index) => `function${index}`);
  expect(closeNames('function', many)).toHaveLength(5);
});
