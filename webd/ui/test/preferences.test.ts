// Preferences: the server's word holds, what is chosen here goes there, devices do not undo one another.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { followPreferences } from '../src/store/preferences';
import { prefs } from '../src/store/prefs';
import { toasts } from '../src/store/toasts';
import type { Double } from './double';
import { arrive, depart, enter, until } from './socket';

let d: Double;
followPreferences();
beforeEach(() => (d = arrive()));
afterEach(depart);

test('what was chosen elsewhere holds here; what was never chosen is the default', async () => {
	prefs.accent.value = 'rose';
	prefs.imagesFrom.value = ['left@by.another'];
	d.prefer({ theme: 'dark', density: 'of the future', 'imagesFrom/bob@x.test': true });
	await enter();
	assert.equal(prefs.theme.value, 'dark');
	assert.equal(prefs.density.value, 'comfortable');
	assert.equal(prefs.accent.value, 'teal');
	assert.deepEqual(prefs.imagesFrom.value, ['bob@x.test']);
	assert.ok(!d.heard.some(([name]) => name === 'Preferences/set'));
});

test('a choice goes to the server, once', async () => {
	await enter();
	prefs.theme.value = 'light';
	await until(() => d.preferences.theme === 'light');
	prefs.imagesFrom.value = ['a/b~c@x.test'];
	await until(() => 'a/b~c@x.test' in (d.preferences.imagesFrom as object));
	prefs.imagesFrom.value = [];
	await until(() => !('a/b~c@x.test' in (d.preferences.imagesFrom as object)));
	assert.equal(d.heard.filter(([name]) => name === 'Preferences/set').length, 3);
});

test('another device adds a sender, and this one another: both stay', async () => {
	await enter();
	d.prefer({ 'imagesFrom/one@x.test': true });
	prefs.imagesFrom.value = ['two@x.test'];
	await until(() => prefs.imagesFrom.value.length === 2);
	assert.deepEqual(Object.keys(d.preferences.imagesFrom as object).sort(), ['one@x.test', 'two@x.test']);
});

test('a choice that is refused is taken back, and said', async () => {
	await enter();
	d.refuse.set('Preferences/set', 'overQuota');
	prefs.theme.value = 'dark';
	await until(() => toasts.value.some(t => t.kind === 'error'));
	await until(() => prefs.theme.value === 'system');
});
