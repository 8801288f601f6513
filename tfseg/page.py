"""One HTML page that needs nothing but itself: its style and pictures are inside it."""

import base64
from html import escape

from tfseg import atomic

STYLE = """
:root { color-scheme: light; --ink: #1d2430; --dim: #5b6472; --line: #dfe3e8; --pale: #f5f7f9;
  --bad: #b3261e; --good: #1b6e3c; --note: #8a5a00; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 3rem; max-width: 72rem; background: #fff;
  color: var(--ink); font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif;
  overflow-wrap: anywhere; }
h1 { margin: 0; font-size: 1.9rem; line-height: 1.2; }
h2 { margin: 2.25rem 0 .75rem; font-size: 1.25rem; }
p { margin: .4rem 0; }
.dim { color: var(--dim); }
code { padding: .1em .3em; border-radius: 3px; background: var(--pale); font-size: .92em; }

.verdict { margin: 1.25rem 0; padding: .7rem 1rem; border-left: 5px solid; border-radius: 4px;
  background: var(--pale); font-weight: 600; }
.good { color: var(--good); border-color: var(--good); }
.bad { color: var(--bad); border-color: var(--bad); }
.note { color: var(--note); border-color: var(--note); }

.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(12rem, 1fr)); gap: .75rem;
  margin-top: 1rem; }
.tile { padding: .7rem 1rem; border: 1px solid var(--line); border-radius: 6px; }
.tile b { display: block; font-size: 1.5rem; line-height: 1.25; }

.findings { margin: 0; padding: 0; list-style: none; }
.findings li { margin: .5rem 0; padding: .5rem .9rem; border-left: 4px solid;
  background: var(--pale); border-radius: 4px; }
.findings span { color: var(--ink); }

table { width: 100%; border-collapse: collapse; font-size: .95rem; }
th, td { padding: .3rem .5rem; border-bottom: 1px solid var(--line); text-align: right;
  font-variant-numeric: tabular-nums; }
th { color: var(--dim); font-weight: 600; font-size: .85rem; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
td.wide { width: 45%; }
.bar { display: block; height: .85rem; min-width: 1px; border-radius: 2px;
  box-shadow: inset 0 0 0 1px #0003; }
.swatch { display: inline-block; width: .85em; height: .85em; margin-right: .45em;
  border-radius: 2px; box-shadow: inset 0 0 0 1px #0004; vertical-align: -.06em; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; margin-bottom: .9rem; }

.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr));
  gap: 1rem; }
figure { margin: 0; }
img { display: block; max-width: 100%; height: auto; border-radius: 4px; }
.figures img { width: 100%; }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .6rem;
  margin: .3rem 0 1.1rem; }
.panels img { width: 100%; }
.scroll { overflow-x: auto; overflow-wrap: normal; }
.chart { width: 100%; max-width: 26rem; font-size: 13px; fill: var(--dim); }
figcaption { margin-top: .2rem; color: var(--dim); font-size: .82rem; }

@media (max-width: 40rem) {
  body { padding: 1.1rem .9rem 2rem; }
  h1 { font-size: 1.5rem; }
  .tiles { grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); }
  table.bars tr { display: flex; flex-wrap: wrap; padding: .25rem 0;
    border-bottom: 1px solid var(--line); }
  table.bars th, table.bars td { flex: 0 0 3.9rem; padding: .1rem .2rem; border: 0; }
  table.bars th { font-size: .75rem; white-space: normal; overflow-wrap: normal; }
  table.bars th:first-child, table.bars td:first-child { flex: 1; }
  table.bars th.wide { display: none; }
  table.bars td.wide { flex: 0 0 100%; order: 1; }
  table.bars .bar { height: .5rem; }
  .figures { grid-template-columns: 1fr; }
  .panels { grid-template-columns: 1fr 1fr; }
}
"""


def write_page(path, title, body):
    """Writes a whole page, or nothing; `body` is HTML, `title` plain text."""
    atomic.write_text(path, _page(title, body))
    print(f"wrote {path}")


def _page(title, body):
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def figure(png, caption, about=None):
    """A PNG's bytes with a caption; `about` says in words what is seen."""
    data = base64.b64encode(png).decode()
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="{escape(about or caption)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def swatch(color):
    """A small square of an RGB colour."""
    return f'<i class="swatch" style="background:{_css(color)}"></i>'


def bar(share, color):
    """A bar over `share` (0 to 1) of the width there is."""
    return f'<i class="bar" style="width:{100 * share:.2f}%;background:{_css(color)}"></i>'


def _css(color):
    return f"rgb({','.join(str(int(channel)) for channel in color)})"
