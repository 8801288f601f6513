"""A page of HTML, read as a browser shows it."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """The content of a page: `text`, `links` (src and href), `tags`, and the cells of every row."""

    def __init__(self, path):
        super().__init__()
        self.source = path.read_text()
        self.text, self.links, self.tags, self.rows = "", [], set(), []
        self.in_cell = False
        self.feed(self.source)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.links += [value for name, value in attributes if name in ("src", "href")]
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self.in_cell = True

    def handle_endtag(self, tag):
        self.in_cell = self.in_cell and tag not in ("td", "th")

    def handle_data(self, data):
        self.text += data
        if self.in_cell:
            self.rows[-1][-1] += data

    def row(self, name):
        return next(row for row in self.rows if row[0] == name)


def percent(value):
    return f"{100 * value:.1f}"
