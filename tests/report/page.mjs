// A report's page in a real browser: how long until it is there, whether axe
// finds anything serious, whether anything ran that should not have.
//
//   NODE_PATH=DIR/node_modules node tests/report/page.mjs PAGE [PICTURES]
//
// needs axe-core, puppeteer-core and chromium (CHROMIUM=path). With PICTURES,
// a directory, it leaves screenshots there.
import {createRequire} from 'module';
import {readFileSync} from 'fs';
import {join, resolve} from 'path';

const need = createRequire(join(process.env.NODE_PATH || '.', 'x'));
const puppeteer = need('puppeteer-core');
const axe = readFileSync(need.resolve('axe-core/axe.min.js'), 'utf8');
const [page_path, pictures] = process.argv.slice(2);
const url = 'file://' + resolve(page_path);
const browser = await puppeteer.launch({
	executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
	headless: true,
	args: ['--no-sandbox', '--disable-gpu', '--force-prefers-reduced-motion'],
});
const wrong = [], times = [];

async function open(scheme, width) {
	const page = await browser.newPage();
	const requests = [];

	await page.setViewport({width, height: 900});
	await page.emulateMediaFeatures([
		{name: 'prefers-color-scheme', value: scheme}]);
	page.on('request', request => requests.push(request.url()));
	page.on('pageerror', error => wrong.push('script: ' + error.message));
	page.on('console', message => {
		if (message.type() === 'error')
			wrong.push('console: ' + message.text());
	});
	const start = performance.now();
	await page.goto(url, {waitUntil: 'load'});
	await page.evaluate(() => new Promise(done =>
		requestAnimationFrame(() => requestAnimationFrame(done))));
	times.push(performance.now() - start);
	if (requests.length !== 1)
		wrong.push('it asked for ' + requests.slice(1));
	if (await page.title() === 'taken')
		wrong.push('a script of the session ran');
	return page;
}

for (const [scheme, width] of [['light', 1200], ['dark', 1200], ['light', 400]]) {
	const page = await open(scheme, width);
	// axe is ours, so it may pass the page's own policy.
	const client = await page.createCDPSession();
	await client.send('Page.setBypassCSP', {enabled: true});
	const {result} = await client.send('Runtime.evaluate', {
		expression: axe + ';axe.run({resultTypes:["violations"]})' +
			'.then(r=>JSON.stringify(r.violations.map(v=>' +
			'[v.impact,v.id,v.nodes.length,v.nodes[0].html])))',
		awaitPromise: true});
	for (const found of JSON.parse(result.value || '[["critical","axe"]]'))
		(found[0] === 'minor' ? [] : wrong)
			.push(`${scheme} ${width}: ${found.join(' ').slice(0, 300)}`);
	if (pictures)
		await page.screenshot({
			path: join(pictures, `report-${scheme}-${width}.png`)});
	if (pictures) {
		// The top of the view: a tree can be longer than a picture.
		const part = await page.$('#programs');
		await part.evaluate(node => node.scrollIntoView());
		await page.evaluate(() => new Promise(done =>
			requestAnimationFrame(() => requestAnimationFrame(done))));
		await page.screenshot({path: join(pictures,
			`programs-${scheme}-${width}.png`)});
	}
	await page.close();
}

// By keyboard alone: to the content, to a branch of the tree, and open it.
const page = await open('light', 1200);
await page.keyboard.press('Tab');
if (await page.evaluate(() => document.activeElement.className) !== 'skip')
	wrong.push('the first Tab does not reach the way to the content');
const toggled = await page.evaluate(() => {
	const summary = document.querySelector('#programs details summary');
	if (!summary)
		return null;
	summary.focus();
	return summary.parentElement.open;
});
if (toggled !== null) {
	await page.keyboard.press('Enter');
	if (await page.evaluate(() => document.querySelector(
		'#programs details').open) === toggled)
		wrong.push('Enter does not open or close a branch');
}
await page.type('input[type=search]', 'no such thing anywhere');
await page.waitForFunction(() =>
	document.getElementById('said').textContent.startsWith('0 rows'));
await browser.close();
times.sort((a, b) => a - b);
console.log(`opens in ${times[0].toFixed(0)} to ` +
	`${times[times.length - 1].toFixed(0)} ms (${times.length} times)`);
if (times[Math.floor(times.length / 2)] > 1000)
	wrong.push('slower than a second');
for (const line of wrong)
	console.log('WRONG: ' + line);
process.exit(wrong.length ? 1 : 0);
