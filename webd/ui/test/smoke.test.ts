import assert from 'node:assert/strict';
import { test } from 'node:test';

test('the tests run', () => assert.ok(true));
