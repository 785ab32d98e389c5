"""The page in headless Chromium; tests/browser/run prepares what this looks at.

Each check is a function of a page that is open; a page that says an error on its console, throws one, or asks another host
than its server fails whatever it was checked for."""
import re
import sys
from contextlib import contextmanager
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

VIEWS = ["Catalogue", "People", "Chat", "Runs", "Training", "Live"]
WIDE, PHONE = {"width": 1000, "height": 720}, {"width": 360, "height": 740}
READY = {  # what is there once a view has its answers
    "Catalogue": ".items li", "People": ".three section:nth-child(2) .items li", "Chat": "#model option",
    "Runs": "table tbody tr", "Training": "#run option", "Live": "table tbody tr",
}
expect.set_options(timeout=30000)  # busy machines
done = 0


def check(what, holds):
    global done
    if not holds:
        raise AssertionError(what)
    done += 1


@contextmanager
def opened(browser, port, path="", allowed=(), **settings):
    """A page, and at the end: no error said or thrown, nothing asked of another host."""
    page = browser.new_context(**{"viewport": WIDE, "color_scheme": "light", "reduced_motion": "reduce", **settings}).new_page()
    page.set_default_timeout(60000)
    home, errors, strangers = f"http://127.0.0.1:{port}/", [], []
    page.on("console", lambda m: errors.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: errors.append(str(e)))
    page.on("request", lambda r: strangers.append(r.url) if not r.url.startswith(home) else None)
    page.goto(home + path)
    yield page
    errors = [e for e in errors if not any(a in e for a in allowed)]
    check(f"errors on the console: {errors}", not errors)
    check(f"requests to other hosts: {strangers}", not strangers)
    page.context.close()


def is_shown(page, view):
    expect(page.get_by_role("heading", level=1)).to_have_text(view)
    page.locator(READY[view]).first.wait_for(state="attached")
    check(f"{view} is not marked as the present one",
          page.locator("nav a[aria-current=page]").inner_text() == view)


def by_mouse(page):
    for view in VIEWS[1:] + VIEWS[:1]:
        page.get_by_role("link", name=view, exact=True).click()
        is_shown(page, view)
    page.go_back()
    is_shown(page, VIEWS[-1])


def by_keyboard(page):
    """From the top of the page: Tab to each link, Enter; the heading is where the reader is then."""
    for view in VIEWS:
        page.goto(page.url.split("#")[0])
        page.locator(".items li").first.wait_for()
        for _ in range(12):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent") == view:
                break
        else:
            raise AssertionError(f"{view} is not reached by Tab")
        ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        check(f"{view}: where the keyboard is can not be seen", ring != "none")
        page.keyboard.press("Enter")
        is_shown(page, view)
        if view != VIEWS[0]:  # it was there already
            check(f"{view}: the heading has no focus", page.evaluate("document.activeElement.tagName") == "H1")
    page.goto(page.url.split("#")[0])
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the first is the way past the links
    check("the skip link", page.evaluate("document.activeElement.id") == "main")


def tab_to(page, words, most=60):
    """Tab until what has the focus says so: nothing else moves it."""
    for _ in range(most):
        page.keyboard.press("Tab")
        said = page.evaluate("(e => (e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent).trim())"
                             "(document.activeElement)")
        if said.startswith(words):
            return
    raise AssertionError(f'"{words}" is not reached by Tab')


def keyboard_alone(page):
    """What each view is for, without a mouse."""
    page.locator(".items li").first.wait_for()
    tab_to(page, "Words of a title")
    page.keyboard.type("golden road")
    expect(page.locator(".view .title").first).to_have_text("The Golden Road")
    tab_to(page, "Pick")
    page.keyboard.press("Space")
    expect(page.locator("button[aria-pressed=true]")).to_have_count(1)
    tab_to(page, "What comes next?")
    page.keyboard.press("Enter")
    is_shown(page, "People")
    expect(page.locator(".three section").first).to_contain_text("The Golden Road")
    tab_to(page, "my picks")  # of two radios the chosen one has the focus
    page.keyboard.press("ArrowUp")
    page.locator(".three section:nth-child(2) li").first.wait_for()
    tab_to(page, "Method B")
    page.keyboard.press("Home")
    expect(page.locator(".three section").nth(2)).to_be_hidden()
    tab_to(page, "Like ")
    page.keyboard.press("Enter")
    expect(page.locator("[role=status]")).to_contain_text("is liked")
    page.goto(page.url.split("#")[0] + "#chat")
    is_shown(page, "Chat")
    tab_to(page, "What you liked")
    page.keyboard.type("I liked The Golden Road")
    page.keyboard.press("Enter")
    expect(page.locator(".talk .assistant .said").nth(1)).to_contain_text("1. ")
    page.goto(page.url.split("#")[0] + "#runs")
    is_shown(page, "Runs")
    tab_to(page, "Sorted and drawn by")
    page.keyboard.press("End")
    expect(page.locator(".plot").first).to_have_attribute("aria-label", re.compile("^coverage@10"))
    tab_to(page, "Settings")
    page.keyboard.press("Enter")
    expect(page.locator("details pre").first).to_be_visible()
    page.goto(page.url.split("#")[0] + "#training")
    is_shown(page, "Training")
    tab_to(page, "Run")
    page.keyboard.press("End")
    tab_to(page, "Last words of the log")
    page.goto(page.url.split("#")[0] + "#live")
    is_shown(page, "Live")
    tab_to(page, "Answers since the start")  # what is wide can be scrolled


def accessible(page, name):
    found = Axe().run(page).response["violations"]
    check(f"{name}: " + "; ".join(f"{v['id']}: {v['nodes'][0]['html'][:120]}" for v in found), not found)


def fits(page, name):
    wide = page.evaluate("[document.scrollingElement.scrollWidth, innerWidth]")
    check(f"{name} is {wide[0]} px wide on {wide[1]}", wide[0] <= wide[1])


def every_view(page, name, pictures=None):
    for view in VIEWS:
        page.get_by_role("link", name=view, exact=True).click()
        is_shown(page, view)
        if view == "Training":
            page.get_by_label("Run").select_option("runs/both")
            page.locator(".plot").wait_for()
        if view == "Chat":
            page.get_by_label("What you liked").fill("I liked The Golden Road and The Secret Desert")
            page.keyboard.press("Enter")
            page.locator(".talk .said + .dim").wait_for()
        if view == "Live":
            page.locator(".spark polyline").first.wait_for(state="attached")
        accessible(page, f"{view}, {name}")
        fits(page, f"{view}, {name}")
        if pictures:
            page.screenshot(path=pictures / f"{view.lower()}-{name}.png")


def catalogue(page):
    page.get_by_label("Words of a title").fill("golden road")
    expect(page.locator("[role=status]")).to_contain_text("found")
    expect(page.locator(".view .title").first).to_have_text("The Golden Road")
    page.get_by_role("button", name="Pick").first.click()
    expect(page.get_by_role("button", name="Pick").first).to_have_attribute("aria-pressed", "true")
    page.get_by_label("Words of a title").fill("no such title")
    expect(page.locator("[role=status]")).to_have_text("No title has these words.")
    page.get_by_label("Words of a title").fill("")
    expect(page.locator(".view .items li")).to_have_count(20)
    page.get_by_role("button", name="More").click()
    expect(page.locator(".view .items li")).to_have_count(40)
    page.get_by_role("link", name="What comes next?").click()
    is_shown(page, "People")
    expect(page.locator("section").first).to_contain_text("The Golden Road")


def person(page):
    page.get_by_role("link", name="People", exact=True).click()
    is_shown(page, "People")
    lists = page.locator(".three section")
    expect(lists.nth(1).get_by_role("heading")).to_have_text("ease")
    expect(lists.nth(2).get_by_role("heading")).to_have_text("sasrec")
    first = lists.nth(1).locator(".title").first.inner_text()
    lists.nth(1).get_by_role("button", name="Like").first.click()
    expect(page.locator("[role=status]")).to_contain_text("is liked")
    check("a liked title is still recommended", first not in lists.nth(1).locator(".title").all_inner_texts())
    expect(lists.nth(0).locator("li").first).to_contain_text("like, just now")
    page.get_by_label("Person", exact=True).fill("nobody")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("[role=status]")).to_contain_text('there is no user "nobody"')
    page.get_by_label("Method B").select_option("none")
    page.get_by_label("Person", exact=True).fill("reader0002")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(lists.nth(2)).to_be_hidden()


def chat(page):
    page.get_by_role("link", name="Chat", exact=True).click()
    is_shown(page, "Chat")
    page.get_by_label("What you liked").fill('I liked "The Golden Road" and "The Secret Desert"')
    page.keyboard.press("Enter")
    answer = page.locator(".talk .assistant .said").nth(1)
    expect(answer).to_contain_text("1. ")
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    check("what was said is not kept", page.locator(".talk li").count() == 3)
    page.get_by_role("button", name="Begin anew").click()
    expect(page.locator(".talk li")).to_have_count(1)


def runs(page):
    page.get_by_role("link", name="Runs", exact=True).click()
    is_shown(page, "Runs")
    best = page.locator("tbody tr").first.inner_text()
    check(f"the best row has no interval: {best}", "–" in best)
    plot = page.locator(".plot").first
    rows = page.locator("section").first.locator("table").first.locator("tbody tr").count()
    check("the plot has not a dot and an interval a method",
          plot.locator("circle").count() == rows == plot.locator("line.whisker").count())
    check("an interval is a point", all(l.get_attribute("x1") != l.get_attribute("x2") for l in plot.locator("line.whisker").all()))
    page.get_by_label("Sorted and drawn by").select_option("coverage@10")
    expect(page.locator(".plot").first).to_have_attribute("aria-label", "coverage@10, with 95% intervals (or ± sd over seeds)")
    page.get_by_text("Settings").click()
    expect(page.locator("pre").filter(has_text='"l2"').first).to_be_visible()


def training(page):
    page.get_by_role("link", name="Training", exact=True).click()
    page.get_by_label("Run").select_option("runs/both")
    expect(page.locator(".plot polyline")).to_have_count(1)
    points = page.locator(".plot polyline").get_attribute("points").split()
    check(f"the curve has {len(points)} points", len(points) >= 4)
    expect(page.locator(".log")).to_contain_text("epochs in")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.get_by_text(re.compile("(exporting|training|checking): runs/both"))).to_be_visible()


def under_way(page):
    """A run that is being trained: its curve and its log grow while somebody looks, and nobody reloads."""
    folder = Path("runs/under-way")
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_bytes(Path("runs/both/config.json").read_bytes())
    lines = [l for l in Path("runs/both/metrics.jsonl").read_text().splitlines(True) if '"validation"' in l]
    (folder / "metrics.jsonl").write_text("".join(lines[:3]))
    (folder / "log.txt").write_text("epoch 3\n")
    page.get_by_role("link", name="Training", exact=True).click()
    page.get_by_label("Run").select_option("runs/under-way")
    curve = page.locator(".plot polyline")
    def points():
        return len(curve.get_attribute("points").split())
    curve.wait_for()
    check(f"the curve begins with {points()} points", points() == 3)
    expect(page.locator("[role=status]").first).to_contain_text("under way")
    with open(folder / "metrics.jsonl", "a") as f:
        f.write("".join(lines[3:7]))
    (folder / "log.txt").write_text("epoch 3\nepoch 7\n")
    expect(page.locator("tbody tr").first).to_contain_text("7")
    check(f"the curve has {points()} points", points() == 7)
    expect(page.locator(".log")).to_contain_text("epoch 7")
    (folder / "log.txt").unlink()
    (folder / "metrics.jsonl").unlink()
    (folder / "config.json").unlink()
    folder.rmdir()


def live(page):
    """Numbers move by themselves: this page's own readings are counted."""
    page.get_by_role("link", name="Live", exact=True).click()
    is_shown(page, "Live")
    row = page.locator("tbody tr").filter(has_text="GET /metrics")
    row.wait_for()
    before = int(row.locator("td").first.inner_text().replace(",", ""))
    expect(row.locator("td").first).not_to_have_text(f"{before:,}")
    check("readings are not counted on", int(row.locator("td").first.inner_text().replace(",", "")) > before)
    requests = page.locator(".numbers > div").filter(has_text="requests a second")
    expect(requests.locator("dd span").first).to_have_text(re.compile(r"^\d"))
    page.locator(".spark polyline").first.wait_for(state="attached")
    outside = page.evaluate("""[...document.querySelectorAll(".numbers > div")].filter((d) =>
        [...d.querySelectorAll("span, svg")].some((s) => s.getBoundingClientRect().right > d.getBoundingClientRect().right + .5)).length""")
    check(f"{outside} numbers stand out of their frames", outside == 0)


def colours(page):
    def paper():
        return page.evaluate("getComputedStyle(document.body).backgroundColor")
    light = paper()
    page.emulate_media(color_scheme="dark")
    dark = paper()
    check("the system's dark is not followed", light != dark)
    page.get_by_label("Colours").select_option("light")
    check("light was chosen", paper() == light)
    page.reload()
    check("the choice is forgotten", paper() == light)
    page.get_by_label("Colours").select_option("dark")
    page.emulate_media(color_scheme="light")
    check("dark was chosen", paper() == dark)
    page.get_by_label("Colours").select_option("auto")
    check("back to the system's", paper() == light)


def hostile(page):
    """Markup in titles, categories, ids and folders is text wherever it is shown."""
    page.evaluate("void (window.pwn = () => { window.pwned = true; })")  # a bare function would be called
    def harmless(where):
        check(f"{where}: markup was obeyed", page.evaluate("window.pwned") is None)
        check(f"{where}: elements were made of text",
              page.locator("main img, main iframe, main script, main b, main [onerror], main [onload]").count() == 0)
        check(f"{where}: a link that runs something", page.locator("a[href^=javascript]").count() == 0)
    expect(page.locator("main")).to_contain_text("<script>pwn()</script>")
    for button in page.get_by_role("button", name="Pick").all():
        button.click()
    harmless("Catalogue")
    page.get_by_role("link", name="What comes next?").click()
    harmless("People, picks")
    page.get_by_label("a person of the data").check()
    page.locator(READY["People"]).first.wait_for()
    expect(page.locator(".three")).to_contain_text("pwn()")
    page.get_by_role("button", name="Like").first.click()
    expect(page.locator("[role=status]")).to_contain_text("is liked")
    harmless("People")
    page.get_by_role("link", name="Chat", exact=True).click()
    is_shown(page, "Chat")
    page.get_by_label("What you liked").fill('"<img src=x onerror=pwn()>"')
    page.keyboard.press("Enter")
    page.locator(".talk .assistant").nth(1).wait_for()
    harmless("Chat")
    for view in VIEWS[3:]:
        page.get_by_role("link", name=view, exact=True).click()
        is_shown(page, view)
        harmless(view)


def locked(page):
    """Without a key the page opens and asks; a wrong one is told; the right one is kept for the tab."""
    key = page.get_by_label("Key", exact=True)
    expect(key).to_be_visible()
    accessible(page, "the key's dialog")
    key.fill("wrong")
    page.keyboard.press("Enter")
    expect(page.locator("[role=status]")).to_have_text("the key is not right")
    page.get_by_role("link", name="Runs", exact=True).click()
    key.fill("sesame")
    page.keyboard.press("Enter")
    is_shown(page, "Runs")
    page.reload()
    is_shown(page, "Runs")
    check("the key is in the address", "sesame" not in page.url)


def main(executable, plain, bad, shut, pictures=None):
    pictures = Path(pictures) if pictures else None
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        print("Chromium", browser.version)
        with opened(browser, bad) as page:
            hostile(page)
        print("ok hostile")
        with opened(browser, shut, allowed=["401"]) as page:
            locked(page)
        print("ok locked")
        for test in (by_mouse, by_keyboard, keyboard_alone, catalogue, person, chat, runs, under_way, live, training, colours):
            # Chromium itself says each 4xx: here a person is asked for whom there is not
            with opened(browser, plain, allowed=["404"] if test is person else []) as page:
                test(page)
            print("ok", test.__name__)
        for name, settings in {"light": {}, "dark": {"color_scheme": "dark"}, "phone": {"viewport": PHONE},
                               "phone-dark": {"viewport": PHONE, "color_scheme": "dark"}}.items():
            with opened(browser, plain, **settings) as page:
                every_view(page, name, pictures)
            print("ok every view,", name)
        browser.close()
    print(f"passed: {done} checks beside what was waited for")


main(*sys.argv[1:])
