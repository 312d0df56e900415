import './styles/main.css';
import { render } from 'preact';
import { followLanguage } from './i18n';
import { onKey } from './keys';
import { guardLeaving } from './store/composers';
import { followRoute } from './store/list';
import { followPrefs } from './store/prefs';
import { followAddress } from './store/route';
import { follow } from './store/sync';
import { App } from './views/app';

followPrefs();
followLanguage();
followAddress();
follow();
followRoute();
guardLeaving();
document.addEventListener('keydown', onKey);
render(<App />, document.getElementById('app')!);
