import './styles/tokens.css';
import './styles/base.css';
import './styles/controls.css';
import './styles/parts.css';
import './styles/screens.css';
import './styles/narrow.css';
import { render } from 'preact';
import { useEffect } from 'preact/hooks';
import { CompareScreen } from './compare/compare-screen.tsx';
import { JournalScreen } from './journal/journal-screen.tsx';
import { href, route, section } from './lib/router.ts';
import { NewReplayScreen } from './replay/new-replay-screen.tsx';
import { RunScreen } from './run/run-screen.tsx';
import { RunsScreen } from './runs/runs-screen.tsx';
import { Empty } from './ui/notice.tsx';
import { Shell } from './ui/shell.tsx';

const TITLES: Readonly<Record<string, string>> = {
  journal: 'Journal',
  new: 'New replay',
  runs: 'Runs',
  compare: 'Compare',
};

function Screen() {
  const { path } = route.value;
  const [place = 'journal', id] = path;
  if (place === 'journal') return <JournalScreen />;
  if (place === 'new') return <NewReplayScreen />;
  if (place === 'runs') return id ? <RunScreen key={id} id={id} /> : <RunsScreen />;
  if (place === 'compare') return <CompareScreen />;
  return (
    <Empty title="There is nothing here">
      <a href={href('/journal')}>To the journal</a>
    </Empty>
  );
}

function App() {
  const place = section.value;
  const id = route.value.path[1];
  useEffect(() => {
    document.title = `${id && place === 'runs' ? `Run ${id.slice(0, 8)}` : (TITLES[place] ?? 'Reprise')} · Reprise`;
    window.scrollTo(0, 0);
  }, [place, id]);
  return (
    <Shell>
      <Screen />
    </Shell>
  );
}

const place = document.getElementById('app');
if (place) render(<App />, place);
