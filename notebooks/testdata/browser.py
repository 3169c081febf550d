"""Use the notebook in Chromium as a reader does, and tell how each step went.

    python browser.py lab CHROMIUM PICTURES URL FOLDER
    python browser.py pages CHROMIUM PICTURES EXECUTED SAVED

The first opens quickstart.ipynb and by-hand.ipynb of the folder that the JupyterLab
at the URL serves; the second two exported pages. Each step is told on standard output in
a line of JSON, with a picture of the page at its end:

    {"step": "hover", "said": "what was seen", "failed": "", "picture": "/…/hover.png"}
"""

import hashlib
import json
import os
import re
import sys
import time

from playwright.sync_api import sync_playwright

SECOND = 1000  # of Playwright's times
SOON = 60 * SECOND  # for what takes a moment, on a machine that is busy with other tests
LONG = 600 * SECOND  # for what trains networks

# The chart in a box, of ECharts itself: its init returns the one that is there.
CHART = "box => box?.querySelector('[_echarts_instance_]') && window.lemonadePage.echarts.init(box.firstElementChild)"

# Where a chart has the marks of the trials, within the window.
MARKS = f"""id => {{
  const box = document.getElementById(id), {{ left, top }} = box.getBoundingClientRect();
  const chart = ({CHART})(box), marks = {{}};
  (chart?.getOption().series ?? []).forEach((s, seriesIndex) => (s.silent ? [] : s.data).forEach(d => {{
    const [x, y] = chart.convertToPixel({{ seriesIndex }}, d.value);
    if (d.value.length === 3) marks[d.value[2]] = [left + x, top + y];
  }}));
  return marks;
}}"""

# The ids of the charts below a selector that are drawn by script.
CHARTS = "within => [...document.querySelectorAll(within + ' canvas')].map(c => c.closest('[id^=lemonade-]').id)"

# The share of a chart's pixels that differ from its corner.
INK = """id => {
  const canvas = document.getElementById(id).querySelector('canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const all = new Uint32Array(data.buffer);
  return all.filter(p => p !== all[0]).length / all.length;
}"""

# What stands beside the mouse: ECharts appends it to the page.
TIP = """() => [...document.body.children].filter(e => e.style.position === 'absolute' && e.style.visibility !== 'hidden' && e.style.opacity !== '0')
  .map(e => e.innerText).find(text => /^trial \\d/.test(text)) ?? ''"""

# A still picture is there when the browser has understood it.
STILLS = "all => all.map(i => [i.alt, i.complete && i.naturalWidth > 0, i.clientWidth, i.clientHeight])"

# The colours of a picture's corner and of what is behind it.
PAPER = """img => {
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d');
  context.drawImage(img, 0, 0);
  let behind = img;
  while (behind && getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
  return [`rgb(${[...context.getImageData(2, 2, 1, 1).data].slice(0, 3).join(', ')})`, behind ? getComputedStyle(behind).backgroundColor : 'rgb(255, 255, 255)'];
}"""

# Keeps what the live view shows whenever that changes.
WATCH = f"""within => {{
  const notebook = document.querySelector(within);
  window.views = [];
  new MutationObserver(() => {{
    const bar = notebook.querySelector('[role=progressbar]'), box = notebook.querySelector('canvas')?.closest('[id^=lemonade-]');
    const chart = ({CHART})(box);
    const trials = new Set((chart?.getOption()?.series ?? []).flatMap(s => s.silent ? [] : s.data.map(d => d.value[2])));
    const view = {{ running: !!bar, text: bar?.parentElement.textContent ?? '', share: bar?.ariaValueNow ?? '', trials: trials.size }};
    const last = window.views.at(-1);
    if (Object.keys(view).some(k => view[k] !== last?.[k])) window.views.push({{ at: performance.now() / 1000, ...view }});
  }}).observe(notebook, {{ subtree: true, childList: true, characterData: true, attributes: true }});
}}"""

# Whether the last cell has ended, or what is wrong with one.
END = """within => {
  const all = [...document.querySelectorAll(within + ' .jp-CodeCell')];
  const wrong = document.querySelector(within + ' [data-mime-type="application/vnd.jupyter.error"]');
  return wrong?.textContent || (/\\d/.test(all.at(-1).querySelector('.jp-InputPrompt').textContent) && 'end');
}"""

SECRET = "sk-typed-" + "0123456789-by-hand"  # in halves, so that no file holds it


class Steps:
    """Does steps on a page, and tells of each."""

    def __init__(self, pictures):
        self.pictures = pictures

    def __call__(self, name, page, do):
        said, failed = "", ""
        try:
            said = do()
        except Exception as e:
            failed = f"{type(e).__name__}: {e}"
        picture = os.path.join(self.pictures, name.replace(" ", "-") + ".png")
        try:
            page().screenshot(path=picture)
        except Exception as e:
            picture = f"none, {e}"
        print(json.dumps(dict(step=name, said=said, failed=failed, picture=picture)), flush=True)


def expect(holds, *what):
    if not holds:
        raise AssertionError(" ".join(str(w) for w in what))


def until(page, script, arg, what, timeout=SOON):
    """Waits until a script returns something, and returns that."""
    try:
        return page.wait_for_function(script, arg=arg, timeout=timeout, polling=100).json_value()
    except Exception as e:
        raise AssertionError(f"waited {timeout / SECOND:.0f} s for {what}: {str(e).splitlines()[0]}") from None


def marks(page, chart):
    """Where the marks are, once the page around the chart does not move any more."""
    all, before, began = {}, None, time.monotonic()
    while not all or all != before:
        expect(time.monotonic() - began < SOON / SECOND, "there is no mark in the chart, or the page does not come to rest:", all)
        page.evaluate("id => document.getElementById(id).scrollIntoView({block: 'center'})", chart)
        page.wait_for_timeout(300)
        all, before = page.evaluate(MARKS, chart), all
    return all


def at_mark(page, chart, do, seen, arg, what):
    """Does something at the mark with most room around it, until a script returns what
    is to be seen then. Once more where the page has moved meanwhile, as it does while
    JupyterLab still draws other cells."""
    for _ in range(5):
        all = marks(page, chart)
        room = lambda n: min([abs(all[n][0] - x) + abs(all[n][1] - y) for m, (x, y) in all.items() if m != n], default=0)
        trial = max(all, key=room)
        page.mouse.move(1, 1)
        do(*all[trial])
        try:
            return trial, until(page, seen, arg, f"{what} of trial {trial}", SOON / 5)
        except AssertionError:
            if marks(page, chart) == all:
                raise
    raise AssertionError("the page does not come to rest")


def hover(page, chart):
    def move(x, y):
        page.mouse.move(x - 3, y)
        page.mouse.move(x, y)

    trial, text = at_mark(page, chart, move, TIP, None, "what is told")
    for what, pattern in {
        "the trial": rf"^trial {trial} · complete · rulebook",
        "the program": r"def network\(",
        "a metric with unit, spread and method": r"accuracy\s+[\d.]+ ± [\d.]+ %\s+counted",
        "energy as an estimate": r"energy.*\s+(≈ )?[\d.]+ ± [\d.]+ [nµm]?J\s",
        "the method of the energy": r"\s(estimate|nvml|rapl)",
    }.items():
        expect(re.search(pattern, text), f"hovering lacks {what} ({pattern}):\n{text}")
    return text.replace("\n", " ")[:200]


def click(page, chart):
    trial, text = at_mark(page, chart, page.mouse.click, "id => document.getElementById(id + '-card').innerText", chart, "the card")
    for want in (f"trial {trial}", "def network(", "accuracy", "counted", "±"):
        expect(want in text, f"the card lacks {want!r}:\n{text}")
    return text.replace("\n", " ")[:200]


def still(page, within, least):
    """The pictures that need no script, and the table."""
    pictures = []
    for _ in range(100):
        pictures = page.locator(f"{within} img[src^='data:image/svg']").evaluate_all(STILLS)
        if len(pictures) >= least and all(there for _, there, _, _ in pictures):
            break
        page.wait_for_timeout(200)
    expect(len(pictures) >= least, f"{len(pictures)} pictures, want at least {least}: {pictures}")
    for alt, there, width, height in pictures:
        expect(there, f"the browser does not understand the picture {alt!r}")
        expect(width > 400 and height > 100, f"the picture {alt!r} is {width} × {height}")
    expect(not page.query_selector(f"{within} canvas"), "a chart was drawn by script")
    picture, paper = page.locator(f"{within} img[alt*=' against ']").first.evaluate(PAPER)
    expect(picture == paper, f"a picture on {picture} stands on {paper}")
    table = page.locator(f"{within} table", has_text="accuracy").first
    table.scroll_into_view_if_needed()
    text = table.inner_text()
    for want in ("trial", "complete", "rulebook", "±", "%", "counted"):
        expect(want in text, f"the table lacks {want!r}:\n{text}")
    return f"{len(pictures)} pictures, a table of {text.count(chr(10))} rows"


class Lab:
    """A JupyterLab, with one notebook open at a time."""

    within = ".jp-NotebookPanel:not(.lm-mod-hidden)"

    def __init__(self, browser, url, folder):
        self.browser, self.url, self.folder = browser, url, folder
        self.page = None

    def open(self, notebook):
        if self.page:
            self.page.context.close()
        self.page = self.browser.new_context(viewport={"width": 1280, "height": 1000}).new_page()
        self.page.goto(self.at("lab/tree/" + notebook) + "&reset", timeout=2 * SOON)
        self.page.wait_for_selector(f"{self.within} .jp-Notebook .jp-Cell", timeout=2 * SOON)
        self.page.keyboard.press("Control+b")  # the files aside
        self.page.wait_for_selector('#jp-main-statusbar :text("Go (Lemonade) | Idle")', timeout=2 * SOON)
        return self.page

    def at(self, path):
        """The address of a path, with the token."""
        start, _, token = self.url.partition("?")
        return f"{start}{path}?{token}"

    def menu(self, name, command):
        self.page.click(f'.lm-MenuBar-itemLabel:text-is("{name}")')
        self.page.click(f'.lm-Menu-item[data-command="{command}"]')

    def cell(self, source):
        return self.page.locator(f"{self.within} .jp-CodeCell", has_text=source).first

    def write(self, source):
        """Appends a cell, with the cursor at its end."""
        page = self.page
        page.locator(f"{self.within} .jp-CodeCell").last.locator(".jp-InputPrompt").click()
        page.keyboard.press("b")
        page.keyboard.press("Enter")
        page.keyboard.insert_text(source)
        return page.locator(f"{self.within} .jp-CodeCell").last

    def run(self, cell):
        cell.locator(".jp-InputPrompt").click()
        self.page.keyboard.press("Control+Enter")
        self.says(cell, r"\[\*\]", ".jp-InputPrompt")

    def says(self, cell, pattern, part=".jp-Cell-outputWrapper", timeout=SOON):
        """Waits until a part of a cell says something, and returns the match."""
        began = time.monotonic()
        while True:
            text = " ".join(cell.locator(part).all_text_contents())
            if found := re.search(pattern, text):
                return found
            expect(time.monotonic() - began < timeout / SECOND, f"waited {timeout // SECOND} s for {pattern} in: {text[:1000]}")
            self.page.wait_for_timeout(50)

    def ended(self, cell, timeout=SOON):
        """Waits for the end of a cell that was run."""
        self.says(cell, r"\[\d+\]", ".jp-InputPrompt", timeout)

    def save(self, notebook):
        """Saves, and returns the file's text."""
        path = os.path.join(self.folder, notebook)
        before = os.stat(path).st_mtime_ns
        self.menu("File", "docmanager:save")
        began = time.monotonic()
        while os.stat(path).st_mtime_ns == before:
            expect(time.monotonic() - began < SOON / SECOND, f"{notebook} was not saved")
            time.sleep(0.1)
        time.sleep(0.2)
        with open(path, encoding="utf-8") as f:
            return f.read()


def live_view(lab):
    page = lab.page
    page.evaluate(WATCH, lab.within)
    began = time.monotonic()
    lab.menu("Run", "runmenu:run-all")
    outcome = until(page, END, lab.within, "the last cell", LONG)
    took = time.monotonic() - began
    expect(outcome == "end", "a cell has failed:", outcome)
    views = [v for v in page.evaluate("window.views") if v["running"]]
    expect(len(views) > 5, f"the live view changed {len(views)} times while it ran")
    drawn = sorted({v["trials"] for v in views})
    expect(len(drawn) > 2 and drawn[-1] >= 3, f"while the study ran, the chart had {drawn} trials: want it to grow")
    shares = [int(v["share"]) for v in views]
    expect(len(set(shares)) > 3 and shares[-1] > 50, f"the bar went through {shares}")
    gaps = sorted(b["at"] - a["at"] for a, b in zip(views, views[1:]))
    longest, middle = gaps[-1], gaps[len(gaps) // 2]
    # It is a second at most where nothing else keeps the machine busy.
    expect(longest < 5 and middle < 1.5, f"the view stood still for {longest:.1f} s once, and half of the time for more than {middle:.1f} s")
    return (f"all cells took {took:.0f} s; the view changed {len(views)} times in {views[-1]['at'] - views[0]['at']:.0f} s, "
            f"the longest gap {longest:.2f} s, the median {middle:.2f} s; the chart grew to {drawn[-1]} trials meanwhile")


def drawn(page, within, least):
    charts = until(page, f"([within, least]) => {{ const all = ({CHARTS})(within); return all.length >= least && all }}", [within, least], f"{least} charts drawn by script")
    ink = [page.evaluate(INK, id) for id in charts]
    expect(min(ink) > 0.01, f"a chart is blank: the shares of pixels drawn are {ink}")
    expect(page.locator(f"{within} img[alt*=' against ']").count() == 0, "a still picture stands beside its chart")
    return f"{len(charts)} charts, {min(ink):.1%} to {max(ink):.1%} of their pixels drawn"


def main_chart(lab):
    """The trade-off of the cell that shows the study."""
    return lab.page.evaluate(f"within => ({CHARTS})(within).at(1)", lab.within)


def reload(lab):
    """The notebook is saved and opened again, and its kernel is gone."""
    page = lab.page
    lab.save("quickstart.ipynb")
    lab.menu("Kernel", "kernelmenu:shutdown")
    page.wait_for_selector(f'{lab.within} .jp-Toolbar-kernelName:has-text("No Kernel")', timeout=SOON)
    # Nor does it get another: what asks for one waits for ever.
    page.route("**/api/sessions*", lambda route: route.continue_() if route.request.method == "GET" else None)
    page.reload(timeout=2 * SOON)
    page.wait_for_selector(f"{lab.within} .jp-Notebook .jp-Cell", timeout=2 * SOON)
    charts = drawn(page, lab.within, 8)
    hover(page, main_chart(lab))
    click(page, main_chart(lab))
    kernels = page.evaluate("async url => (await fetch(url)).json()", lab.at("api/kernels"))
    expect(kernels == [], "a kernel runs:", kernels)
    return f"without a kernel: {charts}; hovering and clicking work"


def untrusted(lab):
    """A copy that somebody else could have written."""
    with open(os.path.join(lab.folder, "quickstart.ipynb"), encoding="utf-8") as f:
        book = json.load(f)
    html = "<p>from elsewhere</p><script>window.ran = true</script><img src='x:' onerror='window.ran = true'>"
    cell = next(c for c in book["cells"] if c["cell_type"] == "code")
    cell["outputs"].append({"output_type": "display_data", "data": {"text/html": html, "text/plain": ""}, "metadata": {}})
    with open(os.path.join(lab.folder, "untrusted.ipynb"), "w", encoding="utf-8") as f:
        json.dump(book, f)
    page = lab.open("untrusted.ipynb")
    page.wait_for_selector(f'{lab.within} p:text-is("from elsewhere")', timeout=SOON)
    seen = still(page, lab.within, 8)
    expect(page.evaluate("!window.ran && !window.lemonadePage"), "a script of the notebook was run")
    return f"no script was run; {seen}"


def completion(lab):
    """Tab completes a word, and a study's name."""
    page = lab.page
    cell = lab.write("%lemonade sh")

    def tab(want):
        page.keyboard.press("Tab")
        page.wait_for_selector(f'.jp-Completer .jp-Completer-match:text-is("{want}")', timeout=SOON)
        page.keyboard.press("Enter")
        return lab.says(cell, rf"%lemonade .*{want}$", ".cm-line").group()

    tab("show")
    page.keyboard.type(" q")
    return tab("quickstart-rulebook")


def interrupt(lab):
    """The button ends a study within five seconds, and the cell goes on with it."""
    page, cell = lab.page, lab.cell("discover longer")

    def press():
        page.click(f'{lab.within} [data-jp-item-name="interrupt"]')
        began = time.monotonic()
        lab.ended(cell)
        took = time.monotonic() - began
        done = int(lab.says(cell, r"interrupted after (\d+) of 60 trials; everything is kept, and running it again goes on").group(1))
        expect(took <= 5, f"the cell ended {took:.1f} s after the interrupt, want 5 s at most")
        return done, took

    lab.run(cell)
    lab.says(cell, r"([1-9]\d*) of 60 trials .*: train", timeout=LONG)
    done, took = press()
    lab.run(cell)
    lab.says(cell, rf"{done + 1} of 60 trials", timeout=LONG)
    again, took_again = press()
    return f"interrupted after {done} trials, which took {took:.1f} s; run again it went on to trial {again + 1} (interrupted in {took_again:.1f} s)"


def password(lab):
    """What is typed at a masked prompt reaches the cell and no file."""
    page = lab.page
    cell = lab.write("""import (
"bufio"
"crypto/sha256"
"fmt"
"os"
"strings"
"github.com/janpfeifer/gonb/gonbui"
)
%%
gonbui.RequestInput("Key: ", true)
key, _ := bufio.NewReader(os.Stdin).ReadString('\\n')
fmt.Printf("its sum is %x\\n", sha256.Sum256([]byte(strings.TrimSpace(key))))""")
    lab.run(cell)
    box = cell.locator("input.jp-Stdin-input")
    box.wait_for(timeout=2 * SOON)
    expect(box.get_attribute("type") == "password", f"the prompt is of type {box.get_attribute('type')}")
    box.fill(SECRET)
    box.press("Enter")
    lab.says(cell, "its sum is " + hashlib.sha256(SECRET.encode()).hexdigest())
    expect(SECRET not in page.content(), "the page shows what was typed")
    expect("its sum is" in lab.save("by-hand.ipynb"), "the output was not saved")
    files = [os.path.join(at, name) for at, _, names in os.walk(lab.folder) for name in names]
    for path in files:
        with open(path, "rb") as f:
            expect(SECRET.encode() not in f.read(), f"{path} holds what was typed")
    return f"masked; it reached the cell, and none of {len(files)} files"


def page_steps(step, browser, executed, saved):
    """Exported pages, opened as files where no network is."""

    def visit(name, path, do, **options):
        context = browser.new_context(viewport={"width": 1150, "height": 1000}, offline=True, **options)
        page, asked = context.new_page(), []
        page.on("request", lambda r: r.url.startswith(("file:", "data:", "blob:")) or asked.append(r.url))
        page.on("pageerror", lambda e: asked.append(f"error in a script: {e}"))

        def all():
            page.goto("file://" + path, timeout=SOON)
            said = do(page)
            expect(not asked, "the page asked for", asked)
            return said + "; nothing was asked of the network"

        step(name, lambda: page, all)
        context.close()

    def alive(page):
        said = drawn(page, "body", 8)
        chart = page.evaluate(CHARTS, "body")[1]
        hover(page, chart)
        click(page, chart)
        return f"{said}; hovering and clicking work"

    def quiet(page):
        return still(page, "body", 8)

    visit("page", executed, alive)
    visit("page in the dark", executed, alive, color_scheme="dark")
    visit("page without scripts", executed, quiet, java_script_enabled=False)
    visit("saved page", saved, alive)
    visit("saved page without scripts", saved, quiet, java_script_enabled=False, color_scheme="dark")


def lab_steps(step, browser, url, folder):
    lab = Lab(browser, url, folder)
    shown = lambda: lab.page
    lab.open("quickstart.ipynb")
    step("live view", shown, lambda: live_view(lab))
    step("charts", shown, lambda: drawn(lab.page, lab.within, 8))
    step("hover", shown, lambda: hover(lab.page, main_chart(lab)))
    step("click", shown, lambda: click(lab.page, main_chart(lab)))
    step("reload", shown, lambda: reload(lab))
    step("untrusted", shown, lambda: untrusted(lab))
    lab.open("by-hand.ipynb")
    step("completion", shown, lambda: completion(lab))
    step("interrupt", shown, lambda: interrupt(lab))
    step("password", shown, lambda: password(lab))
    lab.page.context.close()


def main(what, chromium, pictures, *rest):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
        )
        {"lab": lab_steps, "pages": page_steps}[what](Steps(pictures), browser, *rest)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
