export function Logo() {
	return (
		<svg class="logo" viewBox="0 0 64 64" aria-hidden="true">
			<rect width="64" height="64" rx="14" />
			<path d="M14 21l18 14 18-14v23a3 3 0 0 1-3 3H17a3 3 0 0 1-3-3z" />
		</svg>
	);
}
