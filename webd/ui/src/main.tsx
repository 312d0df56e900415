import './styles/main.css';
import { render } from 'preact';

render(<main>GK Mail</main>, document.getElementById('app')!);
